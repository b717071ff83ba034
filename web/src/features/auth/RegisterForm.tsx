import { Code } from "@connectrpc/connect";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { PasswordField } from "@/components/PasswordField";
import { RegisterRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { hasCode } from "@/lib/errors";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useWrongText } from "@/lib/useWrongText";
import { register } from "./calls";
import { ProviderWays } from "./ProviderWays";

export function RegisterForm({ onDone }: { onDone: () => void }) {
  const t = useTranslations("auth");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: RegisterRequestSchema,
    initial: { userName: "", email: "", password: "" },
    fields: { userName: "user_name", email: "email", password: "password" },
    submit: async (values) => {
      await register(values);
      onDone();
    },
    explain: (error) =>
      hasCode(error, Code.AlreadyExists)
        ? { userName: { rule: "server", description: t("userNameTaken") } }
        : {},
  });
  return (
    <>
      <form ref={form} className="form" onSubmit={onSubmit} noValidate>
        {failure !== null && <Notice>{explain(failure)}</Notice>}
        <Field
          label={t("userName")}
          hint={t("userNameHint")}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          error={wrongText(wrong.userName, true)}
          {...bind("userName")}
        />
        <Field
          label={t("email")}
          hint={t("emailHint")}
          type="email"
          autoComplete="email"
          error={wrongText(wrong.email)}
          {...bind("email")}
        />
        <PasswordField
          isNew
          label={t("password")}
          hint={t("passwordHint")}
          error={wrongText(wrong.password)}
          {...bind("password")}
        />
        <Button type="submit" look="main" aria-disabled={busy}>
          {busy ? t("creatingAccount") : t("createAccount")}
        </Button>
      </form>
      <ProviderWays />
    </>
  );
}
