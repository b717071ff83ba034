import { Code } from "@connectrpc/connect";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import type { ProviderNewcomer } from "@/gen/waystone/auth/v1/providers_pb";
import { RegisterWithProviderRequestSchema } from "@/gen/waystone/auth/v1/providers_pb";
import { hasCode, reasonOf } from "@/lib/errors";
import { recall } from "@/lib/storage";
import { useErrorText } from "@/lib/useErrorText";
import { useForm } from "@/lib/useForm";
import { useWrongText } from "@/lib/useWrongText";
import {
  type Arrival,
  CHOSEN_PROVIDER,
  finishProvider,
  type ProviderAnswer,
  registerWithProvider,
  startProvider,
} from "./calls";

type ProviderReturnProps = {
  answer: ProviderAnswer;
  onArrive: (arrival: Arrival) => void;
  againLink: (label: string) => ReactNode;
};

/** Back from a provider's page, with what it says. */
export function ProviderReturn({ answer, onArrive, againLink }: ProviderReturnProps) {
  const t = useTranslations("entry");
  const auth = useTranslations("auth");
  const explain = useErrorText();
  const [newcomer, setNewcomer] = useState<ProviderNewcomer | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const begun = useRef(false);
  const arrive = useRef(onArrive);
  arrive.current = onArrive;
  useEffect(() => {
    if (begun.current) return; // what the provider gave works once
    begun.current = true;
    finishProvider(answer).then((arrival) => {
      if (arrival.kind === "newcomer") setNewcomer(arrival.newcomer);
      else arrive.current(arrival);
    }, setFailure);
  }, [answer]);
  // What the provider gave is used up: it is asked once more.
  const reopen = () => {
    startProvider(recall(CHOSEN_PROVIDER) ?? "", true).then(
      (url) => location.assign(url),
      setFailure,
    );
  };
  if (newcomer) {
    return <NewcomerForm newcomer={newcomer} onDone={() => onArrive({ kind: "in" })} />;
  }
  if (failure !== null) {
    return (
      <>
        <Notice>
          {hasCode(failure, Code.Unauthenticated) ? t("providerRefused") : explain(failure)}
        </Notice>
        {reasonOf(failure) === "CLOSING" && <Button onClick={reopen}>{auth("reopen")}</Button>}
        {againLink(t("toSignIn"))}
      </>
    );
  }
  return (
    <p className="lead" role="status">
      {t("providerWorking")}
    </p>
  );
}

/** Somebody whom a provider knows and who has no account here. */
function NewcomerForm({ newcomer, onDone }: { newcomer: ProviderNewcomer; onDone: () => void }) {
  const t = useTranslations("entry");
  const auth = useTranslations("auth");
  const explain = useErrorText();
  const wrongText = useWrongText();
  const { bind, wrong, busy, failure, form, onSubmit } = useForm({
    schema: RegisterWithProviderRequestSchema,
    initial: { userName: newcomer.suggestedUserName },
    fields: { userName: "user_name" },
    submit: async ({ userName }) => {
      await registerWithProvider(newcomer.registrationToken, userName);
      onDone();
    },
    explain: (error) =>
      hasCode(error, Code.AlreadyExists)
        ? { userName: { rule: "server", description: auth("userNameTaken") } }
        : {},
  });
  return (
    <form ref={form} className="form" onSubmit={onSubmit} noValidate>
      <p className="lead">{t("newcomerLead")}</p>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <Field
        label={auth("userName")}
        hint={auth("userNameHint")}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        error={wrongText(wrong.userName, true)}
        {...bind("userName")}
      />
      {newcomer.email && <p className="muted">{t("newcomerEmail", { email: newcomer.email })}</p>}
      <Button type="submit" look="main" aria-disabled={busy}>
        {busy ? auth("creatingAccount") : auth("createAccount")}
      </Button>
    </form>
  );
}
