import { useRef } from "react";
import { newKey } from "./ids";

/**
 * For calls with an idempotency key. What is sent again unchanged, since its answer was lost, keeps
 * its key and is done once; what was changed, or has succeeded, gets another.
 */
export function useOnce() {
  const last = useRef<{ content: string; key: string } | null>(null);
  return async <T>(content: string, call: (idempotencyKey: string) => Promise<T>): Promise<T> => {
    if (last.current?.content !== content) last.current = { content, key: newKey() };
    const answer = await call(last.current.key);
    last.current = null;
    return answer;
  };
}
