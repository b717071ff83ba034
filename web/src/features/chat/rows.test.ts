import { describe, expect, it } from "vitest";
import { emptyLog, type Line, withNewest, withPending } from "./log";
import { toRows } from "./rows";

const NOON = new Date(2031, 4, 7, 12).getTime();
const MINUTE = 60_000;

function line(sequence: number, speaker: number, minutes: number): Line {
  return {
    sequence: BigInt(sequence),
    characterId: BigInt(speaker),
    characterName: `Speaker ${speaker}`,
    text: "hello",
    sentAtMs: NOON + minutes * MINUTE,
  };
}

function shape(lines: Line[], unreadAfter: bigint | null = null, hasOlder = true): string[] {
  return toRows(withNewest(emptyLog, lines, hasOlder), unreadAfter).map((row) =>
    "startsGroup" in row ? `${row.kind}${row.startsGroup ? " group" : ""}` : row.kind,
  );
}

describe("rows", () => {
  it("group one speaker's lines of a few minutes", () => {
    expect(shape([line(1, 1, 0), line(2, 1, 2), line(3, 2, 3), line(4, 2, 20)])).toEqual([
      "day",
      "line group",
      "line",
      "line group",
      "line group",
    ]);
  });

  it("put a line between days", () => {
    expect(shape([line(1, 1, 0), line(2, 1, 24 * 60)])).toEqual([
      "day",
      "line group",
      "day",
      "line group",
    ]);
  });

  it("put the unread line before the first unread message, and start a group there", () => {
    expect(shape([line(1, 1, 0), line(2, 1, 1)], 1n)).toEqual([
      "day",
      "line group",
      "unread",
      "line group",
    ]);
  });

  it("say where the record begins, once everything has been read", () => {
    expect(shape([line(1, 1, 0)], null, false)[0]).toBe("beginning");
  });

  it("end with what is still being sent", () => {
    const log = withPending(withNewest(emptyLog, [line(1, 1, 0)], true), {
      key: "k",
      characterId: 1n,
      characterName: "Speaker 1",
      text: "more",
      madeAtMs: NOON + MINUTE,
      state: "sending",
    });
    expect(toRows(log, null).at(-1)).toMatchObject({ kind: "pending", startsGroup: false });
  });
});
