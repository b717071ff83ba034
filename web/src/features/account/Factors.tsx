import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { useSecurity } from "./calls";
import { Part, Read } from "./Part";
import { Passkeys } from "./Passkeys";
import { RecoveryCodes } from "./RecoveryCodes";
import { Totp } from "./Totp";

const Linked = lazy(() => import("./Linked"));
const NewCodes = lazy(() => import("./NewCodes"));

/** What proves who one is beside the password. */
export function Factors() {
  const t = useTranslations("account");
  const security = useSecurity();
  // Codes are shown once, wherever they come from: with the first factor, or asked for.
  const [codes, setCodes] = useState<string[] | null>(null);
  const take = (given: string[]) => given.length > 0 && setCodes(given);
  return (
    <Read query={security}>
      {(data) => (
        <div className="parts">
          {codes && (
            <Suspense>
              <NewCodes
                codes={codes}
                userName={data.account?.userName ?? ""}
                onKept={() => setCodes(null)}
              />
            </Suspense>
          )}
          <Part title={t("totp")} lead={t("totpLead")}>
            <Totp isSet={data.hasTotp} onCodes={take} />
          </Part>
          <Part title={t("passkeys")} lead={t("passkeysLead")}>
            <Passkeys passkeys={data.passkeys} onCodes={take} />
          </Part>
          <Part title={t("recoveryCodes")} lead={t("recoveryCodesLead")}>
            <RecoveryCodes
              left={data.recoveryCodesLeft}
              possible={data.hasTotp || data.passkeys.length > 0}
              onCodes={take}
            />
          </Part>
          <Suspense>
            <Linked linked={data.providers} />
          </Suspense>
        </div>
      )}
    </Read>
  );
}
