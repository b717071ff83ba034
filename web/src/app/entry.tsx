/** Ways in that few take on a visit: they come with a catalogue of their own. */
import { type ReactNode, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Notice } from "@/components/Notice";
import { Plate, PlateTitle } from "@/components/Plate";
import { waitingChallenge } from "@/features/auth/challenge";
import { NewPasswordForm } from "@/features/auth/NewPasswordForm";
import { ProviderReturn } from "@/features/auth/ProviderReturn";
import { RecoverForm } from "@/features/auth/RecoverForm";
import { SecondFactor } from "@/features/auth/SecondFactor";
import { VerifyEmail } from "@/features/auth/VerifyEmail";
import { useSessionState } from "@/lib/useSession";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.entry.json";
import { arrive } from "./gate";
import { LinkReturn } from "./LinkReturn";
import { Link, Navigate, navigate, usePlace, useSearch } from "./router";

type EntryPlateProps = { title: EntryTitle; lead?: EntryLead; children: ReactNode };
type EntryTitle =
  | "factorTitle"
  | "recoverTitle"
  | "newPasswordTitle"
  | "verifyTitle"
  | "providerTitle";
type EntryLead = "factorLead" | "recoverLead" | "newPasswordLead" | "verifyLead";

function EntryPlate(props: EntryPlateProps) {
  return (
    <Catalogue messages={en}>
      <Titled {...props} />
    </Catalogue>
  );
}

function Titled({ title, lead, children }: EntryPlateProps) {
  const t = useTranslations("entry");
  useTitle(t(title));
  return (
    <Plate className="gate-plate">
      <PlateTitle title={t(title)} />
      {lead && <p className="lead">{t(lead)}</p>}
      {children}
    </Plate>
  );
}

const mainLink = (to: "/sign-in" | "/recover" | "/account") => (label: string) => (
  <Link to={to} className="button button-main">
    {label}
  </Link>
);

function OtherLink({ words }: { words: "factorLeave" | "toSignIn" }) {
  const t = useTranslations("entry");
  return (
    <p className="gate-other">
      <Link to="/sign-in">{t(words)}</Link>
    </p>
  );
}

export function SecondFactorScreen() {
  const [challenge] = useState(waitingChallenge);
  if (!challenge) return <Navigate to="/sign-in" />;
  return (
    <EntryPlate title="factorTitle" lead="factorLead">
      <SecondFactor challenge={challenge} onDone={() => arrive({ kind: "in" })} />
      <OtherLink words="factorLeave" />
    </EntryPlate>
  );
}

export function RecoverScreen() {
  const token = useMailToken();
  if (token === null) {
    return (
      <EntryPlate title="recoverTitle" lead="recoverLead">
        <RecoverForm />
        <OtherLink words="toSignIn" />
      </EntryPlate>
    );
  }
  return (
    <EntryPlate title="newPasswordTitle" lead="newPasswordLead">
      <NewPasswordForm
        key={token}
        token={token}
        signInLink={mainLink("/sign-in")}
        againLink={(label) => <Link to="/recover">{label}</Link>}
      />
    </EntryPlate>
  );
}

export function VerifyScreen() {
  const token = useMailToken();
  const signedIn = useSessionState().status === "signed-in";
  return (
    <EntryPlate title="verifyTitle" lead="verifyLead">
      <VerifyEmail
        key={token}
        token={token}
        onwardLink={mainLink(signedIn ? "/account" : "/sign-in")}
      />
    </EntryPlate>
  );
}

export function ProviderScreen() {
  const search = useSearch();
  const [answer] = useState(() => {
    const [state, code] = [search.get("state"), search.get("code")];
    return state === null || code === null
      ? null
      : { state, code, issuer: search.get("iss") ?? "" };
  });
  const [linking] = useState(useSessionState().status === "signed-in");
  // What came works once, and stays in no history.
  useEffect(() => void navigate({ replace: true }), []);
  return (
    <EntryPlate title="providerTitle">
      {answer === null ? (
        <Declined to={linking ? "/account" : "/sign-in"} />
      ) : linking ? (
        <LinkReturn answer={answer} />
      ) : (
        <ProviderReturn answer={answer} onArrive={arrive} againLink={mainLink("/sign-in")} />
      )}
    </EntryPlate>
  );
}

function Declined({ to }: { to: "/account" | "/sign-in" }) {
  const t = useTranslations("entry");
  return (
    <>
      <Notice>{t("providerDeclined")}</Notice>
      {mainLink(to)(t(to === "/account" ? "linkAgain" : "toSignIn"))}
    </>
  );
}

/**
 * The token of a mail's link: behind `#`, where no server sees it, or in the query. It is taken out
 * of the address at once, so that it stays in no history.
 */
function useMailToken(): string | null {
  const hash = usePlace()?.hash ?? "";
  const search = useSearch();
  const [kept, setKept] = useState<string | null>(null);
  const given = new URLSearchParams(hash.slice(1)).get("token") ?? search.get("token");
  useEffect(() => {
    if (given === null) return;
    setKept(given);
    void navigate({ replace: true });
  }, [given]);
  return given ?? kept;
}
