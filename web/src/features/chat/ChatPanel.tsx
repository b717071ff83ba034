import { lazy, type ReactNode, Suspense, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { Icon } from "@/components/Icon";
import { ahead } from "@/lib/ahead";
import { ChannelList } from "./ChannelList";
import { Conversation } from "./Conversation";
import { unreadTotal } from "./channels";
import { ChatContext } from "./context";
import type { OpenDialog } from "./dialogs";
import type { Person } from "./mentions";
import type { Chat, Speaker } from "./store";

const loadDialog = () => import("./ChatDialog");
const ChatDialog = lazy(loadDialog);

type ChatPanelProps = {
  chat: Chat;
  heading: "h1" | "h2";
  /** Who the player speaks as; null before the house has a character. */
  speaker: Speaker | null;
  /** Stands beside the composer: the speaker's seal. */
  speakerSign: ReactNode;
  /** The player's own characters, whose lines carry the thread's colour. */
  family: readonly Person[];
  moderator: boolean;
  sanctionsOn: (characterId: bigint) => ReactNode;
  /** What to do instead of speaking while nobody can. */
  noSpeaker: ReactNode;
};

/** Channels and the open one's conversation: side by side where there is room, else in turns. */
export function ChatPanel(props: ChatPanelProps) {
  const { chat, heading, speaker, speakerSign, family, moderator, sanctionsOn, noSpeaker } = props;
  const t = useTranslations("chat");
  const ready = useStore(chat.store, (state) => state.ready);
  const channel = useStore(chat.store, ({ openId, channels }) =>
    openId === null ? undefined : channels.get(openId),
  );
  const [listOpen, setListOpen] = useState(false);
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const root = useRef<HTMLDivElement>(null);
  const context = useMemo(
    () => ({
      chat,
      speaker,
      family,
      moderator,
      sanctionsOn,
      own: new Set(family.map(({ id }) => id)),
    }),
    [chat, speaker, family, moderator, sanctionsOn],
  );
  if (!ready)
    return (
      <p className="chat-bare" aria-busy>
        {t("waiting")}
      </p>
    );
  return (
    <ChatContext value={context}>
      <div ref={root} className="chat-place" {...ahead(loadDialog)}>
        <div className={`chat-parts ${listOpen || !channel ? "chat-listing" : ""}`}>
          <ChannelList
            onChosen={() => {
              setListOpen(false);
              root.current?.querySelector<HTMLElement>(".list-way")?.focus();
            }}
            onDialog={setDialog}
          />
          {channel && (
            <Conversation
              channel={channel}
              heading={heading}
              speakerSign={speakerSign}
              noSpeaker={noSpeaker}
              onDialog={setDialog}
              listWay={
                <ListWay chat={chat} open={listOpen} onToggle={() => setListOpen(!listOpen)} />
              }
            />
          )}
        </div>
        {dialog && (
          <Suspense>
            <ChatDialog dialog={dialog} onClose={() => setDialog(null)} />
          </Suspense>
        )}
      </div>
    </ChatContext>
  );
}

type ListWayProps = { chat: Chat; open: boolean; onToggle: () => void };

/** Opens the list of channels over the conversation, and says whether there is news in others. */
function ListWay({ chat, open, onToggle }: ListWayProps) {
  const t = useTranslations("chat");
  const unread = useStore(chat.store, ({ channels, openId }) => {
    const others = new Map(channels);
    if (openId !== null) others.delete(openId);
    return unreadTotal(others).unread;
  });
  return (
    <button type="button" className="act list-way" aria-expanded={open} onClick={onToggle}>
      <Icon name="list" />
      <span className="unseen">{t("channels")}</span>
      {unread > 0 && (
        <>
          <span className="list-news" aria-hidden="true" />
          <span className="unseen">{t("unreadElsewhere", { count: unread })}</span>
        </>
      )}
    </button>
  );
}
