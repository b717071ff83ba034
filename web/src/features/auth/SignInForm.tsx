import { Code } from "@connectrpc/connect";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { SignInRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { errorKind, hasCode } from "@/lib/errors";
import { signIn } from "./calls";
import { PasswordField } from "./PasswordField";
import { useForm } from "./useForm";
import { useWrongText } from "./useWrongText";

export function SignInForm({ onDone }: { onDone: () => void }) {
  const t = useTranslations("auth");
  const errors = useTranslations("errors");
  const wrongText = useWrongText();
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: SignInRequestSchema,
    initial: { login: "", password: "" },
    fields: { login: "login", password: "password" },
    submit: async (values) => {
      await signIn(values);
      onDone();
    },
  });
  return (
    <form ref={form} className="form" onSubmit={onSubmit} noValidate>
      {failure !== null && (
        <Notice>
          {hasCode(failure, Code.Unauthenticated) ? t("wrong") : errors(errorKind(failure))}
        </Notice>
      )}
      <Field
        label={t("login")}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        error={wrongText(wrong.login)}
        {...bind("login")}
      />
      <PasswordField
        label={t("password")}
        autoComplete="current-password"
        error={wrongText(wrong.password)}
        {...bind("password")}
      />
      <Button type="submit" look="main" aria-disabled={busy}>
        {busy ? t("signingIn") : t("signIn")}
      </Button>
    </form>
  );
}
