import { useLayoutEffect, useMemo, useRef } from "react";
import { useTranslations } from "use-intl";
import { VList } from "virtua";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { useTheme } from "@/lib/theme";
import { Announcer } from "./Announcer";
import { MessageRow } from "./MessageRow";
import { rowKey, toRows } from "./rows";
import type { Chat, ChatState } from "./store";
import { useEnd } from "./useEnd";

type MessageListProps = { chat: Chat; state: ChatState; family: ReadonlySet<bigint> };

/** Closer than this to the start asks for older lines. */
const START_PX = 300;

export function MessageList({ chat, state, family }: MessageListProps) {
  const t = useTranslations("chat");
  const density = useTheme((theme) => theme.density);
  const { log, ready, unreadAfter, readUpTo, readingOlder } = state;
  const rows = useMemo(() => toRows(log, unreadAfter), [log, unreadAfter]);
  const view = useEnd(chat, log, rows.length);
  const shift = usePrepended(log.lines[0]?.sequence);
  const unseen = Number(log.head - readUpTo);

  if (!ready) return <p className="chat-quiet">{t("waiting")}</p>;
  return (
    <div className={`chat-log chat-${density}`}>
      {readingOlder && <p className="chat-older">{t("older")}</p>}
      {rows.length === 0 && <p className="chat-quiet">{t("empty")}</p>}
      {/* A virtual list mounts old lines while one scrolls, so its own announcements are off and
          the announcer reads each new line, once. */}
      <VList
        ref={view.list}
        data={rows}
        className="chat-lines"
        role="log"
        aria-live="off"
        aria-label={t("log")}
        tabIndex={0}
        shift={shift}
        onResize={view.onResize}
        onScroll={(offset) => {
          view.onScroll(offset);
          if (offset < START_PX) void chat.readOlder();
        }}
      >
        {(row) => <MessageRow key={rowKey(row)} row={row} family={family} chat={chat} />}
      </VList>
      {!view.atEnd && (
        <Button look="main" className="chat-present" onClick={view.toEnd}>
          <Icon name="down" />
          {unseen > 0 ? t("newLines", { count: unseen }) : t("present")}
        </Button>
      )}
      <Announcer lines={log.lines} family={family} />
    </div>
  );
}

/** True in the one draw that puts older lines before the others, which must not move the view. */
function usePrepended(first: bigint | undefined): boolean {
  const before = useRef(first);
  const prepended = first !== undefined && before.current !== undefined && first < before.current;
  useLayoutEffect(() => {
    before.current = first;
  });
  return prepended;
}
