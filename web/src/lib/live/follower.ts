/**
 * Keeps one event stream open: reconnects with growing, random pauses, and gives a stream up that
 * has been silent for too long, since a connection that died without a word looks just like a quiet
 * one. The caller's `head` is where each attempt resumes, so nothing is missed or seen twice.
 */

/** What the top line of the page says. */
export type Connection =
  | { kind: "catching-up" }
  | { kind: "live" }
  | { kind: "offline"; sinceMs: number };

export type StreamEvent<Item> =
  | { kind: "item"; item: Item }
  | { kind: "caught-up" }
  | { kind: "heartbeat" };

type FollowerOptions<Item> = {
  open: (signal: AbortSignal) => AsyncIterable<StreamEvent<Item>>;
  onEvent: (event: StreamEvent<Item>) => void;
  onConnection: (connection: Connection) => void;
};

/** The server sends a heartbeat every 20 s; two missed ones and a little mean it is gone. */
export const SILENCE_MS = 45_000;
/** A page that was asleep cannot trust a stream silent for more than one heartbeat. */
const NUDGE_SILENCE_MS = 22_000;
const PAUSE_FIRST_MS = 500;
const PAUSE_MOST_MS = 20_000;

/** Full jitter between half and all of a doubling pause: a crowd must not come back as one. */
export function pauseMs(failures: number, random = Math.random()): number {
  const most = Math.min(PAUSE_MOST_MS, PAUSE_FIRST_MS * 2 ** Math.min(failures, 10));
  return most * (0.5 + random / 2);
}

export class Follower<Item> {
  private stopped = false;
  private attempt: AbortController | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private heardAtMs = 0;
  private failures = 0;
  private lostAtMs = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly options: FollowerOptions<Item>) {}

  start(): void {
    this.options.onConnection({ kind: "catching-up" });
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.attempt?.abort();
    this.wake?.();
  }

  /** The page became visible or the network came back: try now rather than after the pause. */
  nudge(): void {
    if (this.wake) this.wake();
    else if (Date.now() - this.heardAtMs > NUDGE_SILENCE_MS) this.attempt?.abort();
  }

  /** The network went away: say so now, not when the silence has lasted. */
  lose(): void {
    this.attempt?.abort();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.follow();
      clearTimeout(this.silence);
      if (this.stopped) return;
      this.tellLoss();
      await this.pause(pauseMs(this.failures++));
    }
  }

  /** One stream, from opening to its end, however it ends. */
  private async follow(): Promise<void> {
    const attempt = new AbortController();
    this.attempt = attempt;
    this.hear();
    try {
      for await (const event of this.options.open(attempt.signal)) {
        if (attempt.signal.aborted) return;
        this.hear();
        this.options.onEvent(event);
        if (event.kind === "caught-up") this.tellLive();
      }
    } catch {
      // Whatever ended the stream, the answer is the same: resume from the head.
    }
  }

  private hear(): void {
    this.heardAtMs = Date.now();
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.attempt?.abort(), SILENCE_MS);
  }

  private tellLive(): void {
    this.failures = 0;
    this.lostAtMs = 0;
    this.options.onConnection({ kind: "live" });
  }

  /** A stream that ends (a server being replaced) is no outage until coming back fails too. */
  private tellLoss(): void {
    this.lostAtMs ||= Date.now();
    this.options.onConnection(
      this.failures === 0 ? { kind: "catching-up" } : { kind: "offline", sinceMs: this.lostAtMs },
    );
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), ms);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
    });
  }
}
