import { memo } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import type { Line, Pending } from "./log";
import type { Row } from "./rows";
import type { Chat } from "./store";

type MessageRowProps = { row: Row; family: ReadonlySet<bigint>; chat: Chat };

export const MessageRow = memo(function MessageRow({ row, family, chat }: MessageRowProps) {
  const t = useTranslations("chat");
  switch (row.kind) {
    case "beginning":
      return <p className="chat-beginning">{t("beginning")}</p>;
    case "day":
      return <DayLine atMs={row.atMs} />;
    case "unread":
      return (
        <p className="chat-rule chat-unread">
          <span>{t("unreadLine")}</span>
        </p>
      );
    case "line":
      return (
        <Said said={row.line} atMs={row.line.sentAtMs} starts={row.startsGroup} family={family} />
      );
    case "pending":
      return <Unsent pending={row.pending} starts={row.startsGroup} family={family} chat={chat} />;
  }
}, sameRow);

/** Rows are made anew with every change of the log; their content decides. */
function sameRow(a: MessageRowProps, b: MessageRowProps): boolean {
  if (a.family !== b.family || a.chat !== b.chat || a.row.kind !== b.row.kind) return false;
  if (a.row.kind === "line" && b.row.kind === "line") {
    return a.row.line === b.row.line && a.row.startsGroup === b.row.startsGroup;
  }
  if (a.row.kind === "pending" && b.row.kind === "pending") {
    return a.row.pending === b.row.pending && a.row.startsGroup === b.row.startsGroup;
  }
  return a.row.kind !== "day" || (b.row.kind === "day" && a.row.key === b.row.key);
}

type SaidProps = {
  said: Pick<Line, "characterId" | "characterName" | "text">;
  atMs: number;
  starts: boolean;
  family: ReadonlySet<bigint>;
  children?: React.ReactNode;
};

function Said({ said, atMs, starts, family, children }: SaidProps) {
  const format = useFormatter();
  const time = format.dateTime(new Date(atMs), {
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
  return (
    <article className={`chat-line ${starts ? "chat-line-first" : ""}`}>
      {starts && (
        <span className={`chat-name ${family.has(said.characterId) ? "chat-family" : ""}`}>
          {said.characterName}
        </span>
      )}
      <time dateTime={new Date(atMs).toISOString()}>{time}</time>
      <span className="chat-text">{said.text}</span>
      {children}
    </article>
  );
}

type UnsentProps = { pending: Pending; starts: boolean; family: ReadonlySet<bigint>; chat: Chat };

function Unsent({ pending, starts, family, chat }: UnsentProps) {
  const t = useTranslations("chat");
  return (
    <div className={`chat-${pending.state}`}>
      <Said said={pending} atMs={pending.madeAtMs} starts={starts} family={family}>
        {pending.state === "sending" ? (
          <span className="chat-state">{t("sending")}</span>
        ) : (
          <span className="chat-state" role="alert">
            {t("failed")}
            <Button look="quiet" onClick={() => void chat.sayAgain(pending.key)}>
              {t("again")}
            </Button>
            <Button look="quiet" onClick={() => chat.discard(pending.key)}>
              {t("discard")}
            </Button>
          </span>
        )}
      </Said>
    </div>
  );
}

function DayLine({ atMs }: { atMs: number }) {
  const t = useTranslations("chat");
  const format = useFormatter();
  const days = daysAgo(atMs);
  const name =
    days === 0
      ? t("today")
      : days === 1
        ? t("yesterday")
        : format.dateTime(new Date(atMs), { weekday: "long", day: "numeric", month: "long" });
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
