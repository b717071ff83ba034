import {
  type FocusEvent,
  type KeyboardEvent,
  type PointerEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useTranslations } from "use-intl";
import { VList } from "virtua";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import type { ChannelInfo, Line } from "@/lib/live/model";
import { useTheme } from "@/lib/theme";
import { useClock } from "@/lib/useClock";
import { Announcer } from "./Announcer";
import { useChat, useChatState } from "./context";
import type { OpenDialog } from "./dialogs";
import type { ChatLog } from "./log";
import { MessageRow, type RowHelp } from "./MessageRow";
import type { Person } from "./mentions";
import type { RowChannel } from "./RowActs";
import { type Row, rowKey, toRows } from "./rows";
import { noDraft } from "./store";
import { useEnd } from "./useEnd";

type MessageListProps = {
  channel: ChannelInfo;
  log: ChatLog;
  people: readonly Person[];
  onDialog: (dialog: OpenDialog) => void;
  onTold: (sentence: string) => void;
  onFailed: (error: unknown) => void;
};

/** Closer than this to an end of what is there asks for more. */
const MORE_PX = 400;
/** A place one jumped to stays marked for so long. */
const MARKED_MS = 4_000;

export function MessageList(props: MessageListProps) {
  const { channel, log, people } = props;
  const t = useTranslations("chat");
  const density = useTheme((theme) => theme.density);
  const { chat, own } = useChat();
  const rows = useMemo(() => toRows(log, own), [log, own]);
  const view = useEnd(chat, log, rows.length);
  const shift = useShift(log.lines[0]?.sequence);
  const { active, move, onActive } = useActive(rows, view.list);
  const marked = useTarget(rows, view.list, view.letGo, onActive);
  const help = useHelp(props, onActive);
  const rowChannel = useRowChannel(channel);

  if (!log.ready) return <p className="chat-quiet">{t("waiting")}</p>;
  return (
    <div className={`chat-log chat-${density}`}>
      {log.reading === "older" && <p className="chat-older">{t("older")}</p>}
      {rows.length === 0 && <p className="chat-quiet">{t("empty")}</p>}
      {/* A virtual list mounts old lines while one scrolls, so its own announcements are off and
          the announcer reads each new line, once. */}
      <VList
        ref={view.list}
        data={rows}
        className="chat-lines"
        role="log"
        aria-live="off"
        aria-label={t("log", { channel: channel.name })}
        tabIndex={0}
        shift={shift}
        {...LAST_USED}
        onKeyDown={move}
        onResize={view.onResize}
        onScroll={(offset) => {
          view.onScroll(offset);
          const list = view.list.current;
          if (offset < MORE_PX) void chat.readOlder();
          if (list && list.scrollSize - list.viewportSize - offset < MORE_PX) void chat.readNewer();
        }}
      >
        {(row) => {
          const key = rowKey(row);
          return (
            <MessageRow
              key={key}
              row={row}
              channel={rowChannel}
              people={people}
              active={active.key !== key ? "no" : active.focus ? "focus" : "yes"}
              target={marked === key}
              help={help}
            />
          );
        }}
      </VList>
      {(!view.atEnd || log.hasNewer) && (
        <Button
          look="main"
          className="chat-present"
          onClick={() => void chat.toPresent().then(view.toEnd)}
        >
          <Icon name="down" />
          {channel.unread > 0 ? t("newLines", { count: channel.unread }) : t("present")}
        </Button>
      )}
      {!log.hasNewer && <Announcer lines={log.lines} channel={channel} />}
    </div>
  );
}

/** The list is marked while the keys go through it: a pointer that merely rests there steps back. */
const LAST_USED = {
  onFocus: ({ currentTarget, target }: FocusEvent<HTMLElement>) =>
    currentTarget.toggleAttribute("data-keys", target.matches(":focus-visible")),
  onPointerMove: ({ currentTarget }: PointerEvent<HTMLElement>) =>
    currentTarget.toggleAttribute("data-keys", false),
};

type ListRef = ReturnType<typeof useEnd>["list"];
type Active = { key: string | null; focus: boolean };

/** The arrow keys go from message to message; the others can be reached from there. */
function useActive(rows: readonly Row[], list: ListRef) {
  const [active, setActive] = useState<Active>({ key: null, focus: false });
  const onActive = useCallback((key: string) => {
    setActive((now) => (now.key === key && !now.focus ? now : { key, focus: false }));
  }, []);

  const move = (event: KeyboardEvent<HTMLElement>) => {
    event.currentTarget.toggleAttribute("data-keys", true);
    const target = event.target as HTMLElement;
    // Only from the list or from a message itself: buttons and menus have keys of their own.
    if (target !== event.currentTarget && target.tagName !== "ARTICLE") return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const inside = target.tagName === "ARTICLE";
    const at = inside ? rows.findIndex((row) => rowKey(row) === active.key) : rows.length;
    let index = at + (inside ? step : -1);
    while (rows[index] && rows[index]?.kind !== "line") index += inside ? step : -1;
    const row = rows[index];
    if (!row) return;
    list.current?.scrollToIndex(index, { align: "nearest" });
    setActive({ key: rowKey(row), focus: true });
  };
  return { active, move, onActive };
}

/** Goes to the message the store names, and marks it for a moment. */
function useTarget(
  rows: readonly Row[],
  list: ListRef,
  letGo: () => void,
  onActive: (key: string) => void,
): string | null {
  const target = useChatState((state) => state.target);
  const [marked, setMarked] = useState<string | null>(null);
  const shown = useRef(0);
  useEffect(() => {
    if (!target || target.stamp === shown.current) return;
    const key = String(target.sequence);
    const index = rows.findIndex((row) => row.kind === "line" && rowKey(row) === key);
    if (index < 0) return;
    shown.current = target.stamp;
    letGo();
    list.current?.scrollToIndex(index, { align: "center" });
    setMarked(key);
    onActive(key);
  }, [target, rows, list, letGo, onActive]);
  useEffect(() => {
    if (marked === null) return;
    const ending = setTimeout(() => setMarked(null), MARKED_MS);
    return () => clearTimeout(ending);
  }, [marked]);
  return marked;
}

/** The channel's counts change with every line that comes; its rows need not. */
function useRowChannel({ id, name, kind, role, canSpeak }: ChannelInfo): RowChannel {
  return useMemo(() => ({ id, name, kind, role, canSpeak }), [id, name, kind, role, canSpeak]);
}

function useHelp(props: MessageListProps, onActive: (key: string) => void): RowHelp {
  const { chat } = useChat();
  const t = useTranslations("chat");
  const clock = useClock();
  const { channel, onDialog, onTold, onFailed } = props;
  const { id } = channel;
  return useMemo(() => {
    const draft = () => chat.store.getState().drafts.get(id) ?? noDraft;
    return {
      t,
      clock,
      onActive,
      onDialog,
      onTold,
      onFailed,
      onReply: (line: Line) =>
        chat.setDraft(id, { ...draft(), replyTo: line, editing: null, anew: null }),
      onEdit: (line: Line) => chat.setDraft(id, { ...noDraft, text: line.text, editing: line }),
    };
  }, [chat, id, t, clock, onActive, onDialog, onTold, onFailed]);
}

/**
 * True in the one draw that puts older lines before the others, or lets the oldest go: what is in
 * view must not move.
 */
function useShift(first: bigint | undefined): boolean {
  const before = useRef(first);
  const shifted = first !== undefined && before.current !== undefined && first !== before.current;
  useLayoutEffect(() => {
    before.current = first;
  });
  return shifted;
}
