import { describe, expect, it } from "vitest";
import type { PresenceEvent } from "@/lib/live/model";
import { withPresence } from "./presence";

function one(id: number, away = false) {
  return { characterId: BigInt(id), name: `C${id}`, away, where: "" };
}

function told(count: number, more: Partial<PresenceEvent>): PresenceEvent {
  return { channelId: 1n, onlineCount: count, complete: false, changed: [], left: [], ...more };
}

describe("presence", () => {
  it("starts with a picture and takes changes", () => {
    const picture = withPresence(undefined, told(2, { complete: true, changed: [one(1), one(2)] }));
    const later = withPresence(picture, told(2, { changed: [one(3), one(2, true)], left: [1n] }));
    expect([...(later.people?.values() ?? [])].map((who) => [who.characterId, who.away])).toEqual([
      [2n, true],
      [3n, false],
    ]);
  });

  it("is a count alone where there are many, or while there is no picture", () => {
    expect(withPresence(undefined, told(3, { changed: [one(1)] }))).toEqual({
      count: 3,
      people: null,
    });
    const few = withPresence(undefined, told(1, { complete: true, changed: [one(1)] }));
    expect(withPresence(few, told(201, {})).people).toBeNull();
  });

  it("has a list again with the next picture", () => {
    const many = withPresence(undefined, told(900, { complete: true }));
    const few = withPresence(many, told(1, { complete: true, changed: [one(4)] }));
    expect(few.people?.size).toBe(1);
  });
});
