/** Who of a channel is there: pictures and the changes between them. Pure functions. */
import type { PresenceEvent, PresentOne } from "@/lib/live/model";

export type Present = {
  count: number;
  /** By character; null where there are too many to tell but their number. */
  people: ReadonlyMap<bigint, PresentOne> | null;
};

/** The server tells lists up to this many. */
const LISTED_MOST = 200;

export function withPresence(before: Present | undefined, event: PresenceEvent): Present {
  const count = event.onlineCount;
  if (count > LISTED_MOST) return { count, people: null };
  // Without a picture to change, the changes alone tell of too few.
  if (!event.complete && !before?.people) return { count, people: null };
  const people = new Map(event.complete ? [] : before?.people);
  for (const id of event.left) people.delete(id);
  for (const one of event.changed) people.set(one.characterId, one);
  return { count, people };
}
