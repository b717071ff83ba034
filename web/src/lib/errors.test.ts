import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "@/gen/google/rpc/error_details_pb";
import { asSentence, reasonOf, retryAfterS } from "./errors";

function withInfo(reason: string, domain: string): ConnectError {
  const value = create(ErrorInfoSchema, { reason, domain });
  return new ConnectError("no", Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value },
  ]);
}

describe("a failed call", () => {
  it("has the server's reason, and nobody else's", () => {
    expect(reasonOf(withInfo("BANNED", "waystone"))).toBe("BANNED");
    expect(reasonOf(withInfo("BANNED", "proxy.example"))).toBe("");
    expect(reasonOf(new ConnectError("no", Code.Internal))).toBe("");
    expect(reasonOf(new TypeError("fetch failed"))).toBe("");
  });

  it.each([
    ["7", 7],
    ["0", null],
    ["-3", null],
    ["Wed, 21 Oct 2026 07:28:00 GMT", null],
  ])("says by '%s' when to try again: %s", (header, seconds) => {
    const error = new ConnectError("no", Code.ResourceExhausted, { "retry-after": header });
    expect(retryAfterS(error)).toBe(seconds);
  });

  it("has words that read as a sentence", () => {
    expect(asSentence("the user name is taken")).toBe("The user name is taken.");
    expect(asSentence("Wait!")).toBe("Wait!");
    expect(asSentence("éa")).toBe("Éa.");
  });
});
