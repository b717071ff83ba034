import { createClient } from "@connectrpc/connect";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { TextArea } from "@/components/TextArea";
import {
  ModerationService,
  SanctionCharacterRequestSchema,
} from "@/gen/waystone/moderation/v1/moderation_pb";
import type { ChannelInfo, Line } from "@/lib/live/model";
import { checkField } from "@/lib/rules";
import {
  DURATIONS,
  type DurationName,
  SANCTIONS,
  type SanctionName,
  sanctionOf,
} from "@/lib/sanctions";
import { transport } from "@/lib/transport";
import { useOnce } from "@/lib/useOnce";
import { useChat } from "./context";
import { useCall } from "./useCall";

const moderation = createClient(ModerationService, transport);

type SanctionDialogProps = {
  sanction: Line;
  channel: Pick<ChannelInfo, "id" | "name">;
  onClose: () => void;
};

/** A moderator who sees it happen need not wait for somebody to report it. */
export function SanctionDialog({ sanction: line, channel, onClose }: SanctionDialogProps) {
  const t = useTranslations("moderation");
  const { sanctionsOn } = useChat();
  const once = useOnce();
  const { busy, failure, run } = useCall(onClose);
  const [choice, setChoice] = useState<SanctionName>("mute");
  const [duration, setDuration] = useState<DurationName>("hour");
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState(false);
  const put = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(SanctionCharacterRequestSchema, "reason", reason.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    void run(async () => {
      const asked = {
        characterId: line.characterId,
        sanction: sanctionOf(choice, channel.id, duration),
        reason: reason.trim(),
      };
      await once([choice, duration, asked.reason].join(), (idempotencyKey) =>
        moderation.sanctionCharacter({ ...asked, idempotencyKey }),
      );
    });
  };
  return (
    <Dialog title={t("sanctionTitle", { name: line.characterName })} onClose={onClose}>
      <blockquote>{line.text}</blockquote>
      {sanctionsOn(line.characterId)}
      <form className="form" onSubmit={put}>
        <Select
          label={t("sanctionChoice", { name: line.characterName })}
          value={choice}
          options={SANCTIONS.map((one) => [one, t(`choice.${one}`, { channel: channel.name })])}
          onChange={(event) => setChoice(event.target.value as SanctionName)}
        />
        <Select
          label={t("duration")}
          value={duration}
          options={(Object.keys(DURATIONS) as DurationName[]).map((one) => [
            one,
            t(`durations.${one}`),
          ])}
          onChange={(event) => setDuration(event.target.value as DurationName)}
        />
        <TextArea
          label={t("resolution")}
          hint={t("resolutionHint")}
          error={wrong ? t("writeSome") : null}
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
        />
        {failure && <Notice>{failure}</Notice>}
        <div className="dialog-acts">
          <Button look="danger" type="submit" aria-disabled={busy}>
            {t("putSanction")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
