import { Code } from "@connectrpc/connect";
import { QueryClient } from "@tanstack/react-query";
import { hasCode } from "@/lib/errors";

/** Only an unreachable server is worth asking the same thing again. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (failures, error) => failures < 3 && !isFinal(error),
    },
  },
});

function isFinal(error: unknown): boolean {
  const final = [Code.Unauthenticated, Code.PermissionDenied, Code.InvalidArgument, Code.NotFound];
  return final.some((code) => hasCode(error, code));
}
