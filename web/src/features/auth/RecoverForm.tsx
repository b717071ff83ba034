import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { StartRecoveryRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useWrongText } from "@/lib/useWrongText";
import { startRecovery } from "./calls";

/** Asks for a mail. The answer is the same whether the address has an account. */
export function RecoverForm() {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: StartRecoveryRequestSchema,
    initial: { email: "" },
    fields: { email: "email" },
    submit: async ({ email }) => {
      await startRecovery(email);
      setSentTo(email);
    },
  });
  if (sentTo !== null) {
    return (
      <div className="sent">
        <Notice kind="done">{t("recoverSent", { email: sentTo })}</Notice>
        <p className="form-aside">{t("recoverNothing")}</p>
        <Button onClick={() => setSentTo(null)}>{t("recoverAgain")}</Button>
      </div>
    );
  }
  return (
    <form ref={form} className="form" onSubmit={onSubmit} noValidate>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <Field
        label={t("email")}
        hint={t("emailHint")}
        type="email"
        autoComplete="email"
        error={wrongText(wrong.email)}
        {...bind("email")}
      />
      <Button type="submit" look="main" aria-disabled={busy}>
        {t("recoverSend")}
      </Button>
    </form>
  );
}
