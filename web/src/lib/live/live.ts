/**
 * Everything that happens to the player, from one event stream for the whole browser.
 *
 * The leading tab holds the stream and passes its events on. Every tab keeps the number of the last
 * event of each topic, so whichever tab leads next resumes where the stream ended; and a tab that
 * finds itself behind the leader (it was asleep) treats the topic as reset.
 */
import { Code, createClient } from "@connectrpc/connect";
import { createStore } from "zustand/vanilla";
import { EventService } from "@/gen/waystone/event/v1/event_pb";
import { PresenceService, PresenceState } from "@/gen/waystone/presence/v1/presence_pb";
import { hasCode } from "../errors";
import { newKey } from "../ids";
import { keeper, transport } from "../transport";
import { toLiveEvent, toWireTopic } from "./convert";
import { type Connection, Follower, type StreamEvent } from "./follower";
import { Lead } from "./lead";
import { ACCOUNT, keyOf, type LiveEvent, type Topic } from "./model";

/** What one tab shows right now. */
export type Look = {
  /** The channel on the screen, whose presence is followed. */
  channelId: bigint | null;
  visible: boolean;
  /** Who the player acts as. */
  characterId: bigint | null;
};

type Asked = { tab: string; look: Look; gone: boolean };
type Told =
  | { kind: "events"; events: LiveEvent[] }
  | { kind: "state"; connection: Connection; heads: ReadonlyMap<string, bigint> }
  | { kind: "who" };

type Listener = (events: readonly LiveEvent[]) => void;

/** A stream may follow 256 topics: the account, presence, and this many channels. */
const CHANNELS_MOST = 248;
const PRESENCE_MOST = 7;
/** Events that arrive within a frame are drawn together. */
const GATHER_MS = 16;
/** What the server could not tell is asked for again after this. */
const AGAIN_MS = 5_000;
/** With no tab in view for so long, the player is away. */
const AWAY_AFTER_MS = 60_000;

const events = createClient(EventService, transport);
const presence = createClient(PresenceService, transport);

export class Live {
  readonly connection = createStore<Connection>(() => ({ kind: "catching-up" }));
  private readonly cursors = new Map<string, bigint>();
  private readonly listeners = new Set<Listener>();
  private channels: readonly bigint[] | null = null;
  private follower: Follower<LiveEvent> | null = null;
  private lead: Lead<Told, Asked> | null = null;
  private waiting: LiveEvent[] = [];
  private flushing: ReturnType<typeof setTimeout> | undefined;

  // This tab, and for the leader all of them.
  private readonly tab = newKey();
  private look: Look = { channelId: null, visible: false, characterId: null };
  private readonly looks = new Map<string, Look>();

  // The leader's open stream.
  private subscriptionId: string | null = null;
  private readonly followed = new Map<string, Topic>();
  private changing = false;
  private shown = "";
  private leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly accountId: bigint) {}

  /** Hears events in the order of the stream, many at once when many came. */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Listens from now on. The stream opens once `follow` has said which channels there are. */
  start(): void {
    document.addEventListener("visibilitychange", this.nudge);
    addEventListener("pageshow", this.nudge);
    addEventListener("pagehide", this.leave);
    addEventListener("online", this.nudge);
    addEventListener("offline", this.lose);
    this.look = { ...this.look, visible: document.visibilityState === "visible" };
    const name = `waystone-live-${this.accountId}`;
    this.lead = new Lead<Told, Asked>({
      name,
      locks: navigator.locks ?? null,
      channel: typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name),
      onLead: () => this.takeLead(),
      onTold: (told) => this.listen(told),
      onAsked: (asked) => this.hearAsked(asked),
      onHello: () => this.tellState(),
    });
    this.lead.start();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.nudge);
    removeEventListener("pageshow", this.nudge);
    removeEventListener("pagehide", this.leave);
    removeEventListener("online", this.nudge);
    removeEventListener("offline", this.lose);
    this.leave();
    this.lead?.stop();
    clearTimeout(this.flushing);
    this.listeners.clear();
  }

  /** The channels to follow; one that is new here from after the number given. */
  follow(channels: readonly { id: bigint; after: bigint }[]): void {
    for (const { id, after } of channels) {
      const key = keyOf({ kind: "channel", id });
      if (!this.cursors.has(key)) this.cursors.set(key, after);
    }
    const opening = this.channels === null;
    this.channels = channels.slice(0, CHANNELS_MOST).map(({ id }) => id);
    if (opening) this.follower?.start();
    else this.change();
  }

  private reach(topic: Topic, sequence: bigint): void {
    const key = keyOf(topic);
    if (sequence > (this.cursors.get(key) ?? -1n)) this.cursors.set(key, sequence);
  }

  /** What this tab shows. */
  show(look: Partial<Omit<Look, "visible">>): void {
    this.look = { ...this.look, ...look };
    this.lead?.ask({ tab: this.tab, look: this.look, gone: false });
  }

  private readonly lose = (): void => this.follower?.lose();

  private readonly leave = (): void =>
    this.lead?.ask({ tab: this.tab, look: this.look, gone: true });

  private readonly nudge = (): void => {
    const visible = document.visibilityState === "visible";
    this.look = { ...this.look, visible };
    this.lead?.ask({ tab: this.tab, look: this.look, gone: false });
    if (!visible) return;
    this.follower?.nudge();
    this.lead?.nudge();
  };

  private takeLead(): () => void {
    const follower = new Follower<LiveEvent>({
      open: (signal) => this.open(signal),
      onEvent: (event) => event.kind === "item" && this.hear(event.item),
      onConnection: (connection) => {
        this.connection.setState(connection, true);
        this.tellState();
      },
    });
    this.follower = follower;
    this.looks.set(this.tab, this.look);
    if (this.channels) follower.start();
    // After `leading` is set: the other tabs say what they show.
    queueMicrotask(() => this.lead?.tell({ kind: "who" }));
    return () => {
      follower.stop();
      clearTimeout(this.leaving);
      this.looks.clear();
      if (this.follower === follower) this.follower = null;
    };
  }

  private async *open(signal: AbortSignal): AsyncGenerator<StreamEvent<LiveEvent>> {
    const token = await keeper.accessToken();
    this.followed.clear();
    for (const topic of this.wanted()) this.followed.set(keyOf(topic), topic);
    const expected = new Set(this.followed.keys());
    const follow = [...this.followed.values()].map((topic) => this.following(topic));
    try {
      // No deadline: the stream stays open; silence is the follower's to judge.
      for await (const answer of events.subscribe({ follow }, { signal, timeoutMs: 0 })) {
        const event = toLiveEvent(answer);
        if (!event) continue;
        this.keepStream(event);
        yield event.of === "heartbeat" ? { kind: "heartbeat" } : { kind: "item", item: event };
        if (event.of !== "caught-up" && event.of !== "ended") continue;
        if (expected.delete(keyOf(event.topic)) && expected.size === 0) yield { kind: "caught-up" };
      }
    } catch (error) {
      if (token && hasCode(error, Code.Unauthenticated)) await keeper.refresh(token);
      throw error;
    } finally {
      this.subscriptionId = null;
    }
  }

  /** What the leader itself has to do about an event. */
  private keepStream(event: LiveEvent): void {
    if (event.of === "opened") {
      this.subscriptionId = event.subscriptionId;
      this.shown = "";
      this.showPresence();
      this.change();
    } else if (event.of === "heartbeat") {
      this.tellState();
    } else if (event.of === "ended") {
      if (event.reason !== "unavailable") return;
      this.followed.delete(keyOf(event.topic));
      setTimeout(() => this.change(), AGAIN_MS);
    }
  }

  private hear(event: LiveEvent): void {
    if (event.of === "opened") return;
    this.waiting.push(event);
    this.flushing ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  private flush(): void {
    clearTimeout(this.flushing);
    this.flushing = undefined;
    const batch = this.waiting;
    if (batch.length === 0) return;
    this.waiting = [];
    this.take(batch);
    this.lead?.tell({ kind: "events", events: batch });
  }

  private take(batch: readonly LiveEvent[]): void {
    for (const event of batch) {
      if (event.of === "channel") {
        this.reach({ kind: "channel", id: event.event.channelId }, event.event.sequence);
      } else if (event.of === "account") {
        this.reach(ACCOUNT, event.event.sequence);
      } else if (event.of === "caught-up" || event.of === "reset") {
        if (event.topic.kind !== "presence") this.reach(event.topic, event.sequence);
      }
    }
    for (const listener of this.listeners) listener(batch);
  }

  /** What the leading tab tells. */
  private listen(told: Told): void {
    if (told.kind === "who") {
      this.show({});
    } else if (told.kind === "events") {
      this.take(told.events);
    } else {
      this.connection.setState(told.connection, true);
      this.compare(told.heads);
    }
  }

  /** Tabs hear the leader in order: one that is behind its heads has slept through something. */
  private compare(heads: ReadonlyMap<string, bigint>): void {
    const missed: LiveEvent[] = [];
    for (const [key, sequence] of heads) {
      const mine = this.cursors.get(key);
      if (mine === undefined || sequence <= mine) continue;
      const [kind, id] = key.split(" ") as [Topic["kind"], string];
      missed.push({ of: "reset", topic: { kind, id: BigInt(id) }, sequence });
    }
    if (missed.length > 0) this.take(missed);
  }

  private tellState(): void {
    this.flush();
    const connection = this.connection.getState();
    this.lead?.tell({ kind: "state", connection, heads: this.cursors });
  }

  private hearAsked({ tab, look, gone }: Asked): void {
    if (gone) this.looks.delete(tab);
    else this.looks.set(tab, look);
    this.change();
    this.showPresence();
  }

  /** All topics the tabs need, the account first. */
  private wanted(): Topic[] {
    const shown = new Set<bigint>();
    for (const { channelId, visible } of [...this.looks.values()].reverse()) {
      if (channelId !== null && visible) shown.add(channelId);
    }
    const channels = this.channels ?? [];
    return [
      ACCOUNT,
      ...channels.map((id): Topic => ({ kind: "channel", id })),
      ...[...shown]
        .filter((id) => channels.includes(id))
        .slice(0, PRESENCE_MOST)
        .map((id): Topic => ({ kind: "presence", id })),
    ];
  }

  private following(topic: Topic) {
    const after = topic.kind === "presence" ? undefined : this.cursors.get(keyOf(topic));
    return { topic: toWireTopic(topic), ...(after === undefined ? {} : { after }) };
  }

  /** Makes the open stream follow what is wanted now. */
  private change(): void {
    if (this.changing || !this.subscriptionId) return;
    this.changing = true;
    // Changes made together become one call.
    queueMicrotask(() => void this.callFollow());
  }

  private async callFollow(): Promise<void> {
    const subscriptionId = this.subscriptionId;
    const wanted = new Map(this.wanted().map((topic) => [keyOf(topic), topic]));
    const added = [...wanted].filter(([key]) => !this.followed.has(key));
    const dropped = [...this.followed].filter(([key]) => !wanted.has(key));
    this.changing = false;
    if (!subscriptionId || added.length + dropped.length === 0) return;
    for (const [key, topic] of added) this.followed.set(key, topic);
    for (const [key] of dropped) this.followed.delete(key);
    try {
      await events.follow({
        subscriptionId,
        follow: added.map(([, topic]) => this.following(topic)),
        unfollow: dropped.map(([, topic]) => toWireTopic(topic)),
      });
    } catch {
      // A stream that cannot be changed is replaced by one that follows the right things.
      if (this.subscriptionId === subscriptionId) this.follower?.lose();
    }
  }

  /** Tells how the player appears: there while any tab is in view, away a while later. */
  private showPresence(): void {
    clearTimeout(this.leaving);
    const looks = [...this.looks.values()];
    if (looks.some(({ visible }) => visible)) void this.callPresence(PresenceState.ONLINE);
    else {
      this.leaving = setTimeout(() => void this.callPresence(PresenceState.AWAY), AWAY_AFTER_MS);
    }
  }

  private async callPresence(state: PresenceState): Promise<void> {
    const characterId = [...this.looks.values()].find(
      (look) => look.characterId !== null,
    )?.characterId;
    const shown = `${characterId} ${state}`;
    if (!characterId || !this.subscriptionId || shown === this.shown) return;
    this.shown = shown;
    // How one appears is no matter of life and death: the next change tries again.
    await presence.setPresence({ characterId, state }).catch(() => {
      this.shown = "";
    });
  }
}
