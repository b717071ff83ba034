import { type KeyboardEvent, type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";
import { SendMessageRequestSchema } from "@/gen/waystone/chat/v1/chat_pb";
import { checkField, longest } from "@/lib/rules";
import type { Chat, Speaker } from "./store";

type ComposerProps = { chat: Chat; speaker: Speaker; sign: ReactNode };

const LONGEST = longest(SendMessageRequestSchema, "text");
/** The count of what is left appears when the end is near. */
const NEAR = 80;

export function Composer({ chat, speaker, sign }: ComposerProps) {
  const t = useTranslations("chat");
  const [text, setText] = useState("");
  const left = LONGEST - [...text].length;
  const sendable = text.trim() !== "" && !checkField(SendMessageRequestSchema, "text", text.trim());

  const say = () => {
    if (!sendable) return;
    void chat.say(speaker, text.trim());
    setText("");
  };
  // Enter sends, Shift+Enter breaks the line; an input method's own Enter does neither.
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
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
      <p className="composer-speaker">
        {sign}
        <span>{t("speaker", { name: speaker.name })}</span>
        {left <= NEAR && (
          <span className={`composer-left ${left < 0 ? "composer-over" : ""}`} role="status">
            {left < 0 ? t("over", { count: -left }) : t("left", { count: left })}
          </span>
        )}
      </p>
      <div className="composer-line">
        <textarea
          aria-label={t("message")}
          placeholder={t("placeholder")}
          rows={1}
          value={text}
          aria-invalid={left < 0 || undefined}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="composer-send" aria-label={t("send")} disabled={!sendable}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
