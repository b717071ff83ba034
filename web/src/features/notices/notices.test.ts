import { describe, expect, it } from "vitest";
import type { NoticeItem } from "@/lib/live/model";
import { none, withEvent, withPage, withRead } from "./notices";

function notice(id: number, read = false): NoticeItem {
  return {
    id: BigInt(id),
    kind: "mention",
    text: `notice ${id}`,
    createdAtMs: id,
    read,
    channelId: 1n,
    messageSequence: 1n,
    subjectId: 0n,
  };
}

const three = withPage(
  none,
  { items: [notice(9), notice(8, true), notice(7)], hasMore: true, unread: 5 },
  false,
);

describe("notices", () => {
  it("come in front, once, and count when unread", () => {
    const heard = withEvent(three, { sequence: 1n, kind: "notice", notice: notice(10) });
    expect(heard.items[0]?.id).toBe(10n);
    expect(heard.unread).toBe(6);
    expect(withEvent(heard, { sequence: 1n, kind: "notice", notice: notice(10) })).toBe(heard);
  });

  it("wait for the first page, which has them", () => {
    expect(withEvent(none, { sequence: 1n, kind: "notice", notice: notice(1) })).toBe(none);
  });

  it("are read by name, each counted once", () => {
    const read = withRead(three, [9n, 8n], 0n);
    expect(read.unread).toBe(4);
    expect(withRead(read, [9n], 0n)).toBe(read);
  });

  it("are all read up to the newest, those further back included", () => {
    const read = withRead(three, [], 9n);
    expect(read.unread).toBe(0);
    expect(read.items.every((item) => item.read)).toBe(true);
  });
});
