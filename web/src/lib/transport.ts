/** How calls leave this page: Connect over fetch, binary messages, to the page's own origin. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AuthService, type Session } from "@/gen/waystone/auth/v1/auth_pb";
import { markRefresh } from "./refreshMark";
import { browserTabs, SessionKeeper, type SignedIn } from "./session";
import { stepUpGate, withStepUp } from "./stepUp";

const CALL_TIMEOUT_MS = 15_000;
/** Bounds what a wrong clock, here or there, can make of a token's life. */
const LIFE_LEAST_MS = 30_000;
const LIFE_MOST_MS = 24 * 3_600_000;

/** Without credentials of its own: registration, sign-in, refresh. */
export const publicTransport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: CALL_TIMEOUT_MS,
  // `keepalive` lets a refresh finish when its page goes away, so that the browser stores the new
  // cookie: the old one has been used up by then.
  fetch: (input, init) =>
    fetch(input, { ...init, keepalive: String(input).endsWith("/RefreshSession") }),
});

const auth = createClient(AuthService, publicTransport);

/** Turns the server's session into ours. `expires_at` is on the server's clock, ours may differ. */
export function keepSession(session: Session, serverDate: string | null): SignedIn {
  const serverNow = serverDate === null ? Number.NaN : Date.parse(serverDate);
  const expires = session.accessTokenExpiresAt ? timestampMs(session.accessTokenExpiresAt) : 0;
  const life = expires - (Number.isNaN(serverNow) ? Date.now() : serverNow);
  return {
    accountId: session.account?.id ?? 0n,
    userName: session.account?.userName ?? "",
    email: session.account?.email ?? "",
    emailVerified: session.account?.emailVerified ?? false,
    accessToken: session.accessToken,
    expiresAtMs: Date.now() + Math.min(LIFE_MOST_MS, Math.max(LIFE_LEAST_MS, life)),
  };
}

/** Trades the cookie for the next pair of tokens; null when the session behind it is over. */
async function refreshSession(): Promise<SignedIn | null> {
  let date: string | null = null;
  const onHeader = (header: Headers) => {
    date = header.get("date");
  };
  try {
    const { session } = await auth.refreshSession({}, { onHeader });
    return session ? keepSession(session, date) : null;
  } catch (error) {
    if (isOver(error)) return null;
    throw error;
  }
}

/** Ends the session; one that is over already needs no ending. */
async function signOut(token: string): Promise<void> {
  try {
    await auth.signOut({}, { headers: { Authorization: `Bearer ${token}` } });
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

export const keeper = new SessionKeeper(
  {
    refresh: () => markRefresh(refreshSession),
    signOut,
  },
  browserTabs(),
);

/** True when the server refuses the credentials themselves; trying again cannot help. */
function isOver(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unauthenticated || code === Code.InvalidArgument;
}

/** Adds the access token; a unary call whose token was refused is repeated once with a new one. */
const authenticate: Interceptor = (next) => async (request) => {
  const token = await keeper.accessToken();
  if (token) request.header.set("Authorization", `Bearer ${token}`);
  try {
    return await next(request);
  } catch (error) {
    if (request.stream || !token || ConnectError.from(error).code !== Code.Unauthenticated)
      throw error;
    const renewed = await keeper.refresh(token);
    if (!renewed) throw error;
    request.header.set("Authorization", `Bearer ${renewed.accessToken}`);
    return await next(request);
  }
};

/** With the session of whoever is signed in, who is asked for a proof where a call needs one. */
export const transport = withStepUp(
  createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    defaultTimeoutMs: CALL_TIMEOUT_MS,
    interceptors: [authenticate],
  }),
  stepUpGate,
);
