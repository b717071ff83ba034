/** Messages of the schema to the plain values of model.ts. */

import {
  type Channel,
  ChannelKind,
  ChannelRole,
  type Message,
  type Reaction as WireReaction,
} from "@/gen/waystone/chat/v1/chat_pb";
import type { SubscribeResponse } from "@/gen/waystone/event/v1/event_pb";
import {
  EndReason as WireEndReason,
  type Topic as WireTopic,
  TopicKind as WireTopicKind,
} from "@/gen/waystone/live/v1/live_pb";
import {
  type Notification,
  NotificationKind,
  type AccountEvent as WireAccountEvent,
} from "@/gen/waystone/notification/v1/notification_pb";
import {
  type Presence,
  PresenceState,
  type PresenceEvent as WirePresenceEvent,
} from "@/gen/waystone/presence/v1/presence_pb";
import { toMs } from "../when";
import type {
  AccountEvent,
  ChannelEvent,
  ChannelInfo,
  ChannelKindName,
  ChannelRoleName,
  EndReason,
  Line,
  LiveEvent,
  NoticeItem,
  NoticeKind,
  PresenceEvent,
  PresentOne,
  Reaction,
  Topic,
  TopicKind,
} from "./model";

const KINDS: Partial<Record<ChannelKind, ChannelKindName>> = {
  [ChannelKind.GLOBAL]: "global",
  [ChannelKind.LOCAL]: "local",
  [ChannelKind.GUILD]: "guild",
  [ChannelKind.PARTY]: "party",
  [ChannelKind.FAMILY]: "family",
  [ChannelKind.FACTION]: "faction",
  [ChannelKind.RACE]: "race",
  [ChannelKind.WHISPER]: "whisper",
};

const ROLES: Partial<Record<ChannelRole, ChannelRoleName>> = {
  [ChannelRole.MEMBER]: "member",
  [ChannelRole.MODERATOR]: "moderator",
  [ChannelRole.OWNER]: "owner",
};

const NOTICES: Partial<Record<NotificationKind, NoticeKind>> = {
  [NotificationKind.MENTION]: "mention",
  [NotificationKind.REPLY]: "reply",
  [NotificationKind.CHANNEL_INVITE]: "invite",
  [NotificationKind.REPORT_RESOLVED]: "report-resolved",
  [NotificationKind.SANCTION]: "sanction",
  [NotificationKind.APPEAL_DECIDED]: "appeal-decided",
  [NotificationKind.REPORT_FILED]: "report-filed",
  [NotificationKind.APPEAL_FILED]: "appeal-filed",
  [NotificationKind.SECURITY]: "security",
};

const REASONS: Partial<Record<WireEndReason, EndReason>> = {
  [WireEndReason.NOT_FOUND]: "not-found",
  [WireEndReason.NOT_ALLOWED]: "not-allowed",
  [WireEndReason.LEFT]: "left",
  [WireEndReason.TOO_MANY]: "too-many",
};

const TOPICS: Record<TopicKind, WireTopicKind> = {
  account: WireTopicKind.ACCOUNT,
  channel: WireTopicKind.CHANNEL,
  presence: WireTopicKind.PRESENCE,
};

export function toWireTopic({ kind, id }: Topic): { kind: WireTopicKind; id: bigint } {
  return { kind: TOPICS[kind], id };
}

export function toLine(message: Message): Line {
  const { replyTo } = message;
  return {
    channelId: message.channelId,
    sequence: message.sequence,
    characterId: message.characterId,
    characterName: message.characterName,
    text: message.text,
    sentAtMs: toMs(message.sentAt),
    replyTo: replyTo
      ? {
          sequence: replyTo.sequence,
          characterName: replyTo.characterName,
          excerpt: replyTo.excerpt,
        }
      : null,
    mentions: message.mentionedCharacterIds,
    editedAtMs: toMs(message.editedAt),
    deleted: message.deleted,
    reactions: message.reactions.map(toReaction),
  };
}

export function toReaction({ emoji, count, mine }: WireReaction): Reaction {
  return { emoji, count, mine };
}

export function toRole(role: ChannelRole): ChannelRoleName {
  return ROLES[role] ?? "none";
}

export function toChannel(channel: Channel): ChannelInfo {
  return {
    id: channel.id,
    kind: KINDS[channel.kind] ?? "custom",
    name: channel.name,
    topic: channel.topic,
    role: toRole(channel.role),
    canSpeak: channel.canSpeak,
    open: channel.open,
    lastSequence: channel.lastSequence,
    readSequence: channel.readSequence,
    unread: channel.unreadCount,
    mentions: channel.mentionCount,
    muted: channel.muted,
    slowModeSeconds: channel.slowModeSeconds,
    memberCount: channel.memberCount,
  };
}

export function toNotice(notification: Notification): NoticeItem {
  return {
    id: notification.id,
    kind: NOTICES[notification.kind] ?? "other",
    text: notification.text,
    createdAtMs: toMs(notification.createdAt),
    read: notification.read,
    channelId: notification.channelId,
    messageSequence: notification.messageSequence,
    subjectId: notification.subjectId,
  };
}

export function toPresent({ characterId, characterName, state, where }: Presence): PresentOne {
  return { characterId, name: characterName, away: state === PresenceState.AWAY, where };
}

/** Null for what a newer server may say that this page does not know. */
export function toLiveEvent({ event }: SubscribeResponse): LiveEvent | null {
  switch (event.case) {
    case "opened":
      return { of: "opened", subscriptionId: event.value.subscriptionId };
    case "caughtUp":
      return {
        of: "caught-up",
        topic: toTopic(event.value.topic),
        sequence: event.value.lastSequence,
      };
    case "reset":
      return { of: "reset", topic: toTopic(event.value.topic), sequence: event.value.sequence };
    case "ended":
      return {
        of: "ended",
        topic: toTopic(event.value.topic),
        reason: REASONS[event.value.reason] ?? "unavailable",
      };
    case "heartbeat":
      return { of: "heartbeat" };
    case "accountEvent":
      return { of: "account", event: toAccountEvent(event.value) };
    case "presenceEvent":
      return { of: "presence", event: toPresenceEvent(event.value) };
    default: {
      const channel = toChannelEvent(event);
      return channel && { of: "channel", event: channel };
    }
  }
}

function toChannelEvent(event: SubscribeResponse["event"]): ChannelEvent | null {
  switch (event.case) {
    case "message": {
      const line = toLine(event.value);
      return { kind: "message", channelId: line.channelId, sequence: line.sequence, line };
    }
    case "edited": {
      const { channelId, sequence, messageSequence, text, editedAt } = event.value;
      const editedAtMs = toMs(editedAt);
      return { kind: "edited", channelId, sequence, target: messageSequence, text, editedAtMs };
    }
    case "deleted": {
      const { channelId, sequence, messageSequence } = event.value;
      return { kind: "deleted", channelId, sequence, target: messageSequence };
    }
    case "reaction": {
      const { channelId, sequence, messageSequence, emoji, count, characterId, on } = event.value;
      const what = { emoji, count, characterId, on };
      return { kind: "reaction", channelId, sequence, target: messageSequence, ...what };
    }
    case "channelChanged": {
      const { channelId, sequence, name, topic, slowModeSeconds } = event.value;
      return { kind: "channel", channelId, sequence, name, topic, slowModeSeconds };
    }
    default:
      return null;
  }
}

function toAccountEvent({ sequence, event }: WireAccountEvent): AccountEvent {
  switch (event.case) {
    case "notification":
      return { sequence, kind: "notice", notice: toNotice(event.value) };
    case "notificationsRead":
      return { sequence, kind: "notices-read", ids: event.value.ids, upToId: event.value.upToId };
    case "readMarkerMoved": {
      const { channelId, sequence: readSequence } = event.value;
      return { sequence, kind: "read", channelId, readSequence };
    }
    case "channelJoined":
      if (!event.value.channel) break;
      return { sequence, kind: "joined", channel: toChannel(event.value.channel) };
    case "channelLeft":
      return { sequence, kind: "left", channelId: event.value.channelId };
    case "blocksChanged":
      return { sequence, kind: "blocks" };
  }
  return { sequence, kind: "unknown" };
}

function toPresenceEvent(event: WirePresenceEvent): PresenceEvent {
  return {
    channelId: event.channelId,
    onlineCount: event.onlineCount,
    complete: event.complete,
    changed: event.changed.map(toPresent),
    left: event.leftCharacterIds,
  };
}

function toTopic(topic: WireTopic | undefined): Topic {
  const kind = (Object.keys(TOPICS) as TopicKind[]).find((one) => TOPICS[one] === topic?.kind);
  return { kind: kind ?? "account", id: topic?.id ?? 0n };
}
