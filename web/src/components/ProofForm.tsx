import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./Button";
import { Field } from "./Field";
import { Notice } from "./Notice";
import { PasswordField } from "./PasswordField";

export type FactorKind = "totpCode" | "recoveryCode";
export type ProofKind = FactorKind | "password";

type ProofFormProps<Kind extends ProofKind> = {
  /** What may be typed, best first. */
  offers: readonly Kind[];
  /** Absent: no passkey can prove it. */
  onPasskey?: (() => void) | undefined;
  onProof: (proof: { case: Kind; value: string }) => void;
  busy: boolean;
  failure: string | null;
  /** The button's words. */
  submit: string;
};

/** Asks for one proof of several: a code, a recovery code, the password, or a passkey. */
export function ProofForm<Kind extends ProofKind>(props: ProofFormProps<Kind>) {
  const { offers, onPasskey, onProof, busy, failure, submit } = props;
  const t = useTranslations("proof");
  const [kind, setKind] = useState<Kind | undefined>(offers[0]);
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!kind || busy) return;
    const value = kind === "totpCode" ? typed.replace(/\s/g, "") : typed.trim();
    const bad = !SHAPES[kind].test(kind === "password" ? typed : value);
    setWrong(bad);
    if (!bad) onProof({ case: kind, value: kind === "password" ? typed : value });
  };
  const choose = (one: Kind) => {
    setKind(one);
    setTyped("");
    setWrong(false);
  };
  const field = {
    value: typed,
    error: wrong ? t(`wrong.${kind ?? "password"}`) : null,
    onChange: (event: { target: { value: string } }) => setTyped(event.target.value),
  };
  return (
    <form className="form" onSubmit={send} noValidate>
      {failure && <Notice>{failure}</Notice>}
      {onPasskey && (
        <Button look={kind ? "plain" : "main"} aria-disabled={busy} onClick={onPasskey}>
          {t("usePasskey")}
        </Button>
      )}
      {kind === "password" && <PasswordField label={t("password")} name="password" {...field} />}
      {kind === "totpCode" && (
        <Field
          key={kind}
          label={t("totpCode")}
          hint={t("totpHint")}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={9}
          {...field}
        />
      )}
      {kind === "recoveryCode" && (
        <Field
          key={kind}
          label={t("recoveryCode")}
          hint={t("recoveryHint")}
          name="recovery-code"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={32}
          {...field}
        />
      )}
      {kind && (
        <Button type="submit" look="main" aria-disabled={busy}>
          {submit}
        </Button>
      )}
      {offers
        .filter((one) => one !== kind)
        .map((one) => (
          <Button key={one} look="quiet" onClick={() => choose(one)}>
            {t(`use.${one as ProofKind}`)}
          </Button>
        ))}
    </form>
  );
}

const SHAPES = { totpCode: /^\d{6}$/, recoveryCode: /^.{8,32}$/, password: /./s };
