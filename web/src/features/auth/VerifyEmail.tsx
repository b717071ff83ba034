import { type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { reasonOf } from "@/lib/errors";
import { useErrorText } from "@/lib/useErrorText";
import { verifyEmail } from "./calls";

type VerifyEmailProps = { token: string | null; onwardLink: (label: string) => ReactNode };

/** Takes the token of a mail, by a button: programs that open links in mails do not press it. */
export function VerifyEmail({ token, onwardLink }: VerifyEmailProps) {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [email, setEmail] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  if (email !== null) {
    return (
      <>
        <Notice kind="done">{t("verified", { email })}</Notice>
        {onwardLink(t("onward"))}
      </>
    );
  }
  if (token === null) return <Notice>{t("linkIncomplete")}</Notice>;
  const verify = async () => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    await verifyEmail(token).then(setEmail, setFailure);
    setBusy(false);
  };
  const stale = reasonOf(failure) === "TOKEN_NOT_USABLE";
  return (
    <div className="form">
      {failure !== null && <Notice>{stale ? t("verifyStale") : explain(failure)}</Notice>}
      <Button look="main" aria-disabled={busy} onClick={() => void verify()}>
        {t("verify")}
      </Button>
    </div>
  );
}
