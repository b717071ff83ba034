/**
 * One tab of the browser leads: it alone holds the event stream and tells the others what it hears,
 * because a browser keeps only six connections to a server over HTTP/1.1.
 *
 * The lead is a Web Lock, so it passes on by itself when the leading tab closes. A tab that was
 * frozen keeps its lock and says nothing; a follower somebody looks at takes the lead from it.
 * Where locks or channels are missing (insecure contexts), every tab leads for itself.
 */
import { SILENCE_MS } from "./follower";

type LeadMessage<Told, Asked> =
  | { kind: "told"; told: Told }
  | { kind: "asked"; asked: Asked }
  | { kind: "hello" };

type LeadOptions<Told, Asked> = {
  name: string;
  locks: Pick<LockManager, "request"> | null;
  channel: Pick<BroadcastChannel, "postMessage" | "onmessage" | "close"> | null;
  /** This tab leads from now on, until the returned function is called. */
  onLead: () => () => void;
  /** The leading tab tells something. */
  onTold: (told: Told) => void;
  /** Another tab asks something of the leader. */
  onAsked: (asked: Asked) => void;
  /** Another tab opened; the leader tells it how things stand. */
  onHello: () => void;
};

const LOOK_EVERY_MS = 5_000;
const ANSWER_MS = 2_000;
/** A leader passes the server's heartbeats on, so it is never silent for longer than a stream. */
const LEADER_SILENCE_MS = SILENCE_MS + 10_000;

export class Lead<Told, Asked = never> {
  private leading: (() => void) | null = null;
  private release: (() => void) | null = null;
  private closed = false;
  private heardAtMs = Date.now();
  private looking: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: LeadOptions<Told, Asked>) {}

  start(): void {
    const { channel, locks } = this.options;
    if (!channel || !locks) {
      this.leading = this.options.onLead();
      return;
    }
    channel.onmessage = (event) => this.hear(event.data as LeadMessage<Told, Asked>);
    this.post({ kind: "hello" });
    void this.queue(false);
    this.looking = setInterval(() => this.look(LEADER_SILENCE_MS), LOOK_EVERY_MS);
  }

  stop(): void {
    this.closed = true;
    clearInterval(this.looking);
    this.stepDown();
    this.release?.();
    this.options.channel?.close();
  }

  /** Only the leader's words go out. */
  tell(told: Told): void {
    if (this.leading) this.post({ kind: "told", told });
  }

  /** Asks the leader, which may be this tab. */
  ask(asked: Asked): void {
    if (this.leading) this.options.onAsked(asked);
    else this.post({ kind: "asked", asked });
  }

  /** The page became visible: is the leader still there? */
  nudge(): void {
    if (this.leading || !this.options.channel) return;
    this.post({ kind: "hello" });
    setTimeout(() => this.look(ANSWER_MS + 500), ANSWER_MS);
  }

  private async queue(steal: boolean): Promise<void> {
    const { locks, name } = this.options;
    if (!locks || this.closed) return;
    // A stolen lock rejects the promise of the tab that held it; that tab queues up again.
    await locks.request(name, steal ? { steal } : {}, () => this.hold()).catch(() => {});
    this.stepDown();
    if (!this.closed) void this.queue(false);
  }

  private hold(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.leading = this.options.onLead();
    return new Promise((resolve) => {
      this.release = resolve;
    });
  }

  private stepDown(): void {
    // The new leader's silence counts from now, or the lead would come straight back.
    this.heardAtMs = Date.now();
    this.leading?.();
    this.leading = null;
  }

  private look(silenceMs: number): void {
    const silent = Date.now() - this.heardAtMs > silenceMs;
    if (this.closed || this.leading || !silent || document.visibilityState !== "visible") return;
    this.heardAtMs = Date.now();
    void this.queue(true);
  }

  private hear(message: LeadMessage<Told, Asked>): void {
    if (message.kind === "hello") {
      if (this.leading) this.options.onHello();
      return;
    }
    if (message.kind === "asked") {
      if (this.leading) this.options.onAsked(message.asked);
      return;
    }
    this.heardAtMs = Date.now();
    if (!this.leading) this.options.onTold(message.told);
  }

  private post(message: LeadMessage<Told, Asked>): void {
    this.options.channel?.postMessage(message);
  }
}
