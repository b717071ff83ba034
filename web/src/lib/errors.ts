/** What a failed call means to the person in front of the screen. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "@/gen/google/rpc/error_details_pb";

export type FieldViolation = { field: string; description: string };

/** The fields the server refused, from the google.rpc.BadRequest among the error's details. */
export function fieldViolations(error: unknown): FieldViolation[] {
  return ConnectError.from(error)
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations);
}

/** The reason by which programs know the cause, such as "STEP_UP_REQUIRED"; empty: none was given. */
export function reasonOf(error: unknown): string {
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return info?.domain === "waystone" ? info.reason : "";
}

/** After how many seconds the server wants to be asked again; null: it does not say. */
export function retryAfterS(error: unknown): number | null {
  const seconds = Number.parseInt(ConnectError.from(error).metadata.get("retry-after") ?? "", 10);
  return seconds > 0 ? seconds : null;
}

/** Names a sentence of the catalogue, under `errors`. */
export type ErrorKind = "unreachable" | "busy" | "refused" | "signedOut" | "unknown";

export function errorKind(error: unknown): ErrorKind {
  const { code, cause } = ConnectError.from(error);
  // fetch reports a connection that failed as a TypeError, and nothing more.
  if (cause instanceof TypeError) return "unreachable";
  switch (code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
      return "unreachable";
    case Code.ResourceExhausted:
      return "busy";
    case Code.Unauthenticated:
      return "signedOut";
    case Code.InvalidArgument:
    case Code.PermissionDenied:
    case Code.FailedPrecondition:
      return "refused";
    default:
      return "unknown";
  }
}

export function hasCode(error: unknown, code: Code): boolean {
  return ConnectError.from(error).code === code;
}

/** The server's messages begin in lower case, for logs and programs. */
export function asSentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}
