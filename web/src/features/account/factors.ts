import { createClient } from "@connectrpc/connect";
import { FactorService } from "@/gen/waystone/account/v1/factors_pb";
import { transport } from "@/lib/transport";

export const factors = createClient(FactorService, transport);
