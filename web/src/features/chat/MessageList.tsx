import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { VList, type VListHandle } from "virtua";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { useTheme } from "@/lib/theme";
import { Announcer } from "./Announcer";
import { MessageRow } from "./MessageRow";
import { rowKey, toRows } from "./rows";
import type { Chat, ChatState } from "./store";

type MessageListProps = { chat: Chat; state: ChatState; family: ReadonlySet<bigint> };

/** Closer than this to the end counts as being there. */
const END_PX = 40;
/** Closer than this to the start asks for older lines. */
const START_PX = 300;

export function MessageList({ chat, state, family }: MessageListProps) {
  const t = useTranslations("chat");
  const density = useTheme((theme) => theme.density);
  const { log, ready, unreadAfter, readUpTo, readingOlder } = state;
  const rows = useMemo(() => toRows(log, unreadAfter), [log, unreadAfter]);
  const view = useEnd(chat, rows.length, log.lines.at(-1)?.sequence, log.pending.length);
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
        onScroll={(offset) => {
          view.look();
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

/** Keeps the newest line in view while the player is at the end, and leaves a reader in peace. */
function useEnd(chat: Chat, rowCount: number, newest: bigint | undefined, pendingCount: number) {
  const list = useRef<VListHandle>(null);
  const [atEnd, setAtEnd] = useState(true);
  const stick = useRef(true);

  const toEnd = useCallback(() => {
    stick.current = true;
    setAtEnd(true);
    list.current?.scrollToIndex(rowCount - 1, { align: "end" });
    chat.watch(document.visibilityState === "visible");
  }, [chat, rowCount]);

  const look = useCallback(() => {
    const view = list.current;
    if (!view) return;
    const end = view.scrollSize - view.viewportSize - view.scrollOffset < END_PX;
    stick.current = end;
    setAtEnd(end);
    chat.watch(end && document.visibilityState === "visible");
  }, [chat]);

  // Saying something brings one's own line into view, wherever one was reading.
  const said = useRef(pendingCount);
  if (pendingCount > said.current) stick.current = true;
  said.current = pendingCount;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `newest` is what makes it run.
  useLayoutEffect(() => {
    if (stick.current && rowCount > 0) toEnd();
  }, [newest, rowCount, toEnd]);

  useEffect(() => {
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [look]);

  return { list, atEnd, toEnd, look };
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
