import { describe, expect, it } from "vitest";
import { RegisterRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { CreateCharacterRequestSchema } from "@/gen/waystone/character/v1/character_pb";
import { SendMessageRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import { checkField, longest } from "./rules";

describe("the schema's rules", () => {
  it("bound the length, counting characters and not UTF-16 units", () => {
    expect(checkField(RegisterRequestSchema, "password", "1234567")).toEqual({
      rule: "minLen",
      limit: 8,
    });
    expect(checkField(RegisterRequestSchema, "password", "🜂".repeat(5))).toEqual({
      rule: "minLen",
      limit: 8,
    });
    expect(checkField(SendMessageRequestSchema, "text", "🜂".repeat(500))).toBeNull();
    expect(checkField(SendMessageRequestSchema, "text", "🜂".repeat(501))).toEqual({
      rule: "maxLen",
      limit: 500,
    });
    expect(longest(SendMessageRequestSchema, "text")).toBe(500);
  });

  it("ask for what is required", () => {
    expect(checkField(RegisterRequestSchema, "user_name", "")).toEqual({ rule: "required" });
    expect(checkField(RegisterRequestSchema, "email", "")).toEqual({ rule: "required" });
  });

  it.each(["ada@example.org", "a.b+c@x-y.example"])("know '%s' as an e-mail address", (email) => {
    expect(checkField(RegisterRequestSchema, "email", email)).toBeNull();
  });

  it.each(["ada", "ada@", "@example.org", "a b@example.org", "ada@-example.org"])(
    "refuse '%s' as one",
    (email) => {
      expect(checkField(RegisterRequestSchema, "email", email)).toEqual({ rule: "email" });
    },
  );

  it.each(["Ash", "Mother Superior", "D'Arc", "Jean-Luc"])("know '%s' as a name", (name) => {
    expect(checkField(CreateCharacterRequestSchema, "name", name)).toBeNull();
  });

  it.each(["Ash2", " Ash", "Ash ", "A--sh", "Ash_h"])("refuse '%s' as one", (name) => {
    expect(checkField(CreateCharacterRequestSchema, "name", name)).toEqual({ rule: "pattern" });
  });

  it("refuse a message of white space", () => {
    expect(checkField(SendMessageRequestSchema, "text", " \n\t")).toEqual({ rule: "pattern" });
  });

  it("do not take a misspelt field for one without rules", () => {
    expect(() => checkField(RegisterRequestSchema, "userName", "x")).toThrow("has no field");
  });
});
