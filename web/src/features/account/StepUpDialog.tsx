import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Catalogue } from "@/components/Catalogue";
import { Dialog } from "@/components/Dialog";
import { ProofForm, type ProofKind } from "@/components/ProofForm";
import type { GetSecurityResponse } from "@/gen/waystone/account/v1/account_pb";
import { hasPasskeys } from "@/lib/hasPasskeys";
import { askPasskey } from "@/lib/passkeys";
import { useErrorText } from "@/lib/useErrorText";
import en from "@/messages/en.account.json";
import entry from "@/messages/en.entry.json";
import { useSecurity } from "./calls";
import { factors } from "./factors";
import { Read } from "./Part";

type StepUpDialogProps = { onEnd: (proved: boolean) => void };
type Proof = Parameters<typeof factors.stepUp>[0]["proof"];

const messages = { ...en, ...entry };

/** Asks whoever is there to prove once more that the session is theirs. */
export default function StepUpDialog(props: StepUpDialogProps) {
  return (
    <Catalogue messages={messages}>
      <AskAgain {...props} />
    </Catalogue>
  );
}

function AskAgain({ onEnd }: StepUpDialogProps) {
  const t = useTranslations("account");
  const security = useSecurity();
  return (
    <Dialog title={t("stepUp")} onClose={() => onEnd(false)}>
      <p>{t("stepUpLead")}</p>
      <Read query={security}>{(data) => <Proofs security={data} onEnd={onEnd} />}</Read>
    </Dialog>
  );
}

type ProofsProps = StepUpDialogProps & { security: GetSecurityResponse };

function Proofs({ security, onEnd }: ProofsProps) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const offers = offersOf(security);
  const byPasskey = security.passkeys.length > 0 && hasPasskeys();
  const prove = async (find: () => Promise<Proof | null>) => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      const proof = await find();
      if (!proof) return;
      await factors.stepUp({ proof });
      onEnd(true);
    } catch (error) {
      setFailure(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const passkey = async (): Promise<Proof | null> => {
    const { challengeToken, passkeyOptions } = await factors.startStepUp({});
    const assertion = await askPasskey(passkeyOptions);
    return assertion && { case: "passkey", value: { challengeToken, assertion } };
  };
  if (offers.length === 0 && !byPasskey) {
    return (
      <>
        <p>{t("stepUpNone")}</p>
        <div className="dialog-acts">
          <Button onClick={() => onEnd(false)}>{common("close")}</Button>
        </div>
      </>
    );
  }
  return (
    <ProofForm
      offers={offers}
      onPasskey={byPasskey ? () => void prove(passkey) : undefined}
      onProof={(proof) => void prove(async () => proof)}
      busy={busy}
      failure={failure}
      submit={t("stepUpGo")}
    />
  );
}

/** An account with a second factor uses that; others have their password. */
export function offersOf(security: {
  hasPassword: boolean;
  hasTotp: boolean;
  recoveryCodesLeft: number;
  passkeys: unknown[];
}): ProofKind[] {
  if (!security.hasTotp && security.passkeys.length === 0)
    return security.hasPassword ? ["password"] : [];
  return [
    ...(security.hasTotp ? (["totpCode"] as const) : []),
    ...(security.recoveryCodesLeft > 0 ? (["recoveryCode"] as const) : []),
  ];
}
