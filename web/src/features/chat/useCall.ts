import { useState } from "react";
import { useErrorText } from "@/lib/useErrorText";

/** One call at a time, and the sentence for the one that failed. */
export function useCall(onDone: () => void) {
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = async (call: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await call();
      onDone();
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, failure, run };
}
