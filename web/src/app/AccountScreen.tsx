import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Plate, PlateTitle } from "@/components/Plate";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.account.json";
import { Link, Outlet } from "./router";

/** The account in its owner's hands: a plate of six views. */
export function AccountScreen() {
  return (
    <Catalogue messages={en}>
      <AccountPlate />
    </Catalogue>
  );
}

const VIEWS = [
  ["/account", "overview"],
  ["/account/factors", "factors"],
  ["/account/sessions", "sessions"],
  ["/account/log", "log"],
  ["/account/keys", "keys"],
  ["/account/data", "data"],
] as const;

function AccountPlate() {
  const t = useTranslations("account");
  useTitle(t("title"));
  return (
    <Plate className="list-screen">
      <PlateTitle number={t("plate")} title={t("title")} />
      <nav className="views" aria-label={t("views")}>
        {VIEWS.map(([to, name]) => (
          <span key={to}>
            <Link to={to} exact>
              {t(`view.${name}`)}
            </Link>
          </span>
        ))}
      </nav>
      <Outlet />
    </Plate>
  );
}
