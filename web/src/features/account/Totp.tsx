import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { StartTotpResponse } from "@/gen/waystone/account/v1/factors_pb";
import { useAct } from "@/lib/useAct";
import { FAMILY } from "./calls";
import { factors } from "./factors";

// With the drawing of the code: wanted once in an account's life.
const TotpSetup = lazy(() => import("./TotpSetup"));

type TotpProps = { isSet: boolean; onCodes: (codes: string[]) => void };

/** An authenticator app: set up by its first code, so that nobody locks themselves out. */
export function Totp({ isSet, onCodes }: TotpProps) {
  const t = useTranslations("account");
  const { act, busy, failure } = useAct(FAMILY);
  const [started, setStarted] = useState<StartTotpResponse | null>(null);
  const start = () => act(async () => setStarted(await factors.startTotp({})));
  const finish = (code: string) =>
    act(async () => {
      const { recoveryCodes } = await factors.finishTotp({ code });
      setStarted(null);
      onCodes(recoveryCodes);
    });
  if (started) {
    return (
      <Suspense fallback={<div className="qr" />}>
        <TotpSetup
          {...started}
          busy={busy}
          failure={failure}
          onCode={(code) => void finish(code)}
          onCancel={() => setStarted(null)}
        />
      </Suspense>
    );
  }
  return (
    <>
      {failure && <Notice>{failure}</Notice>}
      {isSet && <p className="fact-good">{t("totpSet")}</p>}
      <div className="part-acts">
        <Button aria-disabled={busy} onClick={() => void start()}>
          {t(isSet ? "totpReplace" : "totpStart")}
        </Button>
        {isSet && (
          <Button
            look="danger"
            aria-disabled={busy}
            onClick={() => void act(() => factors.removeTotp({}))}
          >
            {t("totpRemove")}
          </Button>
        )}
      </div>
    </>
  );
}
