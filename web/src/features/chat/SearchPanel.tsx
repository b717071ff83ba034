import { createClient } from "@connectrpc/connect";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { ChatService, SearchMessagesRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import { toLine } from "@/lib/live/convert";
import type { ChannelInfo, Line } from "@/lib/live/model";
import { checkField } from "@/lib/rules";
import { transport } from "@/lib/transport";
import { useClock } from "@/lib/useClock";
import { useErrorText } from "@/lib/useErrorText";
import { useChat, useChatState } from "./context";
import { Panel } from "./Panel";

const client = createClient(ChatService, transport);

type Found = { query: string; channelId: bigint; lines: Line[]; next: string };

/** Finds messages by their words, and leads to where they stand in the record. */
export default function SearchPanel({
  channel,
  onClose,
}: {
  channel: ChannelInfo;
  onClose: () => void;
}) {
  const t = useTranslations("chat");
  const explain = useErrorText();
  const { chat } = useChat();
  const [query, setQuery] = useState("");
  const [everywhere, setEverywhere] = useState(false);
  const [found, setFound] = useState<Found | null>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);

  const read = async (asked: string, channelId: bigint, before: Found | null) => {
    setBusy(true);
    setFailure(null);
    try {
      const page = { query: asked, channelId, pageToken: before?.next ?? "" };
      const { messages, nextPageToken } = await client.searchMessages(page);
      const lines = [...(before?.lines ?? []), ...messages.map(toLine)];
      setFound({ query: asked, channelId, lines, next: nextPageToken });
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const search = (event: FormEvent) => {
    event.preventDefault();
    const asked = query.trim();
    if (busy) return;
    if (checkField(SearchMessagesRequestSchema, "query", asked)) setFailure(t("searchShort"));
    else void read(asked, everywhere ? 0n : channel.id, null);
  };
  const go = async (line: Line) => {
    if (await chat.jump(line.channelId, line.sequence)) onClose();
    else setFailure(t("searchLost"));
  };

  return (
    <Panel title={t("search")} onClose={onClose}>
      <search>
        <form className="search-form" onSubmit={search}>
          <div className="search-line">
            <input
              type="search"
              aria-label={t("searchWords")}
              placeholder={t("searchWords")}
              value={query}
              onChange={(event) => setQuery(event.target.value)}
            />
            <button type="submit" className="act" aria-label={t("searchGo")}>
              <Icon name="search" />
            </button>
          </div>
          <label className="tick">
            <input
              type="checkbox"
              checked={everywhere}
              onChange={(event) => setEverywhere(event.target.checked)}
            />
            {t("searchEverywhere")}
          </label>
        </form>
      </search>
      <p className="chat-panel-state" role="status">
        {failure ??
          (busy
            ? t("searching")
            : found
              ? t("found", { count: found.lines.length })
              : t("searchHint"))}
      </p>
      <ul className="finds">
        {found?.lines.map((line) => (
          <li key={`${line.channelId} ${line.sequence}`}>
            <Find line={line} named={found.channelId === 0n} onGo={() => void go(line)} />
          </li>
        ))}
      </ul>
      {found && found.next !== "" && (
        <Button onClick={() => !busy && void read(found.query, found.channelId, found)}>
          {t("searchMore")}
        </Button>
      )}
    </Panel>
  );
}

function Find({ line, named, onGo }: { line: Line; named: boolean; onGo: () => void }) {
  const clock = useClock();
  const channelName = useChatState((state) => state.channels.get(line.channelId)?.name);
  return (
    <button type="button" className="find" onClick={onGo}>
      <span className="find-head">
        <b>{line.characterName}</b>
        {named && channelName && <span>{channelName}</span>}
        <time dateTime={new Date(line.sentAtMs).toISOString()}>{clock.moment(line.sentAtMs)}</time>
      </span>
      <span className="find-text">{line.text}</span>
    </button>
  );
}
