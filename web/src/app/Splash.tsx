import { useTranslations } from "use-intl";
import { Sky } from "@/components/Sky";

/** Shown while the page finds out whether there is a session. */
export function Splash({ unreachable }: { unreachable: boolean }) {
  const t = useTranslations("common");
  return (
    <main className="gate">
      <Sky />
      <p className="splash" role="status">
        {unreachable ? t("unreachable") : t("loading")}
      </p>
    </main>
  );
}
