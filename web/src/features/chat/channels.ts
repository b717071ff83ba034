/** The list of channels: its order, and what is unread in each. Pure functions. */
import type { ChannelEvent, ChannelInfo, ChannelKindName } from "@/lib/live/model";

export type Channels = ReadonlyMap<bigint, ChannelInfo>;

/** Family first; those one joins or opens last. */
const ORDER: readonly ChannelKindName[] = [
  "family",
  "party",
  "guild",
  "local",
  "faction",
  "race",
  "global",
  "whisper",
  "custom",
];

/** As the list shows them: whispers by what was said last, the others by name. */
export function ordered(channels: Channels): ChannelInfo[] {
  return [...channels.values()].sort((a, b) => {
    if (a.kind !== b.kind) return ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind);
    if (a.kind === "whisper" && a.unread !== b.unread) return b.unread - a.unread;
    return a.name.localeCompare(b.name);
  });
}

/** Which channel to show to somebody who has not chosen one. */
export function firstOf(channels: Channels): bigint | null {
  const all = ordered(channels);
  return (all.find(({ kind }) => kind === "global") ?? all[0])?.id ?? null;
}

/** Counts what happened in a channel. Events its counts know of change nothing. */
export function heardIn(
  channel: ChannelInfo,
  events: readonly ChannelEvent[],
  own: ReadonlySet<bigint>,
): ChannelInfo {
  let { lastSequence, unread, mentions, name, topic, slowModeSeconds } = channel;
  for (const event of events) {
    if (event.sequence <= lastSequence) continue;
    lastSequence = event.sequence;
    if (event.kind === "channel") ({ name, topic, slowModeSeconds } = event);
    if (event.kind !== "message" || own.has(event.line.characterId)) continue;
    if (event.sequence <= channel.readSequence) continue;
    unread += 1;
    if (event.line.mentions.some((id) => own.has(id))) mentions += 1;
  }
  if (lastSequence === channel.lastSequence) return channel;
  return { ...channel, lastSequence, unread, mentions, name, topic, slowModeSeconds };
}

/** Whether something unread may have been taken back: only the server knows whether it counted. */
export function takesUnread(channel: ChannelInfo, events: readonly ChannelEvent[]): boolean {
  if (channel.unread === 0) return false;
  return events.some((event) => event.kind === "deleted" && event.target > channel.readSequence);
}

/** Everything in the channel has been seen. */
export function read(channel: ChannelInfo): ChannelInfo {
  if (channel.readSequence >= channel.lastSequence && channel.unread === 0) return channel;
  return { ...channel, readSequence: channel.lastSequence, unread: 0, mentions: 0 };
}

/** What the way to the chat shows: muted channels are silent. */
export function unreadTotal(channels: Channels): { unread: number; mentions: number } {
  let unread = 0;
  let mentions = 0;
  for (const channel of channels.values()) {
    if (channel.muted) continue;
    unread += channel.unread;
    mentions += channel.mentions;
  }
  return { unread, mentions };
}
