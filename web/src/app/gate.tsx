/** The screens before a session: one narrow form on a dark chart. */
import { useTranslations } from "use-intl";
import { Notice } from "@/components/Notice";
import { Plate, PlateTitle } from "@/components/Plate";
import { Sky } from "@/components/Sky";
import { type Arrival, keepChallenge, RegisterForm, SignInForm } from "@/features/auth";
import { useClock } from "@/lib/useClock";
import { useSessionState } from "@/lib/useSession";
import { useTitle } from "@/lib/useTitle";
import { Link, navigate, Outlet } from "./router";

export function Gate() {
  const t = useTranslations("common");
  return (
    <main className="gate">
      <Sky drifting />
      <p className="wordmark">
        {t("name")}
        <span>{t("motto")}</span>
      </p>
      <Outlet />
    </main>
  );
}

export function SignInScreen() {
  const t = useTranslations("auth");
  const errors = useTranslations("errors");
  const clock = useClock();
  const session = useSessionState();
  useTitle(t("signInTitle"));
  const ended = session.status === "signed-out" && session.ended;
  const closedUntilMs = session.status === "signed-out" ? session.closedUntilMs : undefined;
  return (
    <Plate className="gate-plate">
      <PlateTitle title={t("signInTitle")} />
      <p className="lead">{t("signInLead")}</p>
      {closedUntilMs !== undefined && (
        <Notice kind="done">{t("closedUntil", { date: clock.moment(closedUntilMs) })}</Notice>
      )}
      {ended && <Notice>{errors("signedOut")}</Notice>}
      <SignInForm onArrive={arrive} recoverLink={(label) => <Link to="/recover">{label}</Link>} />
      <p className="gate-other">
        {t("toRegister")} <Link to="/register">{t("toRegisterLink")}</Link>
      </p>
    </Plate>
  );
}

export function RegisterScreen() {
  const t = useTranslations("auth");
  useTitle(t("registerTitle"));
  return (
    <Plate className="gate-plate">
      <PlateTitle title={t("registerTitle")} />
      <p className="lead">{t("registerLead")}</p>
      <RegisterForm onDone={() => arrive({ kind: "in" })} />
      <p className="gate-other">
        {t("toSignIn")} <Link to="/sign-in">{t("toSignInLink")}</Link>
      </p>
    </Plate>
  );
}

/** In, or on to the second factor. */
export function arrive(arrival: Arrival): void {
  if (arrival.kind === "factor") {
    keepChallenge(arrival.challenge);
    void navigate({ to: "/sign-in/second" });
  } else {
    void navigate({ to: "/roster", replace: true });
  }
}
