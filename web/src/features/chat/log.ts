/**
 * What this tab knows of what was said in a channel: pure functions on an immutable value.
 *
 * `lines` is one stretch of the record in order, each line once, whichever of stream, history and
 * answers brought it first. It reaches to the present unless `hasNewer`: then the reader jumped
 * back, and what is said now waits until the stretch has been read on to the present.
 */
import type { ChannelEvent, Line, Reaction } from "@/lib/live/model";
import type { Failure } from "./failure";

/** A line of ours the server has not acknowledged. `key` makes sending it again harmless. */
export type Pending = {
  key: string;
  characterId: bigint;
  characterName: string;
  text: string;
  replyTo: Line | null;
  mentions: readonly bigint[];
  madeAtMs: number;
  /** Null while it is being sent. */
  failure: Failure | null;
};

export type ChatLog = {
  /** A first page was read. */
  ready: boolean;
  lines: readonly Line[];
  pending: readonly Pending[];
  hasOlder: boolean;
  hasNewer: boolean;
  reading: "older" | "newer" | null;
  /** The unread line stands after this number; null when there is none to show. */
  unreadAfter: bigint | null;
  /** The last events, to bring a page up to date that was read before they happened. */
  recent: readonly ChannelEvent[];
};

export type Page = { lines: Line[]; hasMore: boolean; lastSequence: bigint };

/** Lines held in memory; the oldest are let go and can be read again. */
export const LINES_MOST = 10_000;
/** So many go together: each time, the list has to find its places anew. */
const LET_GO = 500;
const RECENT_MOST = 300;

export const emptyLog: ChatLog = {
  ready: false,
  lines: [],
  pending: [],
  hasOlder: false,
  hasNewer: false,
  reading: null,
  unreadAfter: null,
  recent: [],
};

/** Starts over from the newest page of history; what waits to be sent stays. */
export function withNewest(log: ChatLog, page: Page): ChatLog {
  const fresh = { ...log, ready: true, lines: page.lines, hasOlder: page.hasMore, hasNewer: false };
  return settle(applied({ ...fresh, reading: null }, after(log, page), NOBODY), page.lines);
}

/** Starts over around a place: the page before it, the page after it. */
export function withPlace(log: ChatLog, before: Page, behind: Page): ChatLog {
  const lines = [...before.lines, ...behind.lines];
  const fresh = { ...log, ready: true, reading: null, lines, hasOlder: before.hasMore };
  return joinPresent({ ...fresh, hasNewer: true }, behind);
}

/** Puts a page of older lines before the others. */
export function withOlder(log: ChatLog, page: Page): ChatLog {
  const first = log.lines[0]?.sequence;
  const older = page.lines.filter((line) => first === undefined || line.sequence < first);
  const lines = [...changed(older, after(log, page), NOBODY), ...log.lines];
  return { ...log, lines, hasOlder: page.hasMore, reading: null };
}

/** Puts a page of newer lines after the others; the last page reaches the present. */
export function withNewer(log: ChatLog, page: Page): ChatLog {
  const last = log.lines.at(-1)?.sequence ?? 0n;
  const newer = page.lines.filter((line) => line.sequence > last);
  return joinPresent({ ...log, lines: [...log.lines, ...newer], reading: null }, page);
}

/**
 * Takes events in the order of the channel. Lines already there stay one; `own` are the player's
 * characters, whose reactions are the player's.
 */
export function withEvents(
  log: ChatLog,
  events: readonly ChannelEvent[],
  own: ReadonlySet<bigint>,
): ChatLog {
  if (events.length === 0) return log;
  const recent = [...log.recent, ...events].slice(-RECENT_MOST);
  return applied({ ...log, recent }, events, own);
}

function applied(log: ChatLog, events: readonly ChannelEvent[], own: ReadonlySet<bigint>): ChatLog {
  if (events.length === 0) return log;
  const said = events.flatMap((event) => (event.kind === "message" ? [event.line] : []));
  const grown = log.hasNewer || !log.ready ? log.lines : merged(log.lines, said);
  const lines = changed(grown, events, own);
  return settle({ ...log, lines }, said);
}

/** A line the server answered with. It may come before the stream brings it, or after. */
export function withLine(log: ChatLog, line: Line): ChatLog {
  if (log.hasNewer || !log.ready) return log;
  return { ...log, lines: merged(log.lines, [line]) };
}

/** Replaces a line that is there, as the server answered it. */
export function withChanged(log: ChatLog, line: Line): ChatLog {
  return mapLine(log, line.sequence, (old) => ({ ...line, reactions: old.reactions }));
}

export function withDeleted(log: ChatLog, sequence: bigint): ChatLog {
  return mapLine(log, sequence, takenBack);
}

export function withReactions(log: ChatLog, sequence: bigint, reactions: Reaction[]): ChatLog {
  return mapLine(log, sequence, (line) => ({ ...line, reactions }));
}

export function withPending(log: ChatLog, pending: Pending): ChatLog {
  const others = log.pending.filter((one) => one.key !== pending.key);
  return { ...log, pending: [...others, pending] };
}

export function withoutPending(log: ChatLog, key: string): ChatLog {
  return { ...log, pending: log.pending.filter((one) => one.key !== key) };
}

export function withFailed(log: ChatLog, key: string, failure: Failure): ChatLog {
  return {
    ...log,
    pending: log.pending.map((one) => (one.key === key ? { ...one, failure } : one)),
  };
}

/** Lets the oldest lines go. Only for a reader at the newest line: nobody is looking at them. */
export function trimmed(log: ChatLog): ChatLog {
  if (log.lines.length <= LINES_MOST) return log;
  return { ...log, lines: log.lines.slice(LET_GO - LINES_MOST), hasOlder: true };
}

const NOBODY: ReadonlySet<bigint> = new Set();

/** The last page reaches the present once it has what was said since it was read. */
function joinPresent(log: ChatLog, page: Page): ChatLog {
  return applied({ ...log, hasNewer: page.hasMore }, after(log, page), NOBODY);
}

/** The events a page does not know of yet. */
function after(log: ChatLog, page: Page): readonly ChannelEvent[] {
  return log.recent.filter((event) => event.sequence > page.lastSequence);
}

/** Puts lines where their numbers belong; nearly always at the end. */
function merged(lines: readonly Line[], incoming: readonly Line[]): readonly Line[] {
  const last = lines.at(-1)?.sequence ?? 0n;
  const first = lines[0]?.sequence ?? 0n;
  if (incoming.every((line, i) => line.sequence > (incoming[i - 1]?.sequence ?? last))) {
    return incoming.length > 0 ? [...lines, ...incoming] : lines;
  }
  const fresh = incoming.filter((line) => line.sequence > first && place(lines, line.sequence) < 0);
  if (fresh.length === 0) return lines;
  return [...lines, ...fresh].sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
}

/** Where a number is among the lines; -1: not there. Lines are sorted, so halving finds it. */
export function place(lines: readonly Line[], sequence: bigint): number {
  let from = 0;
  let to = lines.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((lines[middle] as Line).sequence < sequence) from = middle + 1;
    else to = middle;
  }
  return lines[from]?.sequence === sequence ? from : -1;
}

/** Edits, deletions and reactions, put on the lines they are about. */
function changed(
  lines: readonly Line[],
  events: readonly ChannelEvent[],
  own: ReadonlySet<bigint>,
): readonly Line[] {
  let copy: Line[] | null = null;
  for (const event of events) {
    if (!("target" in event)) continue;
    const index = place(lines, event.target);
    if (index < 0) continue;
    copy ??= [...lines];
    copy[index] = changedLine(copy[index] as Line, event, own);
  }
  return copy ?? lines;
}

type Change = Extract<ChannelEvent, { target: bigint }>;

function changedLine(line: Line, event: Change, own: ReadonlySet<bigint>): Line {
  switch (event.kind) {
    case "edited":
      return { ...line, text: event.text, editedAtMs: event.editedAtMs };
    case "deleted":
      return takenBack(line);
    case "reaction": {
      const others = line.reactions.filter((one) => one.emoji !== event.emoji);
      const old = line.reactions.find((one) => one.emoji === event.emoji);
      if (event.count === 0) return { ...line, reactions: others };
      const mine = own.has(event.characterId) ? event.on : (old?.mine ?? false);
      const now = { emoji: event.emoji, count: event.count, mine };
      const reactions = old
        ? line.reactions.map((one) => (one === old ? now : one))
        : [...others, now];
      return { ...line, reactions };
    }
  }
}

function takenBack(line: Line): Line {
  return { ...line, text: "", deleted: true, reactions: [], mentions: [] };
}

function mapLine(log: ChatLog, sequence: bigint, map: (line: Line) => Line): ChatLog {
  const index = place(log.lines, sequence);
  if (index < 0) return log;
  const lines = [...log.lines];
  lines[index] = map(lines[index] as Line);
  return { ...log, lines };
}

/**
 * Drops each pending line that has come back as a real one. The stream may bring our own line
 * before the answer to our call does, or after an answer that was lost.
 */
function settle(log: ChatLog, arrived: readonly Line[]): ChatLog {
  if (log.pending.length === 0) return log;
  const pending = [...log.pending];
  for (const line of arrived) {
    const index = pending.findIndex(
      (one) =>
        one.characterId === line.characterId && one.text === line.text && !isOlder(line, one),
    );
    if (index >= 0) pending.splice(index, 1);
  }
  return { ...log, pending };
}

/** Clocks differ; a minute of doubt keeps an old, equal line from swallowing a new one. */
function isOlder(line: Line, pending: Pending): boolean {
  return line.sentAtMs < pending.madeAtMs - 60_000;
}
