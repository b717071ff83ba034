import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Icon } from "@/components/Icon";
import { Roster } from "@/features/characters";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.house.json";
import { useInside } from "./inside";
import { Link } from "./router";

export function RosterScreen() {
  return (
    <Catalogue messages={en}>
      <RosterPlate />
    </Catalogue>
  );
}

function RosterPlate() {
  const t = useTranslations();
  const { house, session } = useInside();
  useTitle(t("nav.roster"));
  return (
    <>
      {!session.emailVerified && session.email && (
        <p className="verify-hint">
          {t("auth.verifyHint", { email: session.email })}{" "}
          <Link to="/account">{t("auth.toAccount")}</Link>
        </p>
      )}
      <Roster
        house={house}
        houseName={session.userName}
        addLink={(label) => (
          <Link to="/roster/new" className="button button-main">
            <Icon name="plus" />
            {label}
          </Link>
        )}
      />
    </>
  );
}
