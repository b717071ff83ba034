import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, it } from "vitest";
import { useOnce } from "./useOnce";

type Once = ReturnType<typeof useOnce>;

function Holder({ take }: { take: (once: Once) => void }) {
  take(useOnce());
  return null;
}

/** What a component gets from the hook. */
async function once(): Promise<Once> {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  const taken: Once[] = [];
  const root = createRoot(document.createElement("div"));
  await act(async () => root.render(<Holder take={(one) => taken.push(one)} />));
  const [first] = taken;
  if (!first) throw new Error("it was not drawn");
  return first;
}

it("keeps its key while the same is sent again, and takes another after that", async () => {
  const send = await once();
  const keys: string[] = [];
  const lost = (key: string) => {
    keys.push(key);
    return Promise.reject(new Error("no answer"));
  };
  const done = async (key: string) => void keys.push(key);
  await expect(send("a", lost)).rejects.toThrow();
  await expect(send("a", lost)).rejects.toThrow();
  await send("a", done);
  expect(new Set(keys).size).toBe(1);
  await send("a", done); // the same once more is something new
  await expect(send("b", lost)).rejects.toThrow();
  await send("c", done); // what was changed is something else
  expect(new Set(keys).size).toBe(4);
});
