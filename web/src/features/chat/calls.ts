/** The services as the chat uses them: plain values instead of protobuf messages. */
import { createClient } from "@connectrpc/connect";
import { ChatService } from "@/gen/waystone/chat/v1/chat_pb";
import { toChannel, toLine, toReaction } from "@/lib/live/convert";
import type { ChannelInfo, Line, Reaction } from "@/lib/live/model";
import { transport } from "@/lib/transport";
import type { Page, Pending } from "./log";

const client = createClient(ChatService, transport);
export const PAGE_SIZE = 60;

export async function listChannels(): Promise<ChannelInfo[]> {
  const { channels } = await client.listChannels({});
  return channels.map(toChannel);
}

export async function getChannel(channelId: bigint): Promise<ChannelInfo | null> {
  const { channel } = await client.getChannel({ channelId });
  return channel ? toChannel(channel) : null;
}

/** Lines before a number, oldest first; 0 reads the newest. */
export async function readBefore(channelId: bigint, beforeSequence: bigint): Promise<Page> {
  return toPage(await client.listMessages({ channelId, beforeSequence, pageSize: PAGE_SIZE }));
}

/** Lines after a number, oldest first. */
export async function readAfter(channelId: bigint, afterSequence: bigint): Promise<Page> {
  return toPage(await client.listMessages({ channelId, afterSequence, pageSize: PAGE_SIZE }));
}

function toPage(answer: Awaited<ReturnType<typeof client.listMessages>>): Page {
  const { messages, hasMore, lastSequence } = answer;
  return { lines: messages.map(toLine), hasMore, lastSequence };
}

export async function send(channelId: bigint, pending: Pending): Promise<Line | null> {
  const { message } = await client.sendMessage({
    channelId,
    characterId: pending.characterId,
    text: pending.text,
    idempotencyKey: pending.key,
    replyToSequence: pending.replyTo?.sequence ?? 0n,
    mentionedCharacterIds: [...pending.mentions],
  });
  return message ? toLine(message) : null;
}

export async function edit(line: Line, text: string): Promise<Line | null> {
  const { channelId, sequence: messageSequence } = line;
  const { message } = await client.editMessage({ channelId, messageSequence, text });
  return message ? toLine(message) : null;
}

export async function remove({ channelId, sequence }: Line): Promise<void> {
  await client.deleteMessage({ channelId, messageSequence: sequence });
}

export async function react(
  line: Line,
  characterId: bigint,
  emoji: string,
  on: boolean,
): Promise<Reaction[]> {
  const { channelId, sequence: messageSequence } = line;
  const what = { channelId, messageSequence, characterId, emoji, on };
  return (await client.setReaction(what)).reactions.map(toReaction);
}

export async function markRead(channelId: bigint, sequence: bigint) {
  const { readSequence, unreadCount, mentionCount } = await client.markRead({
    channelId,
    sequence,
  });
  return { readSequence, unread: unreadCount, mentions: mentionCount };
}

export async function setMuted(channelId: bigint, muted: boolean): Promise<void> {
  await client.setChannelMuted({ channelId, muted });
}

export async function openWhisper(characterId: bigint, name: string): Promise<ChannelInfo | null> {
  const { channel } = await client.openWhisper({ characterId, toCharacterName: name });
  return channel ? toChannel(channel) : null;
}

export async function leave(channelId: bigint): Promise<void> {
  await client.leaveChannel({ channelId });
}

export async function block(characterId: bigint): Promise<void> {
  // Rarely needed: loaded with the first block.
  const { SocialService } = await import("@/gen/waystone/social/v1/social_pb");
  await createClient(SocialService, transport).blockCharacter({ characterId });
}
