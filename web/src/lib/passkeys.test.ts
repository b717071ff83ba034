import { describe, expect, it } from "vitest";
import { toCreationOptions, toRequestOptions } from "./passkeys";

const bytes = (...values: number[]) => new Uint8Array(values);

describe("WebAuthn's JSON", () => {
  it("becomes what get() takes: base64url without padding is bytes", () => {
    const options = toRequestOptions(
      JSON.stringify({
        challenge: "-_8AAQ",
        rpId: "example.org",
        userVerification: "required",
        allowCredentials: [{ type: "public-key", id: "AQID", transports: ["internal"] }],
      }),
    );
    expect(options).toEqual({
      challenge: bytes(0xfb, 0xff, 0, 1),
      rpId: "example.org",
      userVerification: "required",
      allowCredentials: [{ type: "public-key", id: bytes(1, 2, 3), transports: ["internal"] }],
    });
  });

  it("may leave out which credentials are asked for", () => {
    const options = toRequestOptions(JSON.stringify({ challenge: "AA" }));
    expect(options).toEqual({ challenge: bytes(0) });
  });

  it("becomes what create() takes", () => {
    const options = toCreationOptions(
      JSON.stringify({
        challenge: "AAEC",
        rp: { id: "example.org", name: "Waystone" },
        user: { id: "_w", name: "Mira", displayName: "Mira" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }],
        excludeCredentials: [{ type: "public-key", id: "AQ" }],
      }),
    );
    expect(options).toEqual({
      challenge: bytes(0, 1, 2),
      rp: { id: "example.org", name: "Waystone" },
      user: { id: bytes(0xff), name: "Mira", displayName: "Mira" },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      excludeCredentials: [{ type: "public-key", id: bytes(1) }],
    });
  });

  it("that is none throws", () => {
    expect(() => toRequestOptions("{")).toThrow();
    expect(() => toRequestOptions("{}")).toThrow();
  });
});
