import { Code } from "@connectrpc/connect";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { type FactorKind, ProofForm } from "@/components/ProofForm";
import type { SecondFactorChallenge } from "@/gen/waystone/auth/v1/auth_pb";
import { hasCode, reasonOf } from "@/lib/errors";
import { hasPasskeys } from "@/lib/hasPasskeys";
import { askPasskey } from "@/lib/passkeys";
import { useErrorText } from "@/lib/useErrorText";
import { completeSignIn, type FactorProof } from "./calls";
import { keepChallenge } from "./challenge";

type SecondFactorProps = { challenge: SecondFactorChallenge; onDone: () => void };

/** The second half of a sign-in. */
export function SecondFactor({ challenge, onDone }: SecondFactorProps) {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const finish = async (find: () => Promise<FactorProof | null>) => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      const proof = await find();
      if (!proof) return;
      await completeSignIn(challenge.token, proof);
      keepChallenge(null);
      onDone();
    } catch (error) {
      const unnamed = hasCode(error, Code.Unauthenticated) && reasonOf(error) === "";
      setFailure(unnamed ? t("factorWrong") : explain(error));
    } finally {
      setBusy(false);
    }
  };
  const byPasskey = async (): Promise<FactorProof | null> => {
    const value = await askPasskey(challenge.passkeyOptions);
    return value && { case: "passkey", value };
  };
  const offers: FactorKind[] = [
    ...(challenge.totp ? (["totpCode"] as const) : []),
    ...(challenge.recoveryCode ? (["recoveryCode"] as const) : []),
  ];
  const passkeyOffered = challenge.passkeyOptions !== "" && hasPasskeys();
  return (
    <ProofForm
      offers={offers}
      onPasskey={passkeyOffered ? () => void finish(byPasskey) : undefined}
      onProof={(proof) => void finish(async () => proof)}
      busy={busy}
      failure={failure}
      submit={t("factorSend")}
    />
  );
}
