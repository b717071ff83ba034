import { describe, expect, it } from "vitest";
import { isModerator, roleOf } from "./role";

function token(claims: object): string {
  return `h.${btoa(JSON.stringify(claims)).replace(/=+$/, "")}.s`;
}

describe("the role", () => {
  it("is what the token claims", () => {
    expect(roleOf(token({ role: 3, sub: "1?>" }))).toBe(3);
    expect(isModerator(token({ role: 2 }))).toBe(false);
    expect(isModerator(token({ role: 5 }))).toBe(true);
  });

  it("is none in what is no token", () => {
    expect([roleOf(""), roleOf("a.b.c"), roleOf(token({ role: "3" }))]).toEqual([0, 0, 0]);
  });
});
