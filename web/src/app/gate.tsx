/** The screens before a session: one narrow form on a dark chart. */
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useTranslations } from "use-intl";
import { Notice } from "@/components/Notice";
import { Plate, PlateTitle } from "@/components/Plate";
import { Sky } from "@/components/Sky";
import { RegisterForm, SignInForm } from "@/features/auth";
import { useSessionState } from "@/lib/useSession";
import { useTitle } from "@/lib/useTitle";

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
  const session = useSessionState();
  const enter = useEnter();
  useTitle(t("signInTitle"));
  return (
    <Plate className="gate-plate">
      <PlateTitle title={t("signInTitle")} />
      <p className="lead">{t("signInLead")}</p>
      {session.status === "signed-out" && session.ended && <Notice>{errors("signedOut")}</Notice>}
      <SignInForm onDone={enter} />
      <p className="gate-other">
        {t("toRegister")} <Link to="/register">{t("toRegisterLink")}</Link>
      </p>
    </Plate>
  );
}

export function RegisterScreen() {
  const t = useTranslations("auth");
  const enter = useEnter();
  useTitle(t("registerTitle"));
  return (
    <Plate className="gate-plate">
      <PlateTitle title={t("registerTitle")} />
      <p className="lead">{t("registerLead")}</p>
      <RegisterForm onDone={enter} />
      <p className="gate-other">
        {t("toSignIn")} <Link to="/sign-in">{t("toSignInLink")}</Link>
      </p>
    </Plate>
  );
}

function useEnter(): () => void {
  const navigate = useNavigate();
  return () => void navigate({ to: "/roster", replace: true });
}
