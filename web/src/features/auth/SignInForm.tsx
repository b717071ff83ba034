import { Code } from "@connectrpc/connect";
import { lazy, type ReactNode, Suspense } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { PasswordField } from "@/components/PasswordField";
import { SignInRequestSchema } from "@/gen/waystone/auth/v1/auth_pb";
import { hasCode, reasonOf } from "@/lib/errors";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useWrongText } from "@/lib/useWrongText";
import { type Arrival, type Credentials, signIn } from "./calls";
import { PasskeySignIn } from "./PasskeySignIn";
import { ProviderWays } from "./ProviderWays";

// For few, and after a refusal.
const BanAppeal = lazy(() => import("./BanAppeal"));

type SignInFormProps = {
  onArrive: (arrival: Arrival) => void;
  recoverLink: (label: string) => ReactNode;
};

export function SignInForm({ onArrive, recoverLink }: SignInFormProps) {
  const t = useTranslations("auth");
  const wrongText = useWrongText();
  const { values, bind, wrong, busy, failure, form, send, onSubmit } = useForm({
    schema: SignInRequestSchema,
    initial: { login: "", password: "" },
    fields: { login: "login", password: "password" },
    submit: async (typed) => onArrive(await signIn(typed)),
  });
  const reopen = () => void send(async (typed) => onArrive(await signIn(typed, true)));
  return (
    <>
      <form ref={form} className="form" onSubmit={onSubmit} noValidate>
        {failure !== null && (
          <Refusal failure={failure} credentials={values} busy={busy} onReopen={reopen} />
        )}
        <Field
          label={t("login")}
          // "webauthn": browsers offer passkeys among what they fill in.
          autoComplete="username webauthn"
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
        <p className="form-aside">{recoverLink(t("toRecover"))}</p>
        <Button type="submit" look="main" aria-disabled={busy}>
          {busy ? t("signingIn") : t("signIn")}
        </Button>
      </form>
      <PasskeySignIn onArrive={onArrive} />
      <ProviderWays />
    </>
  );
}

type RefusalProps = {
  failure: unknown;
  credentials: Credentials;
  busy: boolean;
  onReopen: () => void;
};

/** Why it was refused, with the way on where there is one. */
function Refusal({ failure, credentials, busy, onReopen }: RefusalProps) {
  const t = useTranslations("auth");
  const explain = useErrorText();
  if (hasCode(failure, Code.Unauthenticated)) return <Notice>{t("wrong")}</Notice>;
  return (
    <>
      <Notice>{explain(failure)}</Notice>
      {reasonOf(failure) === "CLOSING" && (
        <Button aria-disabled={busy} onClick={onReopen}>
          {t("reopen")}
        </Button>
      )}
      {reasonOf(failure) === "BANNED" && (
        <Suspense>
          <BanAppeal credentials={credentials} />
        </Suspense>
      )}
    </>
  );
}
