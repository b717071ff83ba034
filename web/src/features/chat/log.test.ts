import { describe, expect, it } from "vitest";
import {
  type ChatLog,
  emptyLog,
  gap,
  type Line,
  type Pending,
  withFailed,
  withLines,
  withNewest,
  withOlder,
  withoutPending,
  withPending,
} from "./log";

const AT = 1_000_000;

function line(sequence: number, text = `line ${sequence}`, characterId = 7n): Line {
  return { sequence: BigInt(sequence), characterId, characterName: "Tavren", text, sentAtMs: AT };
}

function pending(key: string, text: string): Pending {
  return { key, characterId: 7n, characterName: "Tavren", text, madeAtMs: AT, state: "sending" };
}

function numbers(log: ChatLog): number[] {
  return log.lines.map((one) => Number(one.sequence));
}

const five = withNewest(emptyLog, [line(3), line(4), line(5)], true);

describe("the run of lines", () => {
  it("grows in order", () => {
    const log = withLines(withLines(five, [line(6)]), [line(7), line(8)]);
    expect(numbers(log)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(log.head).toBe(8n);
  });

  it("shows a line once, however often it arrives", () => {
    const log = withLines(withLines(withLines(five, [line(6)]), [line(6)]), [line(4), line(6)]);
    expect(numbers(log)).toEqual([3, 4, 5, 6]);
  });

  it("is the same value when nothing new arrived, so that nothing is drawn again", () => {
    expect(withLines(five, [line(4)])).toBe(five);
  });

  it("holds back what lies beyond a gap and says what is missing", () => {
    const log = withLines(five, [line(9), line(8)]);
    expect(numbers(log)).toEqual([3, 4, 5]);
    expect(gap(log)).toEqual({ before: 8n, count: 2 });
  });

  it("closes a gap when the missing lines are read, in whatever order", () => {
    const log = withLines(withLines(five, [line(8)]), [line(7), line(5), line(6)]);
    expect(numbers(log)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(gap(log)).toBeNull();
  });

  it("starts an empty channel at 1", () => {
    const log = withLines(withNewest(emptyLog, [], false), [line(1)]);
    expect(numbers(log)).toEqual([1]);
  });

  it("keeps what the stream brought while the first page was still on its way", () => {
    const log = withNewest(withLines(emptyLog, [line(6)]), [line(4), line(5)], true);
    expect(numbers(log)).toEqual([4, 5, 6]);
  });
});

describe("older pages", () => {
  it("go before the run", () => {
    const log = withOlder(five, [line(1), line(2)], false);
    expect(numbers(log)).toEqual([1, 2, 3, 4, 5]);
    expect(log.hasOlder).toBe(false);
  });

  it("leave out what the run already has", () => {
    expect(numbers(withOlder(five, [line(2), line(3)], true))).toEqual([2, 3, 4, 5]);
  });

  it("are refused when they do not reach the run", () => {
    expect(withOlder(five, [line(1)], false)).toBe(five);
  });
});

describe("lines of ours", () => {
  it("wait until they come back, once per arrival", () => {
    const twice = withPending(withPending(five, pending("a", "hi")), pending("b", "hi"));
    const log = withLines(twice, [line(6, "hi")]);
    expect(log.pending.map((one) => one.key)).toEqual(["b"]);
  });

  it("stay when they failed, and leave when the lost answer turns up in the stream", () => {
    const failed = withFailed(withPending(five, pending("a", "hi")), "a");
    expect(failed.pending[0]?.state).toBe("failed");
    expect(withLines(failed, [line(6, "hi")]).pending).toEqual([]);
  });

  it("are not taken for somebody else's words, nor for an old line of their own", () => {
    const log = withPending(five, { ...pending("a", "hi"), madeAtMs: AT + 3_600_000 });
    expect(withLines(log, [line(6, "hi", 8n), line(7, "hi")]).pending).toHaveLength(1);
  });

  it("can be sent again under the same key, and discarded", () => {
    const log = withPending(
      withFailed(withPending(five, pending("a", "hi")), "a"),
      pending("a", "hi"),
    );
    expect(log.pending).toHaveLength(1);
    expect(log.pending[0]?.state).toBe("sending");
    expect(withoutPending(log, "a").pending).toEqual([]);
  });
});
