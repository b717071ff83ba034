import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  AuthService,
  type CompleteSignInRequestSchema,
  type SecondFactorChallenge,
  type Session,
  TokenTransport,
} from "@/gen/waystone/auth/v1/auth_pb";
import { type ProviderNewcomer, ProviderService } from "@/gen/waystone/auth/v1/providers_pb";
import { type Assertion, askPasskey } from "@/lib/passkeys";
import { keeper, keepSession, publicTransport } from "@/lib/transport";

const client = createClient(AuthService, publicTransport);
const providers = createClient(ProviderService, publicTransport);
const tokenTransport = TokenTransport.COOKIE;

export type Registration = { userName: string; email: string; password: string };
export type Credentials = { login: string; password: string };

/** Where an attempt to sign in has led: in, to a second factor, or to a new account's name. */
export type Arrival =
  | { kind: "in" }
  | { kind: "factor"; challenge: SecondFactorChallenge }
  | { kind: "newcomer"; newcomer: ProviderNewcomer };

/** Makes the account; the page is signed in when this resolves. */
export async function register(registration: Registration): Promise<void> {
  await open((options) => client.register({ ...registration, tokenTransport }, options));
}

/** `reopen` keeps an account that is being closed. */
export async function signIn(credentials: Credentials, reopen = false): Promise<Arrival> {
  return arrive(async (options) => {
    const request = { ...credentials, reopen, tokenTransport };
    return (await client.signIn(request, options)).result;
  });
}

export type FactorProof = MessageInitShape<typeof CompleteSignInRequestSchema>["proof"];

export async function completeSignIn(challengeToken: string, proof: FactorProof): Promise<void> {
  const request = { challengeToken, tokenTransport, ...(proof && { proof }) };
  await open((options) => client.completeSignIn(request, options));
}

type PasskeyOptions = { signal?: AbortSignal; conditional?: boolean };

/** A passkey's answer to a challenge of the server's; null when the person would rather not. */
export async function offerPasskey(options: PasskeyOptions = {}): Promise<PasskeyAnswer | null> {
  const { challengeToken, passkeyOptions } = await client.startPasskeySignIn({});
  const passkey = await askPasskey(passkeyOptions, options);
  return passkey && { challengeToken, passkey };
}

export type PasskeyAnswer = { challengeToken: string; passkey: Assertion };

export async function signInByPasskey(answer: PasskeyAnswer, reopen = false): Promise<void> {
  await open((options) =>
    client.finishPasskeySignIn({ ...answer, reopen, tokenTransport }, options),
  );
}

export async function verifyEmail(token: string): Promise<string> {
  const { email } = await client.verifyEmail({ token });
  // Whoever is signed in here sees the new state of the account at once.
  const { status } = keeper.getState();
  if (status === "signed-in") await keeper.refresh().catch(() => null);
  return email;
}

export async function startRecovery(email: string): Promise<void> {
  await client.startRecovery({ email });
}

/** Resolves to the account's user name. */
export async function finishRecovery(token: string, newPassword: string): Promise<string> {
  return (await client.finishRecovery({ token, newPassword })).userName;
}

/** Where the name of the provider is kept that one was sent to. */
export const CHOSEN_PROVIDER = "waystone.provider";

export async function listProviders() {
  return (await providers.listProviders({})).providers;
}

/** Where to send the browser. `reopen` keeps an account that is being closed. */
export async function startProvider(providerId: string, reopen = false): Promise<string> {
  return (await providers.startProviderSignIn({ providerId, reopen })).authorizationUrl;
}

/** What the browser came back with. */
export type ProviderAnswer = { state: string; code: string; issuer: string };

export async function finishProvider(answer: ProviderAnswer): Promise<Arrival> {
  return arrive(
    async (options) =>
      (await providers.finishProviderSignIn({ ...answer, tokenTransport }, options)).result,
  );
}

export async function registerWithProvider(
  registrationToken: string,
  userName: string,
): Promise<void> {
  await open((options) =>
    providers.registerWithProvider({ registrationToken, userName, tokenTransport }, options),
  );
}

type CallOptions = { onHeader: (header: Headers) => void };
type Result =
  | { case: "session"; value: Session }
  | { case: "secondFactor"; value: SecondFactorChallenge }
  | { case: "newcomer"; value: ProviderNewcomer }
  | { case: undefined };

async function arrive(call: (options: CallOptions) => Promise<Result>): Promise<Arrival> {
  let arrival: Arrival = { kind: "in" };
  await open(async (options) => {
    const result = await call(options);
    if (result.case === "session") return { session: result.value };
    if (result.case === "secondFactor") arrival = { kind: "factor", challenge: result.value };
    else if (result.case === "newcomer") arrival = { kind: "newcomer", newcomer: result.value };
    else throw new Error("the server answered with something newer than this page");
    return null;
  });
  return arrival;
}

/** Takes the session that a call gave, if it gave one. */
async function open(
  call: (options: CallOptions) => Promise<{ session?: Session | undefined } | null>,
): Promise<void> {
  let date: string | null = null;
  const onHeader = (header: Headers) => {
    date = header.get("date");
  };
  const answer = await call({ onHeader });
  if (!answer) return;
  if (!answer.session) throw new Error("the server answered without a session");
  keeper.adopt(keepSession(answer.session, date));
}
