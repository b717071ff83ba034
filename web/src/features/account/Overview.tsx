import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { GetSecurityResponse } from "@/gen/waystone/account/v1/account_pb";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { useOnce } from "@/lib/useOnce";
import { toMs } from "@/lib/when";
import { account, FAMILY, useSecurity } from "./calls";
import { Part, Read } from "./Part";

// Forms come when one is opened.
const EmailForm = lazy(() => import("./EmailForm"));
const PasswordForm = lazy(() => import("./PasswordForm"));

/** How the account can be opened, with its password and its address. */
export function Overview() {
  const security = useSecurity();
  return (
    <Read query={security}>
      {(data) => (
        <div className="parts">
          <Summary security={data} />
          <Address security={data} />
          <Password security={data} />
        </div>
      )}
    </Read>
  );
}

function Summary({ security }: { security: GetSecurityResponse }) {
  const t = useTranslations("account");
  const { passkeys, providers, hasTotp, hasPassword } = security;
  const strong = hasTotp || passkeys.length > 0;
  const facts: [string, string][] = [
    [t("fact.name"), security.account?.userName ?? ""],
    [t("fact.password"), t(hasPassword ? "set" : "notSet")],
    [t("fact.totp"), t(hasTotp ? "set" : "notSet")],
    [t("fact.passkeys"), t("count", { count: passkeys.length })],
    [t("fact.recoveryCodes"), t("codesLeft", { count: security.recoveryCodesLeft })],
    [t("fact.providers"), providers.map(({ name }) => name).join(", ") || t("none")],
  ];
  return (
    <Part title={t("waysIn")}>
      <p className={strong ? "fact-good" : "fact-weak"}>{t(strong ? "strong" : "weak")}</p>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Part>
  );
}

function Address({ security }: { security: GetSecurityResponse }) {
  const t = useTranslations("account");
  const once = useOnce();
  const { act, busy, failure } = useAct(FAMILY);
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const { account: owner, pendingEmail } = security;
  const waits = pendingEmail || (owner?.emailVerified ? "" : (owner?.email ?? ""));
  const resend = () =>
    act(async () => {
      const { email } = await once(waits, (idempotencyKey) =>
        account.resendVerification({ idempotencyKey }),
      );
      setSentTo(email);
    });
  return (
    <Part title={t("email")}>
      {owner?.email && (
        <p>
          <b>{owner.email}</b>{" "}
          <span className="tag">{t(owner.emailVerified ? "verified" : "unverified")}</span>
        </p>
      )}
      {waits && <p className="muted">{t("waits", { email: waits })}</p>}
      {failure && <Notice>{failure}</Notice>}
      {sentTo !== null && <Notice kind="done">{t("mailSent", { email: sentTo })}</Notice>}
      {open ? (
        <Suspense>
          <EmailForm
            onSent={(email) => {
              setOpen(false);
              setSentTo(email);
            }}
            onCancel={() => setOpen(false)}
          />
        </Suspense>
      ) : (
        <div className="part-acts">
          {waits && (
            <Button aria-disabled={busy} onClick={() => void resend()}>
              {t("resend")}
            </Button>
          )}
          <Button onClick={() => setOpen(true)}>{t("changeEmail")}</Button>
        </div>
      )}
    </Part>
  );
}

function Password({ security }: { security: GetSecurityResponse }) {
  const t = useTranslations("account");
  const clock = useClock();
  const [open, setOpen] = useState(false);
  const [ended, setEnded] = useState<number | null>(null);
  const { hasPassword, passwordChangedAt } = security;
  return (
    <Part title={t("password")}>
      <p className="muted">
        {!hasPassword
          ? t("noPassword")
          : passwordChangedAt
            ? t("passwordSince", { date: clock.moment(toMs(passwordChangedAt)) })
            : t("set")}
      </p>
      {ended !== null && <Notice kind="done">{t("passwordChanged", { count: ended })}</Notice>}
      {open ? (
        <Suspense>
          <PasswordForm
            userName={security.account?.userName ?? ""}
            onDone={(sessionsEnded) => {
              setOpen(false);
              setEnded(sessionsEnded);
            }}
            onCancel={() => setOpen(false)}
          />
        </Suspense>
      ) : (
        <div className="part-acts">
          <Button onClick={() => setOpen(true)}>
            {t(hasPassword ? "changePassword" : "setPassword")}
          </Button>
        </div>
      )}
    </Part>
  );
}
