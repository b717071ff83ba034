import { memo, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import type { Line, Quote } from "@/lib/live/model";
import type { useClock } from "@/lib/useClock";
import { useChat } from "./context";
import type { Failure } from "./failure";
import type { Pending } from "./log";
import { type Person, pieces } from "./mentions";
import { RowActs, type RowActsProps, type RowChannel } from "./RowActs";
import type { Row } from "./rows";
import { useSeconds } from "./useSeconds";

export type RowHelp = Pick<
  RowActsProps,
  "onReply" | "onEdit" | "onDialog" | "onTold" | "onFailed"
> & {
  onActive: (key: string) => void;
  /** The page's words and times: rows come by the hundred while one scrolls, and hooks cost each. */
  t: ReturnType<typeof useTranslations<"chat">>;
  clock: ReturnType<typeof useClock>;
};

/** A pointer that rests: rows that pass under it while one scrolls need no buttons. */
const REST_MS = 60;

/** Why a quote has no words: taken back, or not for this reader (somebody they block, long ago). */
function lackOf(quote: Quote): "gone" | "notShown" {
  return quote.characterName ? "gone" : "notShown";
}

type MessageRowProps = {
  row: Row;
  channel: RowChannel;
  people: readonly Person[];
  /** The row the keyboard is at; "focus" right after it moved there. */
  active: "focus" | "yes" | "no";
  /** The row one jumped to. */
  target: boolean;
  help: RowHelp;
};

export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { row, help } = props;
  const { t } = help;
  switch (row.kind) {
    case "beginning":
      return <p className="chat-beginning">{t("beginning")}</p>;
    case "day":
      return <DayLine atMs={row.atMs} help={help} />;
    case "unread":
      return (
        <p className="chat-rule chat-unread">
          <span>{t("unreadLine")}</span>
        </p>
      );
    case "line":
      return <Said {...props} line={row.line} starts={row.startsGroup} />;
    case "pending":
      return (
        <Unsent
          pending={row.pending}
          starts={row.startsGroup}
          channel={props.channel}
          people={props.people}
          help={help}
        />
      );
  }
}, sameRow);

/** Rows are made anew with every change of the log; their content decides. */
function sameRow(a: MessageRowProps, b: MessageRowProps): boolean {
  if (a.channel !== b.channel || a.people !== b.people || a.help !== b.help) return false;
  if (a.active !== b.active || a.target !== b.target || a.row.kind !== b.row.kind) return false;
  if (a.row.kind === "line" && b.row.kind === "line") {
    return a.row.line === b.row.line && a.row.startsGroup === b.row.startsGroup;
  }
  if (a.row.kind === "pending" && b.row.kind === "pending") {
    return a.row.pending === b.row.pending && a.row.startsGroup === b.row.startsGroup;
  }
  return a.row.kind !== "day" || (b.row.kind === "day" && a.row.key === b.row.key);
}

type SaidProps = MessageRowProps & { line: Line; starts: boolean };

function Said({ line, starts, channel, people, active, target, help }: SaidProps) {
  const { t } = help;
  const { chat, speaker, own } = useChat();
  const article = useRef<HTMLElement>(null);
  const { over, ...pointer } = useRest();
  useLayoutEffect(() => {
    if (active === "focus") article.current?.focus({ preventScroll: true });
  }, [active]);
  const marks = [
    starts && "chat-line-first",
    line.mentions.some((id) => own.has(id)) && "chat-for-you",
    target && "chat-target",
    active !== "no" && "chat-active",
  ];
  return (
    <article
      ref={article}
      className={`chat-line ${marks.filter(Boolean).join(" ")}`}
      tabIndex={active === "no" ? -1 : 0}
      onFocus={() => help.onActive(String(line.sequence))}
      {...pointer}
    >
      {line.replyTo && (
        <button
          type="button"
          className="chat-quote"
          tabIndex={active === "no" ? -1 : 0}
          onClick={() => void chat.jump(channel.id, line.replyTo?.sequence ?? 0n)}
        >
          <span className="unseen">{t("inReplyTo")} </span>
          <b>{line.replyTo.characterName}</b> {line.replyTo.excerpt || t(lackOf(line.replyTo))}
        </button>
      )}
      <Head
        atMs={line.sentAtMs}
        name={starts ? line.characterName : null}
        id={line.characterId}
        help={help}
      />
      {line.deleted ? (
        <span className="chat-text chat-gone">{t("gone")}</span>
      ) : (
        <Words text={line.text} people={people} own={own}>
          {line.editedAtMs > 0 && <small className="chat-edited">{t("edited")}</small>}
        </Words>
      )}
      {line.reactions.length > 0 && (
        <span className="chat-reactions">
          {line.reactions.map(({ emoji, count, mine }) => (
            <button
              key={emoji}
              type="button"
              aria-pressed={mine}
              aria-label={t("reaction", { emoji, count })}
              tabIndex={active === "no" ? -1 : 0}
              disabled={!speaker}
              onClick={() => speaker && chat.react(line, speaker, emoji).catch(help.onFailed)}
            >
              <span>{emoji}</span> {count}
            </button>
          ))}
        </span>
      )}
      {(over || active !== "no") && !line.deleted && (
        <RowActs line={line} channel={channel} {...help} />
      )}
    </article>
  );
}

type HeadProps = { atMs: number; name: string | null; id: bigint; help: RowHelp };

function Head({ atMs, name, id, help: { clock } }: HeadProps) {
  const { own } = useChat();
  return (
    <>
      {name !== null && (
        <span className={`chat-name ${own.has(id) ? "chat-family" : ""}`}>{name}</span>
      )}
      <time dateTime={new Date(atMs).toISOString()}>{clock.time(atMs)}</time>
    </>
  );
}

type WordsProps = {
  text: string;
  people: readonly Person[];
  own: ReadonlySet<bigint>;
  children?: ReactNode;
};

/** What was said, mentions of people marked. Text only: nothing in it is ever markup. */
function Words({ text, people, own, children }: WordsProps) {
  const all = useMemo(() => pieces(text, people), [text, people]);
  return (
    <span className="chat-text">
      {all.map(({ text: piece, person }, index) =>
        person ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text never change places.
          <span key={index} className={`mention ${own.has(person.id) ? "mention-you" : ""}`}>
            {piece}
          </span>
        ) : (
          piece
        ),
      )}
      {children && <> {children}</>}
    </span>
  );
}

type UnsentProps = {
  pending: Pending;
  starts: boolean;
  channel: RowChannel;
  people: readonly Person[];
  help: RowHelp;
};

function Unsent({ pending, starts, channel, people, help }: UnsentProps) {
  const { t } = help;
  const { own } = useChat();
  return (
    <div className={pending.failure ? "chat-failed" : "chat-sending"}>
      <article className={`chat-line ${starts ? "chat-line-first" : ""}`}>
        <Head
          atMs={pending.madeAtMs}
          name={starts ? pending.characterName : null}
          id={pending.characterId}
          help={help}
        />
        <Words text={pending.text} people={people} own={own} />
        {pending.failure ? (
          <Failed unsent={pending.key} failure={pending.failure} channel={channel} t={t} />
        ) : (
          <span className="chat-state">{t("sending")}</span>
        )}
      </article>
    </div>
  );
}

type FailedProps = { unsent: string; failure: Failure; channel: RowChannel; t: RowHelp["t"] };

/** Why it was not sent, and what helps: sending it again, or other words where it was refused. */
function Failed({ unsent, failure: { reason, againAtMs }, channel, t }: FailedProps) {
  const { chat } = useChat();
  const seconds = useSeconds(againAtMs ?? 0);
  return (
    <span className="chat-state">
      <span role="alert">{reason ? t("failedWith", { reason }) : t("failed")}</span>
      {againAtMs !== null ? (
        <Button
          look="quiet"
          aria-disabled={seconds > 0}
          onClick={() => seconds === 0 && void chat.sayAgain(channel.id, unsent)}
        >
          {seconds > 0 ? t("againIn", { count: seconds }) : t("again")}
        </Button>
      ) : (
        channel.canSpeak && (
          <Button look="quiet" onClick={() => chat.writeAnew(channel.id, unsent)}>
            {t("anew")}
          </Button>
        )
      )}
      <Button look="quiet" onClick={() => chat.discard(channel.id, unsent)}>
        {t("discard")}
      </Button>
    </span>
  );
}

/** Whether the pointer rests on an element, and what that element listens to. */
function useRest() {
  const [over, setOver] = useState(false);
  const coming = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(coming.current), []);
  return {
    over,
    onPointerEnter: () => {
      coming.current = setTimeout(() => setOver(true), REST_MS);
    },
    onPointerLeave: () => {
      clearTimeout(coming.current);
      setOver(false);
    },
  };
}

function DayLine({ atMs, help: { t, clock } }: { atMs: number; help: RowHelp }) {
  const days = daysAgo(atMs);
  const name = days === 0 ? t("today") : days === 1 ? t("yesterday") : clock.day(atMs);
  return (
    <p className="chat-rule">
      <span>{name}</span>
    </p>
  );
}

function daysAgo(atMs: number): number {
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(atMs)) / 86_400_000);
}
