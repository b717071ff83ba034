import { type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { PasswordField } from "@/components/PasswordField";
import { FinishRecoveryRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { reasonOf } from "@/lib/errors";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useWrongText } from "@/lib/useWrongText";
import { finishRecovery } from "./calls";

type NewPasswordFormProps = {
  /** From the mail. */
  token: string;
  signInLink: (label: string) => ReactNode;
  againLink: (label: string) => ReactNode;
};

/** Sets a password by the token of a mail. */
export function NewPasswordForm({ token, signInLink, againLink }: NewPasswordFormProps) {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const [userName, setUserName] = useState<string | null>(null);
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: FinishRecoveryRequestSchema,
    initial: { newPassword: "" },
    fields: { newPassword: "new_password" },
    submit: async ({ newPassword }) => setUserName(await finishRecovery(token, newPassword)),
  });
  if (userName !== null) {
    return (
      <>
        <Notice kind="done">{t("recovered", { name: userName })}</Notice>
        {signInLink(t("toSignIn"))}
      </>
    );
  }
  const stale = reasonOf(failure) === "TOKEN_NOT_USABLE";
  return (
    <form ref={form} className="form" onSubmit={onSubmit} noValidate>
      {failure !== null && <Notice>{stale ? t("linkStale") : explain(failure)}</Notice>}
      {stale && againLink(t("recoverAgain"))}
      <PasswordField
        isNew
        label={t("newPassword")}
        hint={t("newPasswordHint")}
        error={wrongText(wrong.newPassword)}
        {...bind("newPassword")}
      />
      <Button type="submit" look="main" aria-disabled={busy}>
        {t("setPassword")}
      </Button>
    </form>
  );
}
