import { createClient } from "@connectrpc/connect";
import { useQuery } from "@tanstack/react-query";
import { AccountService } from "@/gen/waystone/account/v1/account_pb";
import { transport } from "@/lib/transport";

export const account = createClient(AccountService, transport);

/** What is read under this is read anew after each act. */
export const FAMILY = "account";

/** How the account can be opened. */
export function useSecurity() {
  return useQuery({
    queryKey: [FAMILY, "security"],
    staleTime: 0,
    queryFn: () => account.getSecurity({}),
  });
}
