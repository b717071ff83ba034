/** What the event stream carries, as plain values: they travel between tabs and into stores. */

export type TopicKind = "account" | "channel" | "presence";
export type Topic = { kind: TopicKind; id: bigint };

/** Names a topic in maps. */
export function keyOf({ kind, id }: Topic): string {
  return `${kind} ${id}`;
}

export const ACCOUNT: Topic = { kind: "account", id: 0n };

export type Reaction = { emoji: string; count: number; mine: boolean };
export type Quote = { sequence: bigint; characterName: string; excerpt: string };

/** Something said. */
export type Line = {
  channelId: bigint;
  sequence: bigint;
  characterId: bigint;
  characterName: string;
  text: string;
  sentAtMs: number;
  replyTo: Quote | null;
  mentions: readonly bigint[];
  /** 0: never changed. */
  editedAtMs: number;
  deleted: boolean;
  reactions: readonly Reaction[];
};

export type ChannelKindName =
  | "family"
  | "party"
  | "guild"
  | "local"
  | "faction"
  | "race"
  | "global"
  | "whisper"
  | "custom";

export type ChannelRoleName = "none" | "member" | "moderator" | "owner";

/** A channel as the player sees it. */
export type ChannelInfo = {
  id: bigint;
  kind: ChannelKindName;
  name: string;
  topic: string;
  role: ChannelRoleName;
  canSpeak: boolean;
  open: boolean;
  /** Number of the newest event known here. */
  lastSequence: bigint;
  readSequence: bigint;
  /** The server counts up to 100. */
  unread: number;
  mentions: number;
  muted: boolean;
  slowModeSeconds: number;
  memberCount: number;
};

/** Something that happened in a channel; each takes the channel's next number. */
export type ChannelEvent = { channelId: bigint; sequence: bigint } & (
  | { kind: "message"; line: Line }
  | { kind: "edited"; target: bigint; text: string; editedAtMs: number }
  | { kind: "deleted"; target: bigint }
  | {
      kind: "reaction";
      target: bigint;
      emoji: string;
      count: number;
      characterId: bigint;
      on: boolean;
    }
  | { kind: "channel"; name: string; topic: string; slowModeSeconds: number }
);

export type NoticeKind =
  | "mention"
  | "reply"
  | "invite"
  | "report-resolved"
  | "sanction"
  | "appeal-decided"
  | "report-filed"
  | "appeal-filed"
  | "security"
  | "other";

/** A notification. */
export type NoticeItem = {
  id: bigint;
  kind: NoticeKind;
  text: string;
  createdAtMs: number;
  read: boolean;
  channelId: bigint;
  messageSequence: bigint;
  subjectId: bigint;
};

export type AccountEvent = { sequence: bigint } & (
  | { kind: "notice"; notice: NoticeItem }
  | { kind: "notices-read"; ids: readonly bigint[]; upToId: bigint }
  | { kind: "read"; channelId: bigint; readSequence: bigint }
  | { kind: "joined"; channel: ChannelInfo }
  | { kind: "left"; channelId: bigint }
  | { kind: "blocks" }
  | { kind: "unknown" }
);

export type PresentOne = { characterId: bigint; name: string; away: boolean; where: string };

export type PresenceEvent = {
  channelId: bigint;
  onlineCount: number;
  complete: boolean;
  changed: readonly PresentOne[];
  left: readonly bigint[];
};

export type EndReason = "not-found" | "not-allowed" | "left" | "too-many" | "unavailable";

export type LiveEvent =
  | { of: "channel"; event: ChannelEvent }
  | { of: "account"; event: AccountEvent }
  | { of: "presence"; event: PresenceEvent }
  | { of: "caught-up"; topic: Topic; sequence: bigint }
  | { of: "reset"; topic: Topic; sequence: bigint }
  | { of: "ended"; topic: Topic; reason: EndReason }
  | { of: "opened"; subscriptionId: string }
  | { of: "heartbeat" };
