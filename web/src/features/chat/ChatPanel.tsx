import type { ReactNode } from "react";
import { useStore } from "zustand";
import { Composer } from "./Composer";
import { MessageList } from "./MessageList";
import type { Chat, Speaker } from "./store";

type ChatPanelProps = {
  chat: Chat;
  /** Who the player speaks as; null before the house has a character. */
  speaker: Speaker | null;
  /** Stands beside the composer: the speaker's seal. */
  speakerSign: ReactNode;
  /** The player's own characters, whose lines carry the thread's colour. */
  family: ReadonlySet<bigint>;
  /** What to do instead of speaking while nobody can. */
  noSpeaker: ReactNode;
};

export function ChatPanel({ chat, speaker, speakerSign, family, noSpeaker }: ChatPanelProps) {
  const state = useStore(chat.store);
  return (
    <div className="chat">
      <MessageList chat={chat} state={state} family={family} />
      {speaker ? <Composer chat={chat} speaker={speaker} sign={speakerSign} /> : noSpeaker}
    </div>
  );
}
