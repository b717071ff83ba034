/**
 * The Global channel of whoever is signed in: its log, its connection and what was read.
 *
 * One `Chat` lives as long as a session's screens do. It reads the newest page, then either follows
 * the server's stream (the leading tab) or what the leading tab tells.
 */
import { createStore } from "zustand/vanilla";
import { newKey } from "@/lib/ids";
import { recall, remember } from "@/lib/storage";
import { findGlobal, type Page, readPage, send, stream } from "./calls";
import { type Connection, Follower, pauseMs, type StreamEvent } from "./follower";
import { Lead } from "./lead";
import {
  type ChatLog,
  emptyLog,
  gap,
  type Line,
  trimmed,
  withFailed,
  withLines,
  withNewest,
  withOlder,
  withoutPending,
  withPending,
} from "./log";

export type Speaker = { id: bigint; name: string };

export type ChatState = {
  channelId: bigint | null;
  log: ChatLog;
  connection: Connection;
  /** The first page has been read. */
  ready: boolean;
  readingOlder: boolean;
  /** Everything up to this number has been seen by the player. */
  readUpTo: bigint;
  /** The unread line stands after this number; null when there is none to show. */
  unreadAfter: bigint | null;
};

type Told = { event: StreamEvent<Line> } | { connection: Connection; head: bigint };

/** Further behind than this, starting over from the newest page beats replaying everything. */
const BEHIND_MOST = 1_000n;
/** A log heard of this lately cannot be far behind. */
const FRESH_MS = 60_000;

const initial: ChatState = {
  channelId: null,
  log: emptyLog,
  connection: { kind: "catching-up" },
  ready: false,
  readingOlder: false,
  readUpTo: 0n,
  unreadAfter: null,
};

export class Chat {
  readonly store = createStore<ChatState>(() => initial);
  private follower: Follower<Line> | null = null;
  private lead: Lead<Told> | null = null;
  private stopped = false;
  private filling = false;
  private watching = false;
  private heardAtMs = 0;

  constructor(private readonly accountId: bigint) {}

  async start(): Promise<void> {
    this.stopped = false;
    document.addEventListener("visibilitychange", this.nudge);
    addEventListener("online", this.nudge);
    addEventListener("offline", this.lose);
    const channelId = await this.untilAnswered(findGlobal);
    if (channelId === null || this.stopped) return;

    const saved = recall(this.readKey());
    this.store.setState({ channelId, readUpTo: saved === null ? 0n : BigInt(saved) });
    const page = await this.untilAnswered(() => readPage(channelId, 0n));
    if (!page || this.stopped) return;
    this.begin(page.lines, page.hasMore, saved === null);
    this.followOrListen(channelId);
  }

  stop(): void {
    this.stopped = true;
    document.removeEventListener("visibilitychange", this.nudge);
    removeEventListener("online", this.nudge);
    removeEventListener("offline", this.lose);
    this.lead?.stop();
    this.follower?.stop();
  }

  /** Shows the line at once, and sends it. */
  say(speaker: Speaker, text: string): Promise<void> {
    const made = {
      characterId: speaker.id,
      characterName: speaker.name,
      text,
      madeAtMs: Date.now(),
    };
    return this.deliver({ key: newKey(), state: "sending", ...made });
  }

  /** The same key as before: if the first attempt did arrive, this gets its answer. */
  async sayAgain(key: string): Promise<void> {
    const pending = this.log().pending.find((one) => one.key === key);
    if (pending) await this.deliver({ ...pending, state: "sending", madeAtMs: Date.now() });
  }

  discard(key: string): void {
    this.setLog(withoutPending(this.log(), key));
  }

  async readOlder(): Promise<void> {
    const { channelId, log, readingOlder } = this.store.getState();
    const first = log.lines[0];
    if (channelId === null || !first || !log.hasOlder || readingOlder) return;
    this.store.setState({ readingOlder: true });
    try {
      const page = await readPage(channelId, first.sequence);
      this.setLog(withOlder(this.log(), page.lines, page.hasMore));
    } catch {
      // Scrolling up again asks again; the connection line tells about the server.
    } finally {
      this.store.setState({ readingOlder: false });
    }
  }

  /** Whether the player is looking at the newest line right now. */
  watch(watching: boolean): void {
    this.watching = watching;
    if (watching) this.markRead();
  }

  private readonly lose = (): void => this.follower?.lose();

  private readonly nudge = (): void => {
    if (document.visibilityState !== "visible") return;
    this.follower?.nudge();
    this.lead?.nudge();
  };

  private begin(lines: Line[], hasMore: boolean, firstVisit: boolean): void {
    this.setLog(withNewest(this.log(), lines, hasMore));
    const { log, readUpTo } = this.store.getState();
    this.heardAtMs = Date.now();
    this.store.setState({ ready: true });
    if (firstVisit) this.markRead();
    else if (readUpTo < log.head) this.store.setState({ unreadAfter: readUpTo });
  }

  private followOrListen(channelId: bigint): void {
    const name = `waystone-chat-${this.accountId}`;
    this.lead = new Lead<Told>({
      name,
      locks: navigator.locks ?? null,
      channel: typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name),
      onLead: () => this.follow(channelId),
      onTold: (told) => this.listen(told),
      onHello: () => this.tellConnection(),
    });
    this.lead.start();
  }

  private tellConnection(): void {
    const { connection, log } = this.store.getState();
    this.lead?.tell({ connection, head: log.head });
  }

  /** What the leading tab tells; its head shows lines this tab slept through. */
  private listen(told: Told): void {
    if ("event" in told) {
      this.hear(told.event);
      return;
    }
    this.connect(told.connection);
    if (told.head > this.log().head) void this.readNewest();
  }

  private follow(channelId: bigint): () => void {
    const follower = new Follower<Line>({
      open: (signal) => this.resume(channelId, signal),
      onEvent: (event) => {
        this.hear(event);
        this.lead?.tell({ event });
      },
      onConnection: (connection) => {
        this.connect(connection);
        this.tellConnection();
      },
    });
    this.follower = follower;
    follower.start();
    return () => {
      follower.stop();
      if (this.follower === follower) this.follower = null;
    };
  }

  /** Resumes after the newest line we have, or starts over when that is too far behind. */
  private async *resume(channelId: bigint, signal: AbortSignal): AsyncGenerator<StreamEvent<Line>> {
    if (Date.now() - this.heardAtMs > FRESH_MS) {
      const page = await readPage(channelId, 0n);
      const head = page.lines.at(-1)?.sequence ?? 0n;
      if (head > this.log().head + BEHIND_MOST) this.startOver(page);
    }
    yield* stream(channelId, this.log().head, signal);
  }

  private startOver(page: Page): void {
    this.setLog(withNewest(this.log(), page.lines, page.hasMore));
  }

  private hear(event: StreamEvent<Line>): void {
    this.heardAtMs = Date.now();
    if (event.kind !== "item") return;
    this.markUnread();
    this.setLog(withLines(this.log(), [event.item]));
    if (this.watching) this.markRead();
    void this.fillGap();
  }

  private async readNewest(): Promise<void> {
    const { channelId } = this.store.getState();
    if (channelId === null) return;
    const page = await readPage(channelId, 0n).catch(() => null);
    if (!page) return;
    this.setLog(withLines(this.log(), page.lines));
    void this.fillGap();
  }

  /** The player sees the newest line. */
  private markRead(): void {
    const { log, readUpTo } = this.store.getState();
    this.setLog(trimmed(log));
    if (log.head <= readUpTo) return;
    remember(this.readKey(), String(log.head));
    this.store.setState({ readUpTo: log.head });
  }

  /** Reads what is missing between the run and what came after it. */
  private async fillGap(): Promise<void> {
    const { channelId } = this.store.getState();
    if (this.filling || channelId === null) return;
    this.filling = true;
    try {
      for (let hole = gap(this.log()); hole; hole = gap(this.log())) {
        const page = await readPage(channelId, hole.before, Math.max(hole.count, 1));
        const before = this.log();
        const reaches = (page.lines[0]?.sequence ?? 0n) <= before.head + 1n;
        if (reaches) this.setLog(withLines(before, page.lines));
        else this.startOver(page);
        if (this.log() === before) break;
      }
    } catch {
      // The next line, or the next attempt of the stream, finds the same gap.
    } finally {
      this.filling = false;
    }
  }

  private async deliver(pending: ChatLog["pending"][number]): Promise<void> {
    const { channelId } = this.store.getState();
    if (channelId === null) return;
    this.setLog(withPending(this.log(), pending));
    try {
      const line = await send(channelId, pending);
      this.setLog(withoutPending(line ? withLines(this.log(), [line]) : this.log(), pending.key));
      void this.fillGap();
    } catch {
      this.setLog(withFailed(this.log(), pending.key));
    }
  }

  /** The first line that arrives while nobody looks starts the unread part. */
  private markUnread(): void {
    const { unreadAfter, log, readUpTo } = this.store.getState();
    if (this.watching || (unreadAfter !== null && unreadAfter >= readUpTo)) return;
    this.store.setState({ unreadAfter: log.head });
  }

  /** Repeats a first call until the server answers; null when the chat was stopped meanwhile. */
  private async untilAnswered<T>(call: () => Promise<T>): Promise<T | null> {
    const sinceMs = Date.now();
    for (let failures = 0; !this.stopped; failures++) {
      try {
        return await call();
      } catch {
        if (failures > 0) this.connect({ kind: "offline", sinceMs });
        await new Promise((resolve) => setTimeout(resolve, pauseMs(failures)));
      }
    }
    return null;
  }

  private connect(connection: Connection): void {
    this.store.setState({ connection });
  }

  private log(): ChatLog {
    return this.store.getState().log;
  }

  private setLog(log: ChatLog): void {
    if (log !== this.log()) this.store.setState({ log });
  }

  private readKey(): string {
    return `waystone.read.${this.accountId}`;
  }
}
