import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import type { ChannelInfo, Line } from "@/lib/live/model";
import { useChat } from "./context";

type AnnouncerProps = { lines: readonly Line[]; channel: ChannelInfo };

/** More than this at once is history, not conversation. */
const SPOKEN_MOST = 5;

/** Reads new lines of others to a screen reader, each once: politely, whispers at once. */
export function Announcer({ lines, channel }: AnnouncerProps) {
  const t = useTranslations("chat");
  const { own } = useChat();
  const head = lines.at(-1)?.sequence ?? 0n;
  const spokenUpTo = useRef(head);
  const [spoken, setSpoken] = useState<string[]>([]);

  useEffect(() => {
    const fresh = lines
      .slice(-SPOKEN_MOST)
      .filter((line) => line.sequence > spokenUpTo.current && !own.has(line.characterId));
    spokenUpTo.current = head;
    if (fresh.length === 0) return;
    setSpoken(fresh.map((line) => t("heard", { name: line.characterName, text: line.text })));
  }, [lines, head, own, t]);

  return (
    <div className="unseen" aria-live={channel.kind === "whisper" ? "assertive" : "polite"}>
      {spoken.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}
