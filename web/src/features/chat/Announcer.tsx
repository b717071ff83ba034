import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import type { Line } from "./log";

type AnnouncerProps = { lines: readonly Line[]; family: ReadonlySet<bigint> };

/** More than this at once is history, not conversation. */
const SPOKEN_MOST = 5;

/** Reads new lines of others to a screen reader, politely and each once. Shows nothing. */
export function Announcer({ lines, family }: AnnouncerProps) {
  const t = useTranslations("chat");
  const head = lines.at(-1)?.sequence ?? 0n;
  const spokenUpTo = useRef(head);
  const [spoken, setSpoken] = useState<string[]>([]);

  useEffect(() => {
    const fresh = lines
      .slice(-SPOKEN_MOST)
      .filter((line) => line.sequence > spokenUpTo.current && !family.has(line.characterId));
    spokenUpTo.current = head;
    if (fresh.length === 0) return;
    setSpoken(fresh.map((line) => t("heard", { name: line.characterName, text: line.text })));
  }, [lines, head, family, t]);

  return (
    <div className="unseen" aria-live="polite">
      {spoken.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}
