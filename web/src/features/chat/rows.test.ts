import { describe, expect, it } from "vitest";
import type { Line } from "@/lib/live/model";
import { emptyLog, withNewest, withPending } from "./log";
import { toRows } from "./rows";

const NOON = new Date(2031, 4, 7, 12).getTime();
const MINUTE = 60_000;

function line(sequence: number, speaker: number, minutes: number): Line {
  return {
    channelId: 1n,
    sequence: BigInt(sequence),
    characterId: BigInt(speaker),
    characterName: `Speaker ${speaker}`,
    text: "hello",
    sentAtMs: NOON + minutes * MINUTE,
    replyTo: null,
    mentions: [],
    editedAtMs: 0,
    deleted: false,
    reactions: [],
  };
}

function shape(lines: Line[], unreadAfter: bigint | null = null, hasOlder = true): string[] {
  const page = { lines, hasMore: hasOlder, lastSequence: lines.at(-1)?.sequence ?? 0n };
  const log = { ...withNewest(emptyLog, page), unreadAfter };
  return toRows(log, new Set([99n])).map((row) =>
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
    const page = { lines: [line(1, 1, 0)], hasMore: true, lastSequence: 1n };
    const log = withPending(withNewest(emptyLog, page), {
      key: "k",
      characterId: 1n,
      characterName: "Speaker 1",
      text: "more",
      replyTo: null,
      mentions: [],
      madeAtMs: NOON + MINUTE,
      failure: null,
    });
    expect(toRows(log, new Set()).at(-1)).toMatchObject({ kind: "pending", startsGroup: false });
  });

  it("put no unread line before the player's own words, and start a group with an answer", () => {
    expect(shape([line(1, 1, 0), line(2, 99, 1)], 1n)).toEqual(["day", "line group", "line group"]);
    const answer = {
      ...line(2, 1, 1),
      replyTo: { sequence: 1n, characterName: "A", excerpt: "hello" },
    };
    expect(shape([line(1, 1, 0), answer])).toEqual(["day", "line group", "line group"]);
  });
});
