import { describe, expect, it } from "vitest";
import { candidates, mentionAt, mentioned, pieces } from "./mentions";

const PEOPLE = [
  { id: 1n, name: "Ashnar" },
  { id: 2n, name: "Ash" },
  { id: 3n, name: "Iril of Dusk" },
];

describe("a mention being written", () => {
  it("begins with an @ at the start of a word", () => {
    expect(mentionAt("hail @As", 8)).toEqual({ from: 5, part: "As" });
    expect(mentionAt("@", 1)).toEqual({ from: 0, part: "" });
    expect(mentionAt("mail@as", 7)).toBeNull();
    expect(mentionAt("hail @As, and", 13)).toBeNull();
    expect(mentionAt("no at all", 5)).toBeNull();
  });

  it("offers names that begin so, then those with a word that does", () => {
    expect(candidates("as", PEOPLE).map((one) => one.name)).toEqual(["Ashnar", "Ash"]);
    expect(candidates("dusk", PEOPLE).map((one) => one.name)).toEqual(["Iril of Dusk"]);
    expect(candidates("", PEOPLE, 2)).toHaveLength(2);
  });
});

describe("mentions in a text", () => {
  it("are whole names, the longest that fits, each person once", () => {
    expect(mentioned("@Ashnar and @iril of dusk, @Ashnar!", PEOPLE)).toEqual([1n, 3n]);
    expect(mentioned("@Ash", PEOPLE)).toEqual([2n]);
    expect(mentioned("@Ashn x@Ash", PEOPLE)).toEqual([]);
  });

  it("stand apart from the text, of which nothing is lost", () => {
    const text = "to @Ash: see @nobody, @Iril of Dusk";
    const all = pieces(text, PEOPLE);
    expect(all.map((one) => one.text).join("")).toBe(text);
    expect(all.filter((one) => one.person).map((one) => one.text)).toEqual([
      "@Ash",
      "@Iril of Dusk",
    ]);
  });
});
