import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Catalogue } from "@/components/Catalogue";
import { Notice } from "@/components/Notice";
import { TextArea } from "@/components/TextArea";
import {
  AppealBanRequestSchema,
  ModerationService,
} from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { publicTransport } from "@/lib/transport";
import { useErrorText } from "@/lib/useErrorText";
import en from "@/messages/en.entry.json";
import type { Credentials } from "./calls";

const moderation = createClient(ModerationService, publicTransport);

/** Somebody who is banned from everything asks the moderators to look again. */
export default function BanAppeal({ credentials }: { credentials: Credentials }) {
  return (
    <Catalogue messages={en}>
      <Appeal credentials={credentials} />
    </Catalogue>
  );
}

function Appeal({ credentials }: { credentials: Credentials }) {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const [state, setState] = useState<"open" | "sending" | "sent">("open");
  const [failure, setFailure] = useState<unknown>(null);
  const send = async () => {
    const bad = checkField(AppealBanRequestSchema, "text", text.trim()) !== null;
    setWrong(bad);
    if (bad || state !== "open") return;
    setState("sending");
    setFailure(null);
    try {
      await moderation.appealBan({ ...credentials, text: text.trim() });
      setState("sent");
    } catch (error) {
      setFailure(error);
      setState("open");
    }
  };
  if (state === "sent") return <Notice kind="done">{t("appealSent")}</Notice>;
  // Not a form: it stands in the sign-in's.
  return (
    <fieldset className="appeal">
      <legend>{t("appealTitle")}</legend>
      <TextArea
        label={t("appealText")}
        hint={t("appealHint")}
        error={wrong ? t("appealShort") : null}
        value={text}
        maxLength={500}
        onChange={(event) => setText(event.target.value)}
      />
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <Button aria-disabled={state === "sending"} onClick={() => void send()}>
        {t("appealSend")}
      </Button>
    </fieldset>
  );
}
