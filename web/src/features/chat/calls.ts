/** The chat service as this feature uses it: plain lines instead of protobuf messages. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { ChannelKind, ChatService, type Message } from "@/gen/waystone/chat/v1/chat_pb";
import { hasCode } from "@/lib/errors";
import { keeper, transport } from "@/lib/transport";
import type { StreamEvent } from "./follower";
import type { Line, Pending } from "./log";

const client = createClient(ChatService, transport);
export const PAGE_SIZE = 50;
const REREAD_MOST = 200; // the most ListMessages gives at once

export type Page = { lines: Line[]; hasMore: boolean };

export async function findGlobal(): Promise<bigint | null> {
  const { channels } = await client.listChannels({});
  return channels.find((channel) => channel.kind === ChannelKind.GLOBAL)?.id ?? null;
}

/** Lines before a number, oldest first; 0 reads the newest. */
export async function readPage(channelId: bigint, before: bigint, size = PAGE_SIZE): Promise<Page> {
  const { messages, hasMore } = await client.listMessages({
    channelId,
    beforeSequence: before,
    pageSize: Math.min(size, REREAD_MOST),
  });
  return { lines: messages.map(toLine), hasMore };
}

export async function send(channelId: bigint, pending: Pending): Promise<Line | null> {
  const { message } = await client.sendMessage({
    channelId,
    characterId: pending.characterId,
    text: pending.text,
    idempotencyKey: pending.key,
  });
  return message ? toLine(message) : null;
}

/** Follows a channel from after `after`. A refused token is renewed, then the stream ends. */
export async function* stream(
  channelId: bigint,
  after: bigint,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent<Line>> {
  const token = await keeper.accessToken();
  try {
    // No deadline: the stream stays open; silence is the follower's to judge.
    const answers = client.streamMessages(
      { channelId, afterSequence: after },
      { signal, timeoutMs: 0 },
    );
    for await (const { event } of answers) {
      if (event.case === "message") yield { kind: "item", item: toLine(event.value) };
      else if (event.case === "caughtUp") yield { kind: "caught-up" };
      else yield { kind: "heartbeat" };
    }
  } catch (error) {
    if (token && hasCode(error, Code.Unauthenticated)) await keeper.refresh(token);
    throw error;
  }
}

function toLine(message: Message): Line {
  return {
    sequence: message.sequence,
    characterId: message.characterId,
    characterName: message.characterName,
    text: message.text,
    sentAtMs: message.sentAt ? timestampMs(message.sentAt) : 0,
  };
}
