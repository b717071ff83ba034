/** Turns the log into what the list draws: groups, day lines, the unread line. */
import type { Line } from "@/lib/live/model";
import type { ChatLog, Pending } from "./log";

export type Row =
  | { kind: "beginning" }
  | { kind: "day"; key: string; atMs: number }
  | { kind: "unread" }
  | { kind: "line"; line: Line; startsGroup: boolean }
  | { kind: "pending"; pending: Pending; startsGroup: boolean };

/** One speaker's lines within this time stand under one name. */
const GROUP_MS = 5 * 60_000;

export function toRows(log: ChatLog, own: ReadonlySet<bigint>): Row[] {
  const rows: Row[] = [];
  if (!log.hasOlder && log.lines.length > 0) rows.push({ kind: "beginning" });

  let unreadAfter = log.unreadAfter;
  let previous: { characterId: bigint; atMs: number } | null = null;
  for (const line of log.lines) {
    const day = dayKey(line.sentAtMs);
    if (!previous || dayKey(previous.atMs) !== day) {
      rows.push({ kind: "day", key: day, atMs: line.sentAtMs });
      previous = null;
    }
    if (unreadAfter !== null && line.sequence > unreadAfter && !own.has(line.characterId)) {
      rows.push({ kind: "unread" });
      unreadAfter = null;
      previous = null;
    }
    const startsGroup =
      !previous || line.replyTo !== null || !continues(previous, line.characterId, line.sentAtMs);
    rows.push({ kind: "line", line, startsGroup });
    previous = { characterId: line.characterId, atMs: line.sentAtMs };
  }
  for (const pending of log.pending) {
    const startsGroup =
      !previous ||
      pending.replyTo !== null ||
      !continues(previous, pending.characterId, pending.madeAtMs);
    rows.push({ kind: "pending", pending, startsGroup });
    previous = { characterId: pending.characterId, atMs: pending.madeAtMs };
  }
  return rows;
}

export function rowKey(row: Row): string {
  switch (row.kind) {
    case "line":
      return String(row.line.sequence);
    case "pending":
      return row.pending.key;
    case "day":
      return row.key;
    default:
      return row.kind;
  }
}

function continues(
  previous: { characterId: bigint; atMs: number },
  id: bigint,
  atMs: number,
): boolean {
  return previous.characterId === id && atMs - previous.atMs < GROUP_MS;
}

// Lines come in order and by the thousand: the day just named answers for nearly all of them.
let day = { key: "", fromMs: 0, untilMs: 0 };

function dayKey(atMs: number): string {
  if (atMs < day.fromMs || atMs >= day.untilMs) {
    const date = new Date(atMs);
    const fromMs = new Date(date).setHours(0, 0, 0, 0);
    const untilMs = new Date(date).setHours(24, 0, 0, 0);
    day = { key: date.toDateString(), fromMs, untilMs };
  }
  return day.key;
}
