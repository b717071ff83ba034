import { Code, ConnectError } from "@connectrpc/connect";
import { retryAfterS } from "@/lib/errors";

/** Why a message was not sent, and whether it may pass unchanged another time. */
export type Failure = {
  /** In the server's words; empty when it did not say. */
  reason: string;
  /** From when on to send it again, on this machine's clock; null: that cannot help. */
  againAtMs: number | null;
};

/** The server has looked at it and said no: the same words from the same speaker get the same answer. */
const REFUSALS = [
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.Unauthenticated,
];

export function failureOf(error: unknown, nowMs: number): Failure {
  const { code, rawMessage } = ConnectError.from(error);
  if (REFUSALS.includes(code)) return { reason: rawMessage, againAtMs: null };
  if (code !== Code.ResourceExhausted) return { reason: "", againAtMs: nowMs };
  return { reason: rawMessage, againAtMs: nowMs + (retryAfterS(error) ?? 0) * 1000 };
}
