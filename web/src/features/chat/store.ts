/**
 * The conversations of whoever is signed in: channels, what was said in them, who is there, and
 * what was read. One `Chat` lives as long as a session's screens do; it hears of everything through
 * `Live` and asks the server only for what live events cannot tell.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { createStore } from "zustand/vanilla";
import { newKey } from "@/lib/ids";
import { pauseMs } from "@/lib/live/follower";
import type { Live } from "@/lib/live/live";
import type { AccountEvent, ChannelEvent, ChannelInfo, Line, LiveEvent } from "@/lib/live/model";
import { recall, remember } from "@/lib/storage";
import * as calls from "./calls";
import { type Channels, firstOf, heardIn, ordered, read, takesUnread } from "./channels";
import { failureOf } from "./failure";
import {
  type ChatLog,
  emptyLog,
  type Page,
  type Pending,
  place,
  trimmed,
  withChanged,
  withDeleted,
  withEvents,
  withFailed,
  withLine,
  withNewer,
  withNewest,
  withOlder,
  withoutPending,
  withPending,
  withPlace,
  withReactions,
} from "./log";
import { type Present, withPresence } from "./presence";

export type Speaker = { id: bigint; name: string };

/** A place in the record to show; `stamp` tells one wish from the next for the same place. */
export type Target = { sequence: bigint; stamp: number };

/** What is being written in a channel. */
export type Draft = {
  text: string;
  replyTo: Line | null;
  editing: Line | null;
  /** The key of the refused message that is written anew. */
  anew: string | null;
};

export type ChatState = {
  /** The channels have been read. */
  ready: boolean;
  channels: Channels;
  openId: bigint | null;
  logs: ReadonlyMap<bigint, ChatLog>;
  presence: ReadonlyMap<bigint, Present>;
  drafts: ReadonlyMap<bigint, Draft>;
  target: Target | null;
  /** When one may speak again, by channel, on this machine's clock. */
  quietUntilMs: ReadonlyMap<bigint, number>;
};

export const noDraft: Draft = { text: "", replyTo: null, editing: null, anew: null };

const initial: ChatState = {
  ready: false,
  channels: new Map(),
  openId: null,
  logs: new Map(),
  presence: new Map(),
  drafts: new Map(),
  target: null,
  quietUntilMs: new Map(),
};

/** Reading on is told to the server this much later, together with what is read meanwhile. */
const TELL_READ_MS = 700;
/** Channels whose lines are kept; those not looked at for longest are let go. */
const LOGS_MOST = 12;

export class Chat {
  readonly store = createStore<ChatState>(() => initial);
  private own: ReadonlySet<bigint> = new Set();
  private stopped = false;
  private watching = false;
  private early: LiveEvent[] = [];
  private leaveLive: (() => void) | null = null;
  private readonly toTell = new Map<bigint, bigint>();
  private telling: ReturnType<typeof setTimeout> | undefined;
  private relisting = false;
  private stamp = 0;

  constructor(
    private readonly live: Live,
    private readonly accountId: bigint,
  ) {}

  async start(): Promise<void> {
    this.stopped = false;
    this.leaveLive = this.live.subscribe((events) => this.hear(events));
    const channels = await this.untilAnswered(calls.listChannels);
    if (!channels || this.stopped) return;
    this.takeChannels(channels);
    this.store.setState({ ready: true });
    const early = this.early;
    this.early = [];
    this.hear(early);
    const saved = recall(this.openKey());
    const known = saved !== null && this.channels().has(BigInt(saved));
    const first = known ? BigInt(saved) : firstOf(this.channels());
    if (first !== null) this.open(first);
  }

  stop(): void {
    this.stopped = true;
    this.leaveLive?.();
    if (this.toTell.size > 0) void this.tellRead();
    clearTimeout(this.telling);
  }

  /** The player's characters: what they say is not news, their reactions are the player's. */
  setOwn(own: ReadonlySet<bigint>): void {
    this.own = own;
  }

  /** Shows a channel, with a line where the unread part begins. */
  open(channelId: bigint): void {
    const channel = this.channels().get(channelId);
    if (!channel) return;
    const { openId } = this.store.getState();
    if (openId !== channelId) {
      if (openId !== null) this.setLog(openId, { ...this.log(openId), unreadAfter: null });
      this.store.setState({ openId: channelId, target: null });
      remember(this.openKey(), String(channelId));
      const unreadAfter = channel.unread > 0 ? channel.readSequence : null;
      this.setLog(channelId, { ...this.log(channelId), unreadAfter });
      this.letGo();
    }
    this.live.show({ channelId });
    if (!this.log(channelId).ready) void this.readNewest(channelId);
    if (this.watching) this.markRead();
  }

  /** Shows a message, wherever in the record it is. */
  async jump(channelId: bigint, sequence: bigint): Promise<boolean> {
    this.open(channelId);
    if (this.store.getState().openId !== channelId) return false;
    const { lines, ready } = this.log(channelId);
    if (!ready || place(lines, sequence) < 0) {
      try {
        const before = await calls.readBefore(channelId, sequence + 1n);
        const behind = await calls.readAfter(channelId, sequence);
        this.setLog(channelId, withPlace(this.log(channelId), before, behind));
      } catch {
        return false;
      }
    }
    this.stamp += 1;
    this.store.setState({ target: { sequence, stamp: this.stamp } });
    return true;
  }

  /** Back to what is said now. */
  async toPresent(): Promise<void> {
    const { openId } = this.store.getState();
    this.store.setState({ target: null });
    if (openId !== null && this.log(openId).hasNewer) await this.readNewest(openId);
  }

  /** Shows the line at once, and sends it. */
  say(
    speaker: Speaker,
    text: string,
    replyTo: Line | null,
    mentions: readonly bigint[],
  ): Promise<void> {
    const { openId } = this.store.getState();
    if (openId === null) return Promise.resolve();
    const made = {
      key: newKey(),
      characterId: speaker.id,
      characterName: speaker.name,
      text,
      replyTo,
      mentions,
      madeAtMs: Date.now(),
      failure: null,
    };
    this.setLog(openId, { ...this.log(openId), unreadAfter: null });
    return this.deliver(openId, made);
  }

  /** The same key as before: if the first attempt did arrive, this gets its answer. */
  async sayAgain(channelId: bigint, key: string): Promise<void> {
    const pending = this.log(channelId).pending.find((one) => one.key === key);
    if (!pending) return;
    await this.deliver(channelId, { ...pending, failure: null, madeAtMs: Date.now() });
  }

  /** Takes a refused message back to where one writes, before what is written there already. */
  writeAnew(channelId: bigint, key: string): void {
    const pending = this.log(channelId).pending.find((one) => one.key === key);
    if (!pending) return;
    const draft = this.store.getState().drafts.get(channelId) ?? noDraft;
    const begun = draft.editing ? "" : draft.text;
    const text = begun ? `${pending.text}\n${begun}` : pending.text;
    this.setDraft(channelId, { text, replyTo: pending.replyTo, editing: null, anew: key });
    this.discard(channelId, key);
  }

  discard(channelId: bigint, key: string): void {
    this.setLog(channelId, withoutPending(this.log(channelId), key));
  }

  async edit(line: Line, text: string): Promise<void> {
    const answer = await calls.edit(line, text);
    if (answer) this.setLog(line.channelId, withChanged(this.log(line.channelId), answer));
  }

  async remove(line: Line): Promise<void> {
    await calls.remove(line);
    this.setLog(line.channelId, withDeleted(this.log(line.channelId), line.sequence));
  }

  async react(line: Line, speaker: Speaker, emoji: string): Promise<void> {
    const on = !line.reactions.find((one) => one.emoji === emoji)?.mine;
    const reactions = await calls.react(line, speaker.id, emoji, on);
    const log = this.log(line.channelId);
    this.setLog(line.channelId, withReactions(log, line.sequence, reactions));
  }

  async block(characterId: bigint): Promise<void> {
    await calls.block(characterId);
    await this.readAnew();
  }

  async setMuted(channelId: bigint, muted: boolean): Promise<void> {
    const before = this.channels().get(channelId);
    if (!before) return;
    this.setChannel({ ...before, muted });
    try {
      await calls.setMuted(channelId, muted);
    } catch (error) {
      this.setChannel(before);
      throw error;
    }
  }

  async whisper(speaker: Speaker, name: string): Promise<void> {
    this.enter(await calls.openWhisper(speaker.id, name));
  }

  /** A channel the player made, joined or opened. */
  enter(channel: ChannelInfo | null): void {
    if (!channel) return;
    this.setChannel(channel);
    this.followAll();
    this.open(channel.id);
  }

  async leave(channelId: bigint): Promise<void> {
    await calls.leave(channelId);
    this.drop(channelId);
  }

  setDraft(channelId: bigint, draft: Draft): void {
    const drafts = new Map(this.store.getState().drafts);
    drafts.set(channelId, draft);
    this.store.setState({ drafts });
  }

  async readOlder(): Promise<void> {
    const { openId } = this.store.getState();
    if (openId === null) return;
    const log = this.log(openId);
    const first = log.lines[0];
    if (!first || !log.hasOlder || log.reading) return;
    await this.readPage(openId, "older", () => calls.readBefore(openId, first.sequence), withOlder);
  }

  async readNewer(): Promise<void> {
    const { openId } = this.store.getState();
    if (openId === null) return;
    const log = this.log(openId);
    const last = log.lines.at(-1);
    if (!last || !log.hasNewer || log.reading) return;
    await this.readPage(openId, "newer", () => calls.readAfter(openId, last.sequence), withNewer);
  }

  /** Whether the player is looking at the newest line of the open channel right now. */
  watch(watching: boolean): void {
    this.watching = watching;
    if (watching) this.markRead();
  }

  private async readPage(
    channelId: bigint,
    reading: "older" | "newer",
    ask: () => Promise<Page>,
    put: (log: ChatLog, page: Page) => ChatLog,
  ): Promise<void> {
    this.setLog(channelId, { ...this.log(channelId), reading });
    try {
      const page = await ask();
      // A jump may have replaced what the page belongs to.
      if (this.log(channelId).reading === reading)
        this.setLog(channelId, put(this.log(channelId), page));
    } catch {
      // Scrolling on asks again; the connection line tells about the server.
      this.setLog(channelId, { ...this.log(channelId), reading: null });
    }
  }

  private async readNewest(channelId: bigint): Promise<void> {
    const page = await this.untilAnswered(() => calls.readBefore(channelId, 0n), isGone);
    if (!page || this.stopped) return;
    this.setLog(channelId, withNewest(this.log(channelId), page));
    if (this.watching) this.markRead();
  }

  private hear(events: readonly LiveEvent[]): void {
    if (!this.store.getState().ready) {
      this.early.push(...events);
      return;
    }
    const said = new Map<bigint, ChannelEvent[]>();
    for (const heard of events) {
      if (heard.of === "channel") {
        const { channelId } = heard.event;
        const of = said.get(channelId);
        if (of) of.push(heard.event);
        else said.set(channelId, [heard.event]);
      }
    }
    this.hearSaid(said);
    for (const heard of events) this.hearOther(heard);
  }

  /** All events of a batch in one change of the store. */
  private hearSaid(said: ReadonlyMap<bigint, ChannelEvent[]>): void {
    if (said.size === 0) return;
    const channels = new Map(this.channels());
    const logs = new Map(this.store.getState().logs);
    const { openId } = this.store.getState();
    for (const [id, events] of said) {
      const channel = channels.get(id);
      if (!channel) continue;
      const now = heardIn(channel, events, this.own);
      channels.set(id, now);
      if (takesUnread(now, events)) void this.countAnew(id);
      const log = logs.get(id);
      if (!log) continue;
      let next = withEvents(log, events, this.own);
      // The first line that arrives while nobody looks starts the unread part.
      const unseen = now.unread > channel.unread && channel.unread === 0;
      if (id === openId && !this.watching && unseen) {
        next = { ...next, unreadAfter: channel.lastSequence };
      }
      logs.set(id, next);
    }
    this.store.setState({ channels, logs });
    if (this.watching && openId !== null && said.has(openId)) this.markRead();
  }

  private hearOther(heard: LiveEvent): void {
    switch (heard.of) {
      case "account":
        this.hearAccount(heard.event);
        return;
      case "presence": {
        const presence = new Map(this.store.getState().presence);
        const { channelId } = heard.event;
        presence.set(channelId, withPresence(presence.get(channelId), heard.event));
        this.store.setState({ presence });
        return;
      }
      case "reset":
        if (heard.topic.kind === "channel") void this.readAnew(heard.topic.id);
        else if (heard.topic.kind === "account") void this.relist();
        return;
      case "caught-up":
        // Channels joined between reading the list and opening the stream are in no event.
        if (heard.topic.kind === "account") void this.relist();
        return;
      case "ended":
        if (heard.topic.kind !== "channel") return;
        if (heard.reason === "not-allowed" || heard.reason === "not-found") {
          this.drop(heard.topic.id);
        }
        return;
    }
  }

  private hearAccount(event: AccountEvent): void {
    if (event.kind === "joined") {
      const known = this.channels().get(event.channel.id);
      this.setChannel(known ? newerOf(event.channel, known) : event.channel);
      this.followAll();
    } else if (event.kind === "left") {
      this.drop(event.channelId);
    } else if (event.kind === "read") {
      void this.hearRead(event.channelId, event.readSequence);
    } else if (event.kind === "blocks") {
      void this.readAnew();
    }
  }

  /** Read elsewhere: all of it, or so much that only the server can count the rest. */
  private async hearRead(channelId: bigint, readSequence: bigint): Promise<void> {
    const channel = this.channels().get(channelId);
    if (!channel || readSequence <= channel.readSequence) return;
    if (readSequence >= channel.lastSequence || channel.unread === 0) {
      this.setChannel({ ...channel, readSequence, unread: 0, mentions: 0 });
      return;
    }
    await this.countAnew(channelId);
  }

  /** What is unread, as the server counts it. */
  private async countAnew(channelId: bigint): Promise<void> {
    const now = await calls.getChannel(channelId).catch(() => null);
    const known = this.channels().get(channelId);
    if (!now || !known || now.lastSequence < known.lastSequence) return;
    this.setChannel(now);
  }

  /** The list as the server has it now. */
  private async relist(): Promise<void> {
    if (this.relisting) return;
    this.relisting = true;
    const channels = await calls.listChannels().catch(() => null);
    this.relisting = false;
    if (!channels || this.stopped) return;
    const before = this.channels();
    const ids = new Set(channels.map(({ id }) => id));
    for (const id of before.keys()) if (!ids.has(id)) this.drop(id);
    this.takeChannels(
      channels.map((now) => {
        const known = before.get(now.id);
        return known ? newerOf(now, known) : now;
      }),
    );
    if (this.watching) this.markRead();
  }

  /** Reads a channel's history anew, or that of all: some of it may not be as it is shown. */
  private async readAnew(channelId?: bigint): Promise<void> {
    const { logs, openId } = this.store.getState();
    for (const [id, log] of logs) {
      if (channelId !== undefined && id !== channelId) continue;
      this.setLog(id, { ...log, ready: id === openId && log.ready, recent: [] });
    }
    await this.relist();
    if (openId !== null && (channelId === undefined || channelId === openId)) {
      await this.readNewest(openId);
    }
  }

  private takeChannels(channels: readonly ChannelInfo[]): void {
    this.store.setState({ channels: new Map(channels.map((one) => [one.id, one])) });
    this.followAll();
  }

  private followAll(): void {
    this.live.follow(
      ordered(this.channels()).map(({ id, lastSequence }) => ({ id, after: lastSequence })),
    );
  }

  /** A channel the player is no longer in. */
  private drop(channelId: bigint): void {
    if (!this.channels().has(channelId)) return;
    const channels = new Map(this.channels());
    const logs = new Map(this.store.getState().logs);
    channels.delete(channelId);
    logs.delete(channelId);
    this.store.setState({ channels, logs });
    this.followAll();
    if (this.store.getState().openId !== channelId) return;
    this.store.setState({ openId: null });
    const next = firstOf(channels);
    if (next !== null) this.open(next);
  }

  /** Only the channels looked at last keep their lines; drafts and unsent lines are never lost. */
  private letGo(): void {
    const { openId, logs } = this.store.getState();
    if (logs.size <= LOGS_MOST || openId === null) return;
    const kept = new Map(logs);
    for (const [id, log] of logs) {
      if (kept.size <= LOGS_MOST) break;
      if (id !== openId && log.pending.length === 0) kept.delete(id);
    }
    this.store.setState({ logs: kept });
  }

  /** The player sees the newest line. */
  private markRead(): void {
    const { openId } = this.store.getState();
    const channel = openId === null ? undefined : this.channels().get(openId);
    if (!channel || !this.log(channel.id).ready || this.log(channel.id).hasNewer) return;
    this.setLog(channel.id, trimmed(this.log(channel.id)));
    const now = read(channel);
    if (now === channel) return;
    this.setChannel(now);
    this.toTell.set(channel.id, now.readSequence);
    this.telling ??= setTimeout(() => void this.tellRead(), TELL_READ_MS);
  }

  private async tellRead(): Promise<void> {
    clearTimeout(this.telling);
    this.telling = undefined;
    const marks = [...this.toTell];
    this.toTell.clear();
    for (const [channelId, sequence] of marks) {
      // The next line read tells of all before it.
      await calls.markRead(channelId, sequence).catch(() => {});
    }
  }

  private async deliver(channelId: bigint, pending: Pending): Promise<void> {
    this.setLog(channelId, withPending(this.log(channelId), pending));
    try {
      const line = await calls.send(channelId, pending);
      const log = withoutPending(this.log(channelId), pending.key);
      this.setLog(channelId, line ? withLine(log, line) : log);
      this.keepQuiet(channelId);
    } catch (error) {
      this.setLog(
        channelId,
        withFailed(this.log(channelId), pending.key, failureOf(error, Date.now())),
      );
    }
  }

  /** In slow mode one waits after each message; owners and moderators do not. */
  private keepQuiet(channelId: bigint): void {
    const channel = this.channels().get(channelId);
    if (!channel || channel.slowModeSeconds === 0) return;
    if (channel.role === "owner" || channel.role === "moderator") return;
    const quietUntilMs = new Map(this.store.getState().quietUntilMs);
    quietUntilMs.set(channelId, Date.now() + channel.slowModeSeconds * 1000);
    this.store.setState({ quietUntilMs });
  }

  /** Repeats a first call until the server answers; null when there is no use in repeating it. */
  private async untilAnswered<T>(
    call: () => Promise<T>,
    hopeless: (error: unknown) => boolean = () => false,
  ): Promise<T | null> {
    const sinceMs = Date.now();
    for (let failures = 0; !this.stopped; failures++) {
      try {
        return await call();
      } catch (error) {
        if (hopeless(error)) return null;
        if (failures > 0 && !this.store.getState().ready) {
          this.live.connection.setState({ kind: "offline", sinceMs }, true);
        }
        await new Promise((resolve) => setTimeout(resolve, pauseMs(failures)));
      }
    }
    return null;
  }

  private channels(): Channels {
    return this.store.getState().channels;
  }

  private setChannel(channel: ChannelInfo): void {
    const channels = new Map(this.channels());
    channels.set(channel.id, channel);
    this.store.setState({ channels });
  }

  private log(channelId: bigint): ChatLog {
    return this.store.getState().logs.get(channelId) ?? emptyLog;
  }

  private setLog(channelId: bigint, log: ChatLog): void {
    if (log === this.store.getState().logs.get(channelId)) return;
    const logs = new Map(this.store.getState().logs);
    logs.set(channelId, log);
    this.store.setState({ logs });
  }

  private openKey(): string {
    return `waystone.channel.${this.accountId}`;
  }
}

/** The picture may be older than what was heard and read of the channel since. */
function newerOf(now: ChannelInfo, known: ChannelInfo): ChannelInfo {
  if (known.lastSequence <= now.lastSequence && known.readSequence <= now.readSequence) return now;
  const { lastSequence, readSequence, unread, mentions } = known;
  return { ...now, lastSequence, readSequence, unread, mentions };
}

function isGone(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.NotFound || code === Code.PermissionDenied;
}
