import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failureOf } from "./failure";

const NOW = 1_000_000;

describe("a message that was not sent", () => {
  it.each([
    Code.InvalidArgument,
    Code.NotFound,
    Code.PermissionDenied,
    Code.FailedPrecondition,
    Code.Unauthenticated,
  ])("is not sent again when it was refused (code %i), and the server's words say why", (code) => {
    const failure = failureOf(new ConnectError("these words are not said here", code), NOW);
    expect(failure).toEqual({ reason: "these words are not said here", againAtMs: null });
  });

  it.each([
    Code.Unavailable,
    Code.DeadlineExceeded,
    Code.Aborted,
    Code.Canceled,
    Code.Internal,
    Code.Unknown,
  ])("may be sent again at once after what passes (code %i)", (code) => {
    const failure = failureOf(new ConnectError("upstream connect error", code), NOW);
    expect(failure).toEqual({ reason: "", againAtMs: NOW });
  });

  it("may be sent again at once when the network failed", () => {
    expect(failureOf(new TypeError("Failed to fetch"), NOW)).toEqual({
      reason: "",
      againAtMs: NOW,
    });
  });

  it.each([
    [{ "retry-after": "7" }, NOW + 7_000],
    [{}, NOW],
  ])("waits as long as the server asks: %o", (header, againAtMs) => {
    const error = new ConnectError("you speak too fast", Code.ResourceExhausted, header);
    expect(failureOf(error, NOW)).toEqual({ reason: "you speak too fast", againAtMs });
  });
});
