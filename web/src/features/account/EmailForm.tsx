import { useQueryClient } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { ChangeEmailRequestSchema } from "@/gen/waystone/account/v1/account_pb";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useOnce } from "@/lib/useOnce";
import { useWrongText } from "@/lib/useWrongText";
import { account, FAMILY } from "./calls";

type EmailFormProps = { onSent: (email: string) => void; onCancel: () => void };

/** Asks for another address; it counts once its owner has said that it is theirs. */
export default function EmailForm({ onSent, onCancel }: EmailFormProps) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const queries = useQueryClient();
  const once = useOnce();
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: ChangeEmailRequestSchema,
    initial: { email: "" },
    fields: { email: "email" },
    submit: async ({ email }) => {
      await once(email, (idempotencyKey) => account.changeEmail({ email, idempotencyKey }));
      await queries.invalidateQueries({ queryKey: [FAMILY] });
      onSent(email);
    },
  });
  return (
    <form ref={form} className="form part-form" onSubmit={onSubmit} noValidate>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <Field
        label={t("newEmail")}
        hint={t("newEmailHint")}
        type="email"
        autoComplete="email"
        error={wrongText(wrong.email)}
        {...bind("email")}
      />
      <div className="part-acts">
        <Button look="main" type="submit" aria-disabled={busy}>
          {t("sendVerification")}
        </Button>
        <Button onClick={onCancel}>{common("cancel")}</Button>
      </div>
    </form>
  );
}
