import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keeper } from "@/lib/transport";
import { Link, router } from "./router";

let root: Root;
let host: HTMLElement;

beforeEach(async () => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  history.replaceState(null, "", "/nowhere");
  keeper.leave(0);
  host = document.body.appendChild(document.createElement("div"));
  root = createRoot(host);
  await act(() => router.arrive());
});
afterEach(() => act(() => root.unmount()));

const link = () => host.querySelector("a") as HTMLAnchorElement;
/** True if the link dealt with it; what it leaves to the browser ends here. */
const click = (options: MouseEventInit = {}) => {
  let dealtWith = false;
  const end = (event: Event) => {
    dealtWith = event.defaultPrevented;
    event.preventDefault();
  };
  addEventListener("click", end, { once: true });
  link().dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...options }));
  return dealtWith;
};

it("leads to its place without leaving the page", async () => {
  await act(async () => root.render(<Link to="/recover">Password forgotten?</Link>));
  expect(link().getAttribute("href")).toBe("/recover");
  expect(link().getAttribute("aria-current")).toBeNull();
  await act(async () => {
    expect(click()).toBe(true);
  });
  expect(location.pathname).toBe("/recover");
});

it("leaves to the browser what is meant for another tab, and what was dealt with", async () => {
  await act(async () => root.render(<Link to="/recover">Password forgotten?</Link>));
  for (const options of [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { button: 1 }]) {
    expect(click(options)).toBe(false);
  }
  await act(async () =>
    root.render(
      <Link to="/recover" onClick={(event) => event.preventDefault()}>
        Password forgotten?
      </Link>,
    ),
  );
  click();
  expect(location.pathname).toBe("/nowhere");
});

it("says that one is there, at its own address and, unless exact, below it", async () => {
  await act(async () =>
    root.render(
      <>
        <Link to="/sign-in">Sign in</Link>
        <Link to="/sign-in" exact>
          Sign in
        </Link>
      </>,
    ),
  );
  for (const [to, current] of [
    ["/sign-in", ["page", "page"]],
    ["/sign-in/second", ["page", null]],
    ["/register", [null, null]],
  ] as const) {
    await act(() => router.go({ to }));
    const found = [...host.querySelectorAll("a")].map((one) => one.getAttribute("aria-current"));
    expect(found).toEqual(current);
  }
});
