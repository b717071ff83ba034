/**
 * Field rules, read from the schema when the client is generated (`scripts/protoc-gen-rules.mjs`).
 *
 * Only strings need checking in a browser: everything else is chosen, not typed. The server checks
 * again with the same rules and has the last word.
 */
import type { DescMessage } from "@bufbuild/protobuf";
import { rules, type StringRules } from "@/gen/rules";

export type Broken =
  | { rule: "required" }
  | { rule: "minLen"; limit: number }
  | { rule: "maxLen"; limit: number }
  | { rule: "email" }
  | { rule: "pattern" };

// The shape the HTML standard gives <input type=email>, which the server's rule follows.
const EMAIL =
  /^[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** The first rule `value` breaks as field `name` (its name in the schema) of `message`. */
export function checkField(message: DescMessage, name: string, value: string): Broken | null {
  const { minLen = 0, maxLen = Number.POSITIVE_INFINITY, pattern, email } = rulesOf(message, name);
  const length = [...value].length; // rules count code points, not UTF-16 units
  if (length === 0 && (minLen > 0 || email)) return { rule: "required" };
  if (length < minLen) return { rule: "minLen", limit: minLen };
  if (length > maxLen) return { rule: "maxLen", limit: maxLen };
  if (email && !EMAIL.test(value)) return { rule: "email" };
  if (pattern && !new RegExp(pattern, "u").test(value)) return { rule: "pattern" };
  return null;
}

/** The longest value the schema allows, for counters; Infinity when it names none. */
export function longest(message: DescMessage, name: string): number {
  return rulesOf(message, name).maxLen ?? Number.POSITIVE_INFINITY;
}

function rulesOf(message: DescMessage, name: string): StringRules {
  // A misspelt name must not pass for a field without rules.
  if (!message.fields.some((field) => field.name === name)) {
    throw new Error(`${message.typeName} has no field ${name}`);
  }
  return rules[`${message.typeName}.${name}`] ?? {};
}
