import { useSyncExternalStore } from "react";

/** Wide enough for the chat drawer beside a plate. The style sheet uses the same width. */
export const WIDE = "(min-width: 68rem)";
/** Tablets: the drawer slides over the plate. */
export const MEDIUM = "(min-width: 40.01rem) and (max-width: 67.99rem)";

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
