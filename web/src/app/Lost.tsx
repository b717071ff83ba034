import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Plate, PlateTitle } from "@/components/Plate";
import { Sky } from "@/components/Sky";
import { Link } from "./router";

export function NotFound() {
  const t = useTranslations("common");
  return (
    <main className="gate">
      <Sky />
      <Plate className="gate-plate">
        <PlateTitle title={t("notFound")} />
        <p className="lead">{t("notFoundHint")}</p>
        <Link to="/roster" className="button button-main">
          {t("goHome")}
        </Link>
      </Plate>
    </main>
  );
}

/** A screen that threw: what still works, and the way on. */
export function Broken() {
  const t = useTranslations("common");
  return (
    <main className="gate">
      <Sky />
      <Plate className="gate-plate">
        <PlateTitle title={t("broken")} />
        <p className="lead">{t("brokenHint")}</p>
        <Button look="main" onClick={() => location.reload()}>
          {t("reload")}
        </Button>
      </Plate>
    </main>
  );
}
