import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Field } from "@/components/Field";
import { Glyph } from "@/components/Glyph";
import { PlateGround } from "@/components/Plate";
import { Seal } from "@/components/Seal";
import { Faction, Race } from "@/gen/waystone/character/v1/character_pb";
import { ChoiceGrid } from "./ChoiceGrid";
import { ALL_FACTIONS, ALL_RACES, factionName, raceName } from "./names";

type RaceStepProps = { race: Race; onChange: (race: Race) => void; children: ReactNode };

export function RaceStep({ race, onChange, children }: RaceStepProps) {
  const t = useTranslations();
  return (
    <>
      <h2>{t("creation.raceLegend")}</h2>
      <ChoiceGrid
        legend={t("creation.race")}
        values={ALL_RACES}
        chosen={race === Race.UNSPECIFIED ? null : race}
        columns={3}
        className="choices-race"
        onChoose={onChange}
        nameOf={(one) => t(`races.${raceName(one)}.name`)}
        draw={(one) => (
          <>
            <Seal race={raceName(one)} />
            <span className="choice-name">{t(`races.${raceName(one)}.name`)}</span>
          </>
        )}
      />
      <p className="creation-line" aria-live="polite">
        {race !== Race.UNSPECIFIED && `${t(`races.${raceName(race)}.line`)}.`}
      </p>
      <div className="creation-acts">{children}</div>
    </>
  );
}

type FactionStepProps = {
  faction: Faction;
  onChange: (faction: Faction) => void;
  children: ReactNode;
};

export function FactionStep({ faction, onChange, children }: FactionStepProps) {
  const t = useTranslations();
  return (
    <>
      <h2>{t("creation.factionLegend")}</h2>
      <ChoiceGrid
        legend={t("creation.faction")}
        values={ALL_FACTIONS}
        chosen={faction === Faction.UNSPECIFIED ? null : faction}
        columns={1}
        className="choices-faction"
        onChoose={onChange}
        nameOf={(one) => t(`factions.${factionName(one)}.name`)}
        draw={(one) => (
          <span className="sample" data-faction={factionName(one)}>
            <PlateGround />
            <Glyph faction={factionName(one)} />
            <span className="choice-name">{t(`factions.${factionName(one)}.name`)}</span>
            <span className="sample-line">{t(`factions.${factionName(one)}.line`)}</span>
          </span>
        )}
      />
      <div className="creation-acts">{children}</div>
    </>
  );
}

type NameStepProps = {
  name: string;
  error: string | null;
  onChange: (name: string) => void;
  onBlur: () => void;
  onSubmit: () => void;
  children: ReactNode;
};

export function NameStep({ name, error, onChange, onBlur, onSubmit, children }: NameStepProps) {
  const t = useTranslations("creation");
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <h2>{t("nameLegend")}</h2>
      <Field
        label={t("name")}
        hint={t("nameHint")}
        error={error}
        value={name}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        onBlur={() => name !== "" && onBlur()}
      />
      <div className="creation-acts">{children}</div>
    </form>
  );
}
