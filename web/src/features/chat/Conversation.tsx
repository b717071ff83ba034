import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import { Menu, type MenuItem } from "@/components/Popover";
import { ahead } from "@/lib/ahead";
import type { ChannelInfo } from "@/lib/live/model";
import { useErrorText } from "@/lib/useErrorText";
import { ChannelSign } from "./ChannelList";
import { Composer } from "./Composer";
import { useChat, useChatState } from "./context";
import type { OpenDialog } from "./dialogs";
import { emptyLog } from "./log";
import { MessageList } from "./MessageList";
import { usePeople } from "./usePeople";

const loadSearch = () => import("./SearchPanel");
const loadMembers = () => import("./MembersPanel");
const SearchPanel = lazy(loadSearch);
const MembersPanel = lazy(loadMembers);

type ConversationProps = {
  channel: ChannelInfo;
  /** The heading's level: the chat's own screen has no other. */
  heading: "h1" | "h2";
  speakerSign: ReactNode;
  noSpeaker: ReactNode;
  /** Leads to the list of channels where there is no room for it beside. */
  listWay: ReactNode;
  onDialog: (dialog: OpenDialog) => void;
};

type PanelName = "search" | "members";

export function Conversation(props: ConversationProps) {
  const { channel, heading: Title, speakerSign, noSpeaker, listWay, onDialog } = props;
  const t = useTranslations("chat");
  const { speaker } = useChat();
  const log = useChatState((state) => state.logs.get(channel.id)) ?? emptyLog;
  const people = usePeople(channel.id, log);
  const [panel, setPanel] = useState<PanelName | null>(null);
  const [told, setTold] = useState<{ text: string; bad: boolean } | null>(null);
  const explain = useErrorText();
  const onTold = useCallback((text: string) => setTold({ text, bad: false }), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the words of the page do not change.
  const onFailed = useCallback(
    (error: unknown) => setTold({ text: explain(error), bad: true }),
    [],
  );
  const close = () => setPanel(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was told was told of one channel.
  useEffect(() => setTold(null), [channel.id]);

  return (
    <section className="conversation" aria-label={channel.name}>
      <header className="chat-title">
        {listWay}
        <div className="chat-title-words">
          <Title className={`channel-title channel-${channel.kind}`}>
            <ChannelSign kind={channel.kind} />
            {channel.name}
          </Title>
          <Whereabouts channel={channel} onMembers={() => setPanel("members")} />
        </div>
        <button
          type="button"
          className="act"
          aria-label={t("search")}
          title={t("search")}
          aria-expanded={panel === "search"}
          {...ahead(loadSearch)}
          onClick={() => setPanel(panel === "search" ? null : "search")}
        >
          <Icon name="search" />
        </button>
        <ChannelMenu
          channel={channel}
          onMembers={() => setPanel("members")}
          onDialog={onDialog}
          onTold={onTold}
          onFailed={onFailed}
        />
      </header>
      {told && (
        <p
          className={`chat-told ${told.bad ? "chat-told-bad" : ""}`}
          role={told.bad ? "alert" : "status"}
        >
          {told.text}
          <button type="button" aria-label={t("dropTold")} onClick={() => setTold(null)}>
            <Icon name="close" />
          </button>
        </p>
      )}
      <div className="chat">
        <MessageList
          key={String(channel.id)}
          channel={channel}
          log={log}
          people={people}
          onDialog={onDialog}
          onTold={onTold}
          onFailed={onFailed}
        />
        {!speaker ? (
          noSpeaker
        ) : channel.canSpeak ? (
          <Composer
            key={`says ${channel.id}`}
            channel={channel}
            speaker={speaker}
            sign={speakerSign}
            people={people}
            onFailed={onFailed}
          />
        ) : (
          <p className="chat-nobody">{t("cannotSpeak")}</p>
        )}
        {panel && (
          <Suspense>
            {panel === "search" ? (
              <SearchPanel channel={channel} onClose={close} />
            ) : (
              <MembersPanel channel={channel} onClose={close} onFailed={onFailed} />
            )}
          </Suspense>
        )}
      </div>
    </section>
  );
}

/** What the channel is about and how many are there. */
function Whereabouts({ channel, onMembers }: { channel: ChannelInfo; onMembers: () => void }) {
  const t = useTranslations("chat");
  const present = useChatState((state) => state.presence.get(channel.id));
  return (
    <p className="chat-about muted">
      {present && (
        <button type="button" className="chat-here" {...ahead(loadMembers)} onClick={onMembers}>
          <span className="dot dot-online" aria-hidden="true" />
          {t("here", { count: present.count })}
        </button>
      )}
      <span>{channel.topic || t(`hints.${channel.kind}`)}</span>
    </p>
  );
}

type ChannelMenuProps = {
  channel: ChannelInfo;
  onMembers: () => void;
  onDialog: (dialog: OpenDialog) => void;
  onTold: (sentence: string) => void;
  onFailed: (error: unknown) => void;
};

function ChannelMenu({ channel, onMembers, onDialog, onTold, onFailed }: ChannelMenuProps) {
  const t = useTranslations("chat");
  const { chat, moderator } = useChat();
  const { id, name, muted, kind, role } = channel;
  const items: MenuItem[] = [
    {
      label: muted ? t("unmute") : t("mute"),
      onSelect: () =>
        void chat
          .setMuted(id, !muted)
          .then(() => onTold(t(muted ? "unmuted" : "nowMuted", { channel: name })), onFailed),
    },
    { label: t("people"), onSelect: onMembers },
  ];
  if (kind === "custom" && (role === "owner" || role === "moderator"))
    items.push({ label: t("toChange"), onSelect: () => onDialog({ change: channel }) });
  else if (moderator)
    items.push({ label: t("toSlow"), onSelect: () => onDialog({ slow: channel }) });
  if (kind === "custom" || kind === "whisper") {
    items.push({
      label: t("leave"),
      danger: true,
      onSelect: () => void chat.leave(id).catch(onFailed),
    });
  }
  return (
    <Menu label={t("channelMenu")} sign={<Icon name="more" />} className="act" items={items} />
  );
}
