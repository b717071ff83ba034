import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { LiftSanctionRequestSchema } from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { useAct } from "@/lib/useAct";
import { useOnce } from "@/lib/useOnce";
import { moderation } from "./calls";

/** Ends a sanction before its time; the reason goes to the audit log. */
export function LiftForm({ sanctionId }: { sanctionId: bigint }) {
  const t = useTranslations("moderation");
  const once = useOnce();
  const { act, busy, failure } = useAct("moderation");
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState(false);
  const lift = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(LiftSanctionRequestSchema, "reason", reason.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    const asked = { sanctionId, reason: reason.trim() };
    void act(() =>
      once(asked.reason, (idempotencyKey) => moderation.liftSanction({ ...asked, idempotencyKey })),
    );
  };
  if (!open) return <Button onClick={() => setOpen(true)}>{t("toLift")}</Button>;
  return (
    <form className="form" onSubmit={lift}>
      <Field
        label={t("liftReason")}
        error={wrong ? t("writeSome") : null}
        value={reason}
        maxLength={500}
        onChange={(event) => setReason(event.target.value)}
      />
      {failure && <Notice>{failure}</Notice>}
      <Button type="submit" aria-disabled={busy}>
        {t("lift")}
      </Button>
    </form>
  );
}
