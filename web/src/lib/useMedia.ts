import { useSyncExternalStore } from "react";

/** Wide enough for the chat drawer beside a plate. The style sheet uses the same width. */
export const WIDE = "(min-width: 68rem)";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = matchMedia(query);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => matchMedia(query).matches,
  );
}
