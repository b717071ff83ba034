import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { FinishTotpRequestSchema } from "@/gen/waystone/account/v1/factors_pb";
import { checkField } from "@/lib/rules";
import { QrCode } from "./QrCode";

type TotpSetupProps = {
  /** In base32, for typing. */
  secret: string;
  /** For the drawing. */
  uri: string;
  busy: boolean;
  failure: string | null;
  onCode: (code: string) => void;
  onCancel: () => void;
};

/** What the app needs, and its first code. */
export default function TotpSetup(props: TotpSetupProps) {
  const { secret, uri, busy, failure, onCode, onCancel } = props;
  const t = useTranslations("account");
  const common = useTranslations("common");
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const send = (event: FormEvent) => {
    event.preventDefault();
    const code = typed.replace(/\s/g, "");
    const bad = checkField(FinishTotpRequestSchema, "code", code) !== null;
    setWrong(bad);
    if (!bad && !busy) onCode(code);
  };
  return (
    <div className="totp">
      <QrCode text={uri} label={t("qr")} />
      <div>
        <p>{t("totpScan")}</p>
        <p className="secret">
          <span className="unseen">{t("totpSecret")} </span>
          <code>{inGroups(secret)}</code>
        </p>
        <form className="form part-form" onSubmit={send} noValidate>
          {failure && <Notice>{failure}</Notice>}
          <Field
            label={t("totpFirst")}
            name="code"
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={9}
            error={wrong ? t("sixDigits") : null}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <div className="part-acts">
            <Button look="main" type="submit" aria-disabled={busy}>
              {t("totpFinish")}
            </Button>
            <Button onClick={onCancel}>{common("cancel")}</Button>
          </div>
        </form>
      </div>
    </div>
  );
}

/** In fours, as people read and type it. */
function inGroups(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(" ") ?? secret;
}
