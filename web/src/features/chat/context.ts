import { createContext, type ReactNode, use } from "react";
import { useStore } from "zustand";
import type { Person } from "./mentions";
import type { Chat, ChatState, Speaker } from "./store";

/** What every part of the chat needs. */
export type ChatContextValue = {
  chat: Chat;
  /** Who the player speaks as; null before the house has a character. */
  speaker: Speaker | null;
  /** The player's own characters, whose lines carry the thread's colour. */
  own: ReadonlySet<bigint>;
  family: readonly Person[];
  /** Keeps the peace everywhere. */
  moderator: boolean;
  /** For moderators: what is in force on whoever is behind a character. */
  sanctionsOn: (characterId: bigint) => ReactNode;
};

export const ChatContext = createContext<ChatContextValue | null>(null);

export function useChat(): ChatContextValue {
  const value = use(ChatContext);
  if (!value) throw new Error("this belongs inside the chat");
  return value;
}

export function useChatState<T>(select: (state: ChatState) => T): T {
  return useStore(useChat().chat.store, select);
}
