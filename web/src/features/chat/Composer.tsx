import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import { SendMessageRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import type { ChannelInfo } from "@/lib/live/model";
import { checkField, longest } from "@/lib/rules";
import { useChat, useChatState } from "./context";
import { candidates, mentionAt, mentioned, type Person } from "./mentions";
import { type Draft, noDraft, type Speaker } from "./store";
import { useSeconds } from "./useSeconds";

type ComposerProps = {
  channel: ChannelInfo;
  speaker: Speaker;
  sign: ReactNode;
  people: readonly Person[];
  onFailed: (error: unknown) => void;
};

const LONGEST = longest(SendMessageRequestSchema, "text");
/** The count of what is left appears when the end is near. */
const NEAR = 80;

export function Composer({ channel, speaker, sign, people, onFailed }: ComposerProps) {
  const t = useTranslations("chat");
  const { chat } = useChat();
  const draft = useChatState((state) => state.drafts.get(channel.id)) ?? noDraft;
  const box = useRef<HTMLTextAreaElement>(null);
  const quietSeconds = useSeconds(useChatState((state) => state.quietUntilMs.get(channel.id)) ?? 0);
  const left = LONGEST - [...draft.text].length;
  const text = draft.text.trim();
  const fits = text !== "" && !checkField(SendMessageRequestSchema, "text", text);
  const sendable = fits && (quietSeconds === 0 || draft.editing !== null);
  const set = (change: Partial<Draft>) => chat.setDraft(channel.id, { ...draft, ...change });
  const mentions = useMentions(draft.text, people, box, (next) => set({ text: next }));

  // Choosing to reply, to change something or to write it anew leads to where one writes.
  const about = draft.anew ?? draft.editing?.sequence ?? draft.replyTo?.sequence;
  useEffect(() => {
    if (about !== undefined) box.current?.focus();
  }, [about]);

  const say = () => {
    if (!sendable) return;
    chat.setDraft(channel.id, noDraft);
    if (draft.editing) {
      chat.edit(draft.editing, text).catch((error) => {
        chat.setDraft(channel.id, draft);
        onFailed(error);
      });
    } else void chat.say(speaker, text, draft.replyTo, mentioned(text, people));
  };
  // Enter sends, Shift+Enter breaks the line; an input method's own Enter does neither.
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || mentions.onKey(event)) return;
    if (event.key === "Escape" && (draft.replyTo || draft.editing)) {
      event.stopPropagation();
      chat.setDraft(channel.id, { ...noDraft, text: draft.editing ? "" : draft.text });
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    say();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <About
        draft={draft}
        onDrop={() => set({ ...noDraft, text: draft.editing ? "" : draft.text })}
      />
      <p className="composer-speaker">
        {sign}
        <span>{t("speaker", { name: speaker.name })}</span>
        <span className="composer-left" role="status">
          {left <= NEAR ? (
            <span className={left < 0 ? "composer-over" : ""}>
              {left < 0 ? t("over", { count: -left }) : t("left", { count: left })}
            </span>
          ) : quietSeconds > 0 ? (
            t("quiet", { count: quietSeconds })
          ) : channel.slowModeSeconds > 0 ? (
            t("slow", { count: channel.slowModeSeconds })
          ) : null}
        </span>
      </p>
      <div className="composer-line">
        {mentions.list}
        <textarea
          ref={box}
          aria-label={t("message")}
          placeholder={t("placeholder", { channel: channel.name })}
          rows={1}
          value={draft.text}
          aria-invalid={left < 0 || undefined}
          {...mentions.aria}
          onChange={(event) => {
            set({ text: event.target.value });
            mentions.look(event.target);
          }}
          onSelect={(event) => mentions.look(event.currentTarget)}
          onBlur={mentions.close}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="composer-send" aria-label={t("send")} disabled={!sendable}>
          <Icon name={draft.editing ? "check" : "send"} />
        </button>
      </div>
    </form>
  );
}

/** What one answers or changes, and the way to leave it. */
function About({ draft, onDrop }: { draft: Draft; onDrop: () => void }) {
  const t = useTranslations("chat");
  const line = draft.editing ?? draft.replyTo;
  if (!line) return null;
  return (
    <p className="composer-about">
      <span>
        <b>{draft.editing ? t("editing") : t("replyingTo", { name: line.characterName })}</b>{" "}
        {line.text}
      </span>
      <button type="button" aria-label={t("dropAbout")} onClick={onDrop}>
        <Icon name="close" />
      </button>
    </p>
  );
}

/** Names to choose from while one writes a mention: arrows choose, Enter or Tab takes. */
function useMentions(
  text: string,
  people: readonly Person[],
  box: React.RefObject<HTMLTextAreaElement | null>,
  onText: (text: string) => void,
) {
  const t = useTranslations("chat");
  const id = useId();
  const [at, setAt] = useState<{ from: number; part: string } | null>(null);
  const [chosen, setChosen] = useState(0);
  const found = at ? candidates(at.part, people) : [];
  const close = () => setAt(null);

  const look = ({ value, selectionStart }: HTMLTextAreaElement) => {
    const now = mentionAt(value, selectionStart);
    if (now?.from !== at?.from || now?.part !== at?.part) setChosen(0);
    setAt(now);
  };
  const take = (person: Person) => {
    if (!at) return;
    const before = `${text.slice(0, at.from)}@${person.name} `;
    onText(before + text.slice(at.from + 1 + at.part.length).trimStart());
    close();
    requestAnimationFrame(() => box.current?.setSelectionRange(before.length, before.length));
  };
  const onKey = (event: KeyboardEvent): boolean => {
    const person = found[chosen];
    if (!person) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setChosen((chosen + step + found.length) % found.length);
    else if (event.key === "Enter" || event.key === "Tab") {
      // A name written out needs no completing: Enter then sends.
      if (event.key === "Enter" && at?.part.toLowerCase() === person.name.toLowerCase())
        return false;
      take(person);
    } else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };

  const list = (
    <>
      <span className="unseen" role="status">
        {found.length > 0 && t("candidates", { count: found.length })}
      </span>
      {found.length > 0 && (
        <div id={id} role="listbox" aria-label={t("mention")} className="candidates">
          {found.map((person, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the text box has the keys.
            // biome-ignore lint/a11y/useFocusableInteractive: the text box keeps the focus.
            <div
              key={String(person.id)}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === chosen}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(person)}
            >
              {person.name}
            </div>
          ))}
        </div>
      )}
    </>
  );
  const aria = {
    "aria-autocomplete": "list" as const,
    "aria-controls": found.length > 0 ? id : undefined,
    "aria-activedescendant": found.length > 0 ? `${id}-${chosen}` : undefined,
  };
  return { list, aria, look, onKey, close };
}
