import { useMemo } from "react";
import { useFormatter } from "use-intl";

/** Times of day and days, as the player's language writes them. The same object between draws. */
export function useClock() {
  const format = useFormatter();
  return useMemo(
    () => ({
      time: (ms: number) =>
        format.dateTime(new Date(ms), { hour: "2-digit", minute: "2-digit", hour12: false }),
      day: (ms: number) =>
        format.dateTime(new Date(ms), { weekday: "long", day: "numeric", month: "long" }),
      moment: (ms: number) =>
        format.dateTime(new Date(ms), {
          day: "numeric",
          month: "short",
          year: "numeric",
          hour: "2-digit",
          minute: "2-digit",
          hour12: false,
        }),
    }),
    [format],
  );
}
