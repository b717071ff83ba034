import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import type { ChannelInfo } from "@/lib/live/model";
import { ordered } from "./channels";
import { useChat, useChatState } from "./context";
import type { OpenDialog } from "./dialogs";

type ChannelListProps = { onChosen: () => void; onDialog: (dialog: OpenDialog) => void };

/** All channels, family first, with what is unread in each. */
export function ChannelList({ onChosen, onDialog }: ChannelListProps) {
  const t = useTranslations("chat");
  const { chat, speaker } = useChat();
  const channels = useChatState((state) => state.channels);
  const openId = useChatState((state) => state.openId);
  const groups = useMemo(() => grouped(ordered(channels)), [channels]);
  const choose = (id: bigint) => {
    chat.open(id);
    onChosen();
  };
  return (
    <nav className="channels" aria-label={t("channels")}>
      {groups.map(({ name, members }) => (
        <div key={name} className="channels-group">
          {name !== "places" && <h3>{t(`groups.${name}`)}</h3>}
          <ul>
            {members.map((channel) => (
              <li key={String(channel.id)}>
                <ChannelWay
                  channel={channel}
                  current={channel.id === openId}
                  onChoose={() => choose(channel.id)}
                />
              </li>
            ))}
          </ul>
        </div>
      ))}
      {speaker && (
        <div className="channels-acts">
          <button type="button" onClick={() => onDialog("whisper")}>
            <Icon name="reply" />
            {t("toWhisper")}
          </button>
          <button type="button" onClick={() => onDialog("find")}>
            <Icon name="search" />
            {t("toFind")}
          </button>
          <button type="button" onClick={() => onDialog("create")}>
            <Icon name="plus" />
            {t("toCreate")}
          </button>
        </div>
      )}
    </nav>
  );
}

type ChannelWayProps = { channel: ChannelInfo; current: boolean; onChoose: () => void };

function ChannelWay({ channel, current, onChoose }: ChannelWayProps) {
  const t = useTranslations("chat");
  const { kind, name, unread, mentions, muted } = channel;
  const news = unread > 0 && !muted;
  return (
    <button
      type="button"
      className={`channel channel-${kind} ${news ? "channel-news" : ""} ${muted ? "channel-muted" : ""}`}
      aria-current={current || undefined}
      onClick={onChoose}
    >
      <ChannelSign kind={kind} />
      <span className="channel-name">{name}</span>
      {muted && (
        <span className="channel-mute">
          <Icon name="muted" />
          <span className="unseen">{t("isMuted")}</span>
        </span>
      )}
      {mentions > 0 && (
        <span className="count count-mention">
          <span aria-hidden="true">@{mentions}</span>
          <span className="unseen">{t("mentionCount", { count: mentions })}</span>
        </span>
      )}
      {unread > 0 && (
        <span className="count">
          <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
          <span className="unseen">{t("unreadCount", { count: unread })}</span>
        </span>
      )}
    </button>
  );
}

/** A small drawn sign for each kind of channel; its name stands beside it. */
export function ChannelSign({ kind }: { kind: ChannelInfo["kind"] }) {
  return (
    <svg className="channel-sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={SIGNS[kind]} />
    </svg>
  );
}

const SIGNS: Record<ChannelInfo["kind"], string> = {
  // Three figures on one thread.
  family: "M1 10c3-5 5 3 7-1s4-4 7-1M3 5.5h.01M8 4h.01M13 5h.01",
  party: "M3 13V3l9 3-9 3.5",
  guild: "M3 2h10v7l-5 5-5-5zM8 2v12",
  local: "M8 14c-3-4-4.5-6-4.5-8a4.5 4.5 0 0 1 9 0c0 2-1.5 4-4.5 8zM8 6h.01",
  faction: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 2.5V8M3.2 10.8L8 8l4.8 2.8",
  race: "M8 1.5v13M3 5l10 6M13 5L3 11",
  global:
    "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM1.5 8h13M8 1.5c-4 4-4 9 0 13 4-4 4-9 0-13z",
  whisper: "M2 3h12v8H8l-3 3v-3H2zM5 7h.01M8 7h.01M11 7h.01",
  custom: "M6 2L4.5 14M11.5 2L10 14M2.5 6h12M1.5 10h12",
};

type Group = { name: "places" | "whispers" | "custom"; members: ChannelInfo[] };

function grouped(channels: ChannelInfo[]): Group[] {
  const of = (kind: ChannelInfo["kind"]) => channels.filter((one) => one.kind === kind);
  const places = channels.filter(({ kind }) => kind !== "whisper" && kind !== "custom");
  const groups: Group[] = [
    { name: "places", members: places },
    { name: "whispers", members: of("whisper") },
    { name: "custom", members: of("custom") },
  ];
  return groups.filter(({ members }) => members.length > 0);
}
