import { beforeEach, describe, expect, it } from "vitest";
import { Part, Router, type Row } from "./router";

type Path = "/in" | "/in/deep" | "/door" | "/mail" | "/slow" | "/gone";

const Frame = () => null;
const Screen = () => null;
const Deep = () => null;
const Slow = () => null;

/** A part whose loading the test ends. */
function heldPart() {
  let release: (kept: boolean) => void = () => {};
  const part = new Part(
    () =>
      new Promise((resolve, reject) => {
        release = (kept) => (kept ? resolve(Slow) : reject(new Error("no network")));
      }),
  );
  return { part, end: (kept: boolean) => release(kept) };
}

let member: boolean | null;
let slow: ReturnType<typeof heldPart>;
let shown: string[];
let router: Router<Path>;

const there = (component: () => null) => new Part(() => Promise.resolve(component));
const path = () => router.getPlace()?.path;

beforeEach(() => {
  history.replaceState(null, "", "/in");
  member = true;
  slow = heldPart();
  const frame = there(Frame);
  const rows: Record<Path, Row> = {
    "/in": { who: "members", parts: [frame, there(Screen)] },
    "/in/deep": { who: "members", parts: [frame, there(Deep)] },
    "/door": { who: "guests", parts: [there(Screen)] },
    "/mail": { who: "all", parts: [there(Screen)] },
    "/slow": { who: "members", parts: [frame, slow.part] },
    "/gone": { who: "members", parts: [new Part(() => Promise.reject(new Error("404")))] },
  };
  const home = { members: "/in", guests: "/door" } as const;
  router = new Router<Path>({ rows, isMember: () => member, home, browser: window });
  shown = [];
  router.subscribe(() => shown.push(router.getPlace()?.path ?? ""));
});

describe("a place", () => {
  it("is shown from the frame inwards once all of it is there", async () => {
    expect(router.getPlace()).toBeNull();
    await router.arrive();
    expect(router.getPlace()).toMatchObject({
      path: "/in",
      state: "found",
      parts: [Frame, Screen],
    });
  });

  it("tells what stands in the address", async () => {
    await router.go({ to: "/in/deep", search: { view: "a b&c" } });
    expect(location.search).toBe("?view=a+b%26c");
    expect(router.getPlace()?.search.get("view")).toBe("a b&c");
    await router.go({ replace: true });
    expect(location.search).toBe("");
    expect(path()).toBe("/in/deep");
  });

  it("keeps the one before on the screen while it loads", async () => {
    await router.arrive();
    const going = router.go({ to: "/slow" });
    await Promise.resolve();
    expect(location.pathname).toBe("/slow");
    expect(path()).toBe("/in");
    slow.end(true);
    await going;
    expect(router.getPlace()).toMatchObject({ path: "/slow", parts: [Frame, Slow] });
  });

  it("that was left before it had loaded is never shown", async () => {
    await router.arrive();
    const going = router.go({ to: "/slow" });
    await router.go({ to: "/in/deep" });
    slow.end(true);
    await going;
    expect(path()).toBe("/in/deep");
    expect(shown).not.toContain("/slow");
  });

  it("is shown at once where everything is there already", async () => {
    await router.go({ to: "/in/deep" });
    await router.go({ to: "/in" });
    void router.go({ to: "/in/deep" });
    expect(path()).toBe("/in/deep");
  });

  it("says so when it cannot be loaded, and is tried again the next time", async () => {
    await router.go({ to: "/gone" });
    expect(router.getPlace()).toMatchObject({ path: "/gone", state: "broken" });
    const going = router.go({ to: "/slow" });
    await Promise.resolve();
    slow.end(false);
    await going;
    expect(router.getPlace()?.state).toBe("broken");
    const again = router.go({ to: "/slow" });
    await Promise.resolve();
    slow.end(true);
    await again;
    expect(router.getPlace()?.state).toBe("found");
  });

  it("nobody knows is lost, names of every object's properties included", async () => {
    for (const unknown of ["/nowhere", "/constructor", "/in/"]) {
      history.pushState(null, "", unknown);
      await router.arrive();
      expect(router.getPlace()).toMatchObject({ path: unknown, state: "lost", parts: [] });
    }
  });

  it("follows the browser's own ways back and on", async () => {
    await router.go({ to: "/in" });
    await router.go({ to: "/in/deep" });
    history.replaceState(null, "", "/in");
    dispatchEvent(new PopStateEvent("popstate"));
    expect(path()).toBe("/in");
  });
});

describe("whoever may not see a place", () => {
  it("is sent to where they belong, and back does not lead there again", async () => {
    const entries = history.length;
    member = false;
    await router.arrive();
    expect([location.pathname, path()]).toEqual(["/door", "/door"]);
    member = true;
    await router.arrive();
    expect([location.pathname, path()]).toEqual(["/in", "/in"]);
    expect(history.length).toBe(entries);
    expect(shown).toEqual(["/door", "/in"]);
  });

  it("is shown nothing before that is known", async () => {
    member = null;
    await router.arrive();
    expect(router.getPlace()).toBeNull();
  });

  it("sees what is for all", async () => {
    for (member of [true, false]) {
      await router.go({ to: "/mail" });
      expect(path()).toBe("/mail");
    }
  });

  it("begins at home", async () => {
    history.replaceState(null, "", "/");
    await router.arrive();
    expect(path()).toBe("/in");
  });
});
