import { useTranslations } from "use-intl";
import { Glyph } from "@/components/Glyph";
import { PlateGround } from "@/components/Plate";
import { Seal } from "@/components/Seal";
import { Race } from "@/gen/waystone/character/v1/character_pb";
import type { Draft } from "./Creation";
import { factionName, raceName } from "./names";

/** The character's own plate, as far as it is engraved. */
export function DraftPlate({ draft }: { draft: Draft }) {
  const t = useTranslations();
  const race = raceName(draft.race);
  const faction = factionName(draft.faction);
  const chosen = draft.race !== Race.UNSPECIFIED;
  return (
    <aside className="draft" aria-label={t("creation.preview")}>
      <PlateGround />
      <div className={`draft-seal ${chosen ? "" : "draft-bare"}`}>
        {chosen ? <Seal key={race} race={race} /> : <Glyph faction="none" />}
      </div>
      <p className="draft-name">{draft.name.trim() || t("creation.unnamed")}</p>
      <p className="lettering">{chosen ? t(`races.${race}.name`) : t("creation.noRace")}</p>
      <p className="draft-faction">
        <Glyph faction={faction} className="glyph-inline" />
        {t(`factions.${faction}.name`)}
        <span className="muted">{t(`factions.${faction}.line`)}</span>
      </p>
    </aside>
  );
}
