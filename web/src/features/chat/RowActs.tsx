import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import { Menu, type MenuItem, moveFocus, Popover } from "@/components/Popover";
import type { ChannelInfo, Line } from "@/lib/live/model";
import { useChat } from "./context";
import type { OpenDialog } from "./dialogs";

/** How long one may change one's words; the server has the last word. */
const EDIT_MS = 24 * 3_600_000;

/** What rows need to know of their channel; it stays the same while lines come. */
export type RowChannel = Pick<ChannelInfo, "id" | "name" | "kind" | "role" | "canSpeak">;

export type RowActsProps = {
  line: Line;
  channel: RowChannel;
  onReply: (line: Line) => void;
  onEdit: (line: Line) => void;
  onDialog: (dialog: OpenDialog) => void;
  onTold: (sentence: string) => void;
  onFailed: (error: unknown) => void;
};

/** What one can do with a message. */
export function RowActs(props: RowActsProps) {
  const { line, channel, onReply, onFailed } = props;
  const t = useTranslations("chat");
  const { chat, speaker } = useChat();
  const items = useItems(props);
  return (
    <div className="acts" role="toolbar" aria-label={t("acts", { name: line.characterName })}>
      {speaker && (
        <>
          <Popover
            label={t("react")}
            sign={<Icon name="smile" />}
            className="act"
            panelClassName="emojis"
            role="dialog"
          >
            {(close) =>
              EMOJIS.map(([emoji, name], index) => (
                <button
                  key={emoji}
                  type="button"
                  aria-label={t(`emoji.${name}`)}
                  title={t(`emoji.${name}`)}
                  data-first={index === 0 || undefined}
                  tabIndex={index === 0 ? 0 : -1}
                  onKeyDown={(event) => moveFocus(event, EMOJI_COLUMNS)}
                  onClick={() => {
                    close();
                    chat.react(line, speaker, emoji).catch(onFailed);
                  }}
                >
                  {emoji}
                </button>
              ))
            }
          </Popover>
          {channel.canSpeak && (
            <button
              type="button"
              className="act"
              aria-label={t("reply")}
              title={t("reply")}
              onClick={() => onReply(line)}
            >
              <Icon name="reply" />
            </button>
          )}
        </>
      )}
      {items.length > 0 && (
        <Menu label={t("moreActs")} sign={<Icon name="more" />} className="act" items={items} />
      )}
    </div>
  );
}

const EMOJI_COLUMNS = 6;

const EMOJIS = [
  ["👍", "thumbsUp"],
  ["❤️", "heart"],
  ["😂", "laugh"],
  ["😮", "wow"],
  ["😢", "sad"],
  ["🎉", "celebrate"],
  ["👏", "applause"],
  ["🔥", "fire"],
  ["⭐", "star"],
  ["⚔️", "swords"],
  ["🛡️", "shield"],
  ["🐉", "dragon"],
  ["🙏", "thanks"],
  ["👀", "eyes"],
  ["✅", "done"],
  ["❌", "no"],
  ["❓", "question"],
  ["👎", "thumbsDown"],
] as const;

function useItems({ line, channel, onEdit, onDialog, onTold, onFailed }: RowActsProps): MenuItem[] {
  const t = useTranslations("chat");
  const { chat, speaker, own, moderator } = useChat();
  const mine = own.has(line.characterId);
  const keepsPeace = moderator || channel.role === "owner" || channel.role === "moderator";
  const items: (MenuItem | false)[] = [
    {
      label: t("copy"),
      onSelect: () =>
        void navigator.clipboard.writeText(line.text).then(() => onTold(t("copied")), onFailed),
    },
    mine &&
      channel.canSpeak &&
      Date.now() - line.sentAtMs < EDIT_MS && { label: t("edit"), onSelect: () => onEdit(line) },
    !mine &&
      speaker !== null &&
      channel.kind !== "whisper" && {
        label: t("whisperTo", { name: line.characterName }),
        onSelect: () => void chat.whisper(speaker, line.characterName).catch(onFailed),
      },
    !mine && speaker !== null && { label: t("report"), onSelect: () => onDialog({ report: line }) },
    !mine && {
      label: t("block", { name: line.characterName }),
      danger: true,
      onSelect: () =>
        void chat
          .block(line.characterId)
          .then(() => onTold(t("blocked", { name: line.characterName })), onFailed),
    },
    !mine &&
      moderator && {
        label: t("sanction", { name: line.characterName }),
        danger: true,
        onSelect: () => onDialog({ sanction: line, channel }),
      },
    (mine || keepsPeace) && {
      label: t("takeBack"),
      danger: true,
      onSelect: () => onDialog({ remove: line }),
    },
  ];
  return items.filter((item) => item !== false);
}
