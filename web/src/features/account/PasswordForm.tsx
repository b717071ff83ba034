import { useQueryClient } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { PasswordField } from "@/components/PasswordField";
import { ChangePasswordRequestSchema } from "@/gen/waystone/account/v1/account_pb";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useOnce } from "@/lib/useOnce";
import { useWrongText } from "@/lib/useWrongText";
import { account, FAMILY } from "./calls";

type PasswordFormProps = {
  /** For password managers: whose password is changed. */
  userName: string;
  onDone: (sessionsEnded: number) => void;
  onCancel: () => void;
};

/** Sets another password, or the first. */
export default function PasswordForm({ userName, onDone, onCancel }: PasswordFormProps) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const queries = useQueryClient();
  const once = useOnce();
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: ChangePasswordRequestSchema,
    initial: { newPassword: "" },
    fields: { newPassword: "new_password" },
    submit: async ({ newPassword }) => {
      const { sessionsEnded } = await once(newPassword, (idempotencyKey) =>
        account.changePassword({ newPassword, idempotencyKey }),
      );
      await queries.invalidateQueries({ queryKey: [FAMILY] });
      onDone(sessionsEnded);
    },
  });
  return (
    <form ref={form} className="form part-form" onSubmit={onSubmit} noValidate>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <input
        className="unseen"
        name="username"
        autoComplete="username"
        value={userName}
        readOnly
        tabIndex={-1}
        aria-hidden="true"
      />
      <PasswordField
        isNew
        label={t("newPassword")}
        hint={t("newPasswordHint")}
        error={wrongText(wrong.newPassword)}
        {...bind("newPassword")}
      />
      <div className="part-acts">
        <Button look="main" type="submit" aria-disabled={busy}>
          {t("savePassword")}
        </Button>
        <Button onClick={onCancel}>{common("cancel")}</Button>
      </div>
    </form>
  );
}
