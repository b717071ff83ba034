import { useEffect, useState } from "react";

/** Seconds until a time on this machine's clock, counting down to 0. */
export function useSeconds(untilMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  const waiting = untilMs > nowMs;
  useEffect(() => {
    setNowMs(Date.now());
    if (!waiting && untilMs <= Date.now()) return;
    const ticking = setInterval(() => setNowMs(Date.now()), 500);
    return () => clearInterval(ticking);
  }, [untilMs, waiting]);
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}
