import { createClient } from "@connectrpc/connect";
import { AuthService, type Session, TokenTransport } from "@/gen/waystone/auth/v1/auth_pb";
import { keeper, keepSession, publicTransport } from "@/lib/transport";

const client = createClient(AuthService, publicTransport);
const tokenTransport = TokenTransport.COOKIE;

export type Registration = { userName: string; email: string; password: string };
export type Credentials = { login: string; password: string };

/** Makes the account; the page is signed in when this resolves. */
export async function register(registration: Registration): Promise<void> {
  await open((onHeader) => client.register({ ...registration, tokenTransport }, { onHeader }));
}

export async function signIn(credentials: Credentials): Promise<void> {
  await open(async (onHeader) => {
    const { result } = await client.signIn({ ...credentials, tokenTransport }, { onHeader });
    return { session: result.case === "session" ? result.value : undefined };
  });
}

async function open(
  call: (onHeader: (header: Headers) => void) => Promise<{ session?: Session | undefined }>,
): Promise<void> {
  let date: string | null = null;
  const { session } = await call((header) => {
    date = header.get("date");
  });
  if (!session) throw new Error("the server answered without a session");
  keeper.adopt(keepSession(session, date));
}
