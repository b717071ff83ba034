/**
 * What this tab knows of a channel: pure functions on an immutable value.
 *
 * `lines` is one run of sequence numbers without gaps, ending at `head`. What arrives beyond a gap
 * waits in `ahead` until the missing numbers have been read; what arrives twice is dropped. So the
 * page can show `lines` as they are, whichever of stream, history and answers came first.
 */

export type Line = {
  sequence: bigint;
  characterId: bigint;
  characterName: string;
  text: string;
  sentAtMs: number;
};

/** A line of ours the server has not acknowledged. `key` makes sending it again harmless. */
export type Pending = {
  key: string;
  characterId: bigint;
  characterName: string;
  text: string;
  madeAtMs: number;
  state: "sending" | "failed";
};

export type ChatLog = {
  lines: readonly Line[];
  /** The newest number of the run; 0 before anything was read. */
  head: bigint;
  ahead: readonly Line[];
  pending: readonly Pending[];
  hasOlder: boolean;
};

/** Lines held in memory; the oldest are let go and can be read again. */
const LINES_MOST = 10_000;

export const emptyLog: ChatLog = { lines: [], head: 0n, ahead: [], pending: [], hasOlder: false };

/** Starts over from the newest page of history; what waits to be sent stays. */
export function withNewest(log: ChatLog, page: readonly Line[], hasOlder: boolean): ChatLog {
  const base = { ...emptyLog, pending: log.pending, ahead: log.ahead, hasOlder };
  const head = page.at(-1)?.sequence ?? 0n;
  return withLines(settle({ ...base, lines: page, head }, page), []);
}

/** Puts a page of older lines before the run, if it ends right where the run begins. */
export function withOlder(log: ChatLog, page: readonly Line[], hasOlder: boolean): ChatLog {
  const first = log.lines[0]?.sequence;
  const older = page.filter((line) => first === undefined || line.sequence < first);
  if (first !== undefined && older.length > 0 && older.at(-1)?.sequence !== first - 1n) return log;
  return { ...log, lines: [...older, ...log.lines], hasOlder };
}

/** Takes lines from the stream, from an answer or from a re-read, in any order. */
export function withLines(log: ChatLog, incoming: readonly Line[]): ChatLog {
  const waiting = new Map([...log.ahead, ...incoming].map((line) => [line.sequence, line]));
  const run: Line[] = [];
  let head = log.head;
  for (let next = waiting.get(head + 1n); next; next = waiting.get(head + 1n)) {
    run.push(next);
    head = next.sequence;
  }
  const ahead = [...waiting.values()].filter((line) => line.sequence > head).sort(bySequence);
  if (run.length === 0 && ahead.length === log.ahead.length) return log;
  return settle(
    { ...log, lines: run.length > 0 ? [...log.lines, ...run] : log.lines, head, ahead },
    run,
  );
}

/** The numbers between the run and what waits beyond it, if any are missing. */
export function gap(log: ChatLog): { before: bigint; count: number } | null {
  const next = log.ahead[0];
  return next ? { before: next.sequence, count: Number(next.sequence - log.head - 1n) } : null;
}

export function withPending(log: ChatLog, pending: Pending): ChatLog {
  const others = log.pending.filter((one) => one.key !== pending.key);
  return { ...log, pending: [...others, pending] };
}

export function withoutPending(log: ChatLog, key: string): ChatLog {
  return { ...log, pending: log.pending.filter((one) => one.key !== key) };
}

export function withFailed(log: ChatLog, key: string): ChatLog {
  return {
    ...log,
    pending: log.pending.map((one) => (one.key === key ? { ...one, state: "failed" } : one)),
  };
}

/** Lets the oldest lines go. Only for a reader at the newest line: nobody is looking at them. */
export function trimmed(log: ChatLog): ChatLog {
  if (log.lines.length <= LINES_MOST) return log;
  return { ...log, lines: log.lines.slice(-LINES_MOST), hasOlder: true };
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

function bySequence(a: Line, b: Line): number {
  return a.sequence < b.sequence ? -1 : 1;
}
