import { createClient } from "@connectrpc/connect";
import { ProviderService } from "@/gen/waystone/auth/v1/providers_pb";
import { transport } from "@/lib/transport";

const providers = createClient(ProviderService, transport);

export async function listProviders() {
  return (await providers.listProviders({})).providers;
}

/** Where to send the browser. */
export async function startLink(providerId: string): Promise<string> {
  return (await providers.startProviderLink({ providerId })).authorizationUrl;
}

/** `answer`: what the browser came back with. */
export async function finishLink(answer: {
  state: string;
  code: string;
  issuer: string;
}): Promise<void> {
  await providers.finishProviderLink(answer);
}

export async function unlink(providerId: string): Promise<void> {
  await providers.unlinkProvider({ providerId });
}
