import { describe, expect, it } from "vitest";
import type { ChannelEvent, Line } from "@/lib/live/model";
import {
  type ChatLog,
  emptyLog,
  LINES_MOST,
  type Page,
  type Pending,
  place,
  trimmed,
  withEvents,
  withFailed,
  withLine,
  withNewer,
  withNewest,
  withOlder,
  withoutPending,
  withPending,
  withPlace,
} from "./log";

const AT = 1_000_000;
const OWN = new Set([7n]);

function line(sequence: number, text = `line ${sequence}`, characterId = 7n): Line {
  return {
    channelId: 1n,
    sequence: BigInt(sequence),
    characterId,
    characterName: "Tavren",
    text,
    sentAtMs: AT,
    replyTo: null,
    mentions: [],
    editedAtMs: 0,
    deleted: false,
    reactions: [],
  };
}

function said(sequence: number, text?: string, characterId?: bigint): ChannelEvent {
  const one = line(sequence, text, characterId);
  return { kind: "message", channelId: 1n, sequence: one.sequence, line: one };
}

function edited(sequence: number, target: number, text: string): ChannelEvent {
  const what = { target: BigInt(target), text, editedAtMs: AT + 1 };
  return { kind: "edited", channelId: 1n, sequence: BigInt(sequence), ...what };
}

function reacted(sequence: number, count: number, by: bigint, on = true): ChannelEvent {
  const what = { target: 4n, emoji: "⭐", count, characterId: by, on };
  return { kind: "reaction", channelId: 1n, sequence: BigInt(sequence), ...what };
}

function page(numbers: number[], hasMore: boolean, last = numbers.at(-1) ?? 0): Page {
  return { lines: numbers.map((one) => line(one)), hasMore, lastSequence: BigInt(last) };
}

function pending(key: string, text: string): Pending {
  return {
    key,
    characterId: 7n,
    characterName: "Tavren",
    text,
    replyTo: null,
    mentions: [],
    madeAtMs: AT,
    failure: null,
  };
}

function numbers(log: ChatLog): number[] {
  return log.lines.map((one) => Number(one.sequence));
}

function heard(log: ChatLog, ...events: ChannelEvent[]): ChatLog {
  return withEvents(log, events, OWN);
}

const five = withNewest(emptyLog, page([3, 4, 5], true));

describe("the lines", () => {
  it("grow in order, over numbers that were no messages", () => {
    expect(numbers(heard(heard(five, said(6)), said(8), said(11)))).toEqual([3, 4, 5, 6, 8, 11]);
  });

  it("show a line once, however often it arrives", () => {
    const log = heard(heard(heard(five, said(6)), said(6)), said(4), said(6));
    expect(numbers(log)).toEqual([3, 4, 5, 6]);
  });

  it("put an answer where its number belongs, whether it comes before the stream or after", () => {
    const early = heard(withLine(five, line(8)), said(6), said(7), said(8));
    expect(numbers(early)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(numbers(withLine(early, line(7)))).toEqual([3, 4, 5, 6, 7, 8]);
  });

  it("keep what the stream brought while the first page was still on its way", () => {
    const log = withNewest(heard(emptyLog, said(6), said(7)), page([4, 5], true, 6));
    expect(numbers(log)).toEqual([4, 5, 7]);
  });

  it("are found by their number", () => {
    expect(place(five.lines, 4n)).toBe(1);
    expect(place(five.lines, 6n)).toBe(-1);
    expect(place([], 1n)).toBe(-1);
  });

  it("are let go beyond what is held, the oldest first and many together", () => {
    const many = Array.from({ length: LINES_MOST + 1 }, (_, i) => i + 1);
    const log = trimmed(withNewest(emptyLog, page(many, false)));
    expect(log.lines).toHaveLength(LINES_MOST - 500);
    expect(log.lines[0]?.sequence).toBe(502n);
    expect(log.hasOlder).toBe(true);
    const full = withNewest(emptyLog, page(many.slice(1), false));
    expect(trimmed(full)).toBe(full);
  });
});

describe("changes", () => {
  it("change the line they are about and no other", () => {
    const log = heard(five, edited(6, 4, "better"), {
      kind: "deleted",
      channelId: 1n,
      sequence: 7n,
      target: 5n,
    });
    expect(log.lines.map((one) => one.text)).toEqual(["line 3", "better", ""]);
    expect(log.lines[2]?.deleted).toBe(true);
    expect(log.lines[0]).toBe(five.lines[0]);
  });

  it("reach a page that was read before they happened, and not one that knows them", () => {
    const changed = heard(five, edited(9, 1, "newer"), edited(10, 2, "newer"));
    const log = withOlder(changed, page([1, 2], false, 9));
    expect(log.lines.slice(0, 2).map((one) => one.text)).toEqual(["line 1", "newer"]);
  });

  it("count reactions, and know the player's own", () => {
    const once = heard(five, reacted(6, 1, 8n));
    expect(once.lines[1]?.reactions).toEqual([{ emoji: "⭐", count: 1, mine: false }]);
    const twice = heard(once, reacted(7, 2, 7n), reacted(8, 3, 9n));
    expect(twice.lines[1]?.reactions).toEqual([{ emoji: "⭐", count: 3, mine: true }]);
    const none = heard(twice, reacted(9, 2, 7n, false), reacted(10, 0, 8n, false));
    expect(none.lines[1]?.reactions).toEqual([]);
  });
});

describe("pages", () => {
  it("go before the lines, without what is there", () => {
    const log = withOlder(five, page([1, 2, 3], false));
    expect(numbers(log)).toEqual([1, 2, 3, 4, 5]);
    expect(log.hasOlder).toBe(false);
  });

  it("around a place hold back what is said now until the present is reached", () => {
    const jumped = withPlace(heard(five, said(90)), page([10, 11], true), page([12, 13], true));
    expect(numbers(heard(jumped, said(91)))).toEqual([10, 11, 12, 13]);
    expect(jumped.hasNewer).toBe(true);

    const there = withNewer(heard(jumped, said(91), said(92)), page([14, 90, 91], false, 91));
    expect(numbers(there)).toEqual([10, 11, 12, 13, 14, 90, 91, 92]);
    expect(there.hasNewer).toBe(false);
    expect(numbers(heard(there, said(93))).at(-1)).toBe(93);
  });
});

describe("lines of ours", () => {
  it("wait until they come back, once per arrival", () => {
    const twice = withPending(withPending(five, pending("a", "hi")), pending("b", "hi"));
    expect(heard(twice, said(6, "hi")).pending.map((one) => one.key)).toEqual(["b"]);
  });

  it("stay with the reason when they failed, and leave when the lost answer turns up", () => {
    const slow = { reason: "slow mode", againAtMs: AT };
    const failed = withFailed(withPending(five, pending("a", "hi")), "a", slow);
    expect(failed.pending[0]).toMatchObject({ failure: slow });
    expect(heard(failed, said(6, "hi")).pending).toEqual([]);
  });

  it("are not taken for somebody else's words, nor for an old line of their own", () => {
    const log = withPending(five, { ...pending("a", "hi"), madeAtMs: AT + 3_600_000 });
    expect(heard(log, said(6, "hi", 8n), said(7, "hi")).pending).toHaveLength(1);
  });

  it("can be sent again under the same key, and discarded", () => {
    const failed = withFailed(withPending(five, pending("a", "hi")), "a", {
      reason: "",
      againAtMs: null,
    });
    const log = withPending(failed, pending("a", "hi"));
    expect(log.pending).toHaveLength(1);
    expect(log.pending[0]?.failure).toBeNull();
    expect(withoutPending(log, "a").pending).toEqual([]);
  });
});
