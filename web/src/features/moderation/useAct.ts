import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useErrorText } from "@/lib/useErrorText";

/** One act at a time; afterwards everything of the feature is read anew. */
export function useAct() {
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
      await queries.invalidateQueries({ queryKey: ["moderation"] });
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
