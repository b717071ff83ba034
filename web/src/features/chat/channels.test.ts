import { describe, expect, it } from "vitest";
import type { ChannelEvent, ChannelInfo, Line } from "@/lib/live/model";
import { firstOf, heardIn, ordered, read, takesUnread, unreadTotal } from "./channels";

function channel(id: number, kind: ChannelInfo["kind"], more: Partial<ChannelInfo> = {}) {
  const info: ChannelInfo = {
    id: BigInt(id),
    kind,
    name: `${kind} ${id}`,
    topic: "",
    role: "member",
    canSpeak: true,
    open: false,
    lastSequence: 10n,
    readSequence: 10n,
    unread: 0,
    mentions: 0,
    muted: false,
    slowModeSeconds: 0,
    memberCount: 0,
    ...more,
  };
  return info;
}

function listed(...all: ChannelInfo[]): ReadonlyMap<bigint, ChannelInfo> {
  return new Map(all.map((one) => [one.id, one]));
}

const ME = 7n;
const OWN = new Set([ME]);

function said(sequence: number, by: bigint, mentions: bigint[] = []): ChannelEvent {
  const line = { sequence: BigInt(sequence), characterId: by, mentions } as unknown as Line;
  return { kind: "message", channelId: 1n, sequence: BigInt(sequence), line };
}

describe("the list of channels", () => {
  it("has the family first, then what is near, then what one joined", () => {
    const all = listed(
      channel(1, "custom"),
      channel(2, "whisper"),
      channel(3, "global"),
      channel(4, "race"),
      channel(5, "faction"),
      channel(6, "local"),
      channel(7, "guild"),
      channel(8, "party"),
      channel(9, "family"),
    );
    expect(ordered(all).map((one) => one.kind)).toEqual([
      "family",
      "party",
      "guild",
      "local",
      "faction",
      "race",
      "global",
      "whisper",
      "custom",
    ]);
    expect(firstOf(all)).toBe(3n);
    expect(firstOf(listed())).toBeNull();
  });

  it("brings whispers with news before the others", () => {
    const all = listed(channel(1, "whisper", { name: "Aa" }), channel(2, "whisper", { unread: 2 }));
    expect(ordered(all).map((one) => one.id)).toEqual([2n, 1n]);
  });
});

describe("what is unread", () => {
  it("counts others' messages once, and mentions of the player apart", () => {
    const events = [said(11, 8n), said(12, ME), said(13, 8n, [ME]), said(14, 8n, [9n])];
    const heard = heardIn(channel(1, "global"), events, OWN);
    expect(heard).toMatchObject({ unread: 3, mentions: 1, lastSequence: 14n });
    expect(heardIn(heard, events, OWN)).toBe(heard);
  });

  it("does not count changes, nor what the list already counted", () => {
    const edit: ChannelEvent = {
      kind: "edited",
      channelId: 1n,
      sequence: 12n,
      target: 3n,
      text: "x",
      editedAtMs: 1,
    };
    const before = channel(1, "global", { unread: 4, lastSequence: 11n });
    expect(heardIn(before, [said(11, 8n), edit], OWN)).toMatchObject({
      unread: 4,
      lastSequence: 12n,
    });
  });

  it("takes the channel's new name and pace", () => {
    const change: ChannelEvent = {
      kind: "channel",
      channelId: 1n,
      sequence: 11n,
      name: "New name",
      topic: "about",
      slowModeSeconds: 30,
    };
    expect(heardIn(channel(1, "custom"), [change], OWN)).toMatchObject({
      name: "New name",
      slowModeSeconds: 30,
    });
  });

  it("ends with reading, and muted channels are not in the sum", () => {
    const loud = channel(1, "global", { unread: 3, lastSequence: 14n, mentions: 1 });
    const muted = channel(2, "race", { unread: 9, muted: true });
    expect(unreadTotal(listed(loud, muted))).toEqual({ unread: 3, mentions: 1 });
    expect(read(loud)).toMatchObject({ unread: 0, mentions: 0, readSequence: 14n });
    expect(read(read(loud))).toEqual(read(loud));
  });
});

describe("what is taken back", () => {
  const taken = (target: bigint): ChannelEvent => ({
    kind: "deleted",
    channelId: 1n,
    sequence: 14n,
    target,
  });

  it("is counted anew when it may have been unread", () => {
    const info = channel(1, "custom", { lastSequence: 13n, readSequence: 10n, unread: 3 });
    expect(takesUnread(info, [said(15, 8n), taken(12n)])).toBe(true);
    expect(takesUnread(info, [taken(10n)])).toBe(false);
    expect(takesUnread(info, [said(14, 8n)])).toBe(false);
  });

  it("changes nothing where everything was read", () => {
    expect(takesUnread(channel(1, "custom"), [taken(12n)])).toBe(false);
  });
});
