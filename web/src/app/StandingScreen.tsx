import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Plate, PlateTitle } from "@/components/Plate";
import { Standing } from "@/features/moderation";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.peace.json";

export function StandingScreen() {
  return (
    <Catalogue messages={en}>
      <StandingPlate />
    </Catalogue>
  );
}

function StandingPlate() {
  const t = useTranslations("moderation");
  useTitle(t("standing"));
  return (
    <Plate className="list-screen">
      <PlateTitle number={t("standingPlate")} title={t("standing")} />
      <Standing />
    </Plate>
  );
}
