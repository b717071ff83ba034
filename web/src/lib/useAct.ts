import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useErrorText } from "./useErrorText";

/** One act at a time; afterwards everything that was read under `family` is read anew. */
export function useAct(family: string) {
  const queries = useQueryClient();
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const act = async (call: () => Promise<unknown>): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    setFailure(null);
    try {
      await call();
      await queries.invalidateQueries({ queryKey: [family] });
      return true;
    } catch (error) {
      setFailure(explain(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { act, busy, failure };
}
