import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Glyph } from "@/components/Glyph";
import { Icon } from "@/components/Icon";
import { Seal } from "@/components/Seal";
import type { Character } from "@/gen/waystone/character/v1/character_pb";
import { factionName, raceName } from "./names";

type CharacterCardProps = {
  character: Character;
  chosen: boolean;
  onChoose: () => void;
  onRemove: () => void;
};

export function CharacterCard({ character, chosen, onChoose, onRemove }: CharacterCardProps) {
  const t = useTranslations();
  const format = useFormatter();
  const race = raceName(character.race);
  const faction = factionName(character.faction);
  const joined = character.createdAt ? timestampDate(character.createdAt) : null;
  return (
    <li className={`card ${chosen ? "card-chosen" : ""}`}>
      <Seal race={race} />
      <div className="card-words">
        <h2>{character.name}</h2>
        <p>
          {t(`races.${race}.name`)} <span aria-hidden="true">·</span>{" "}
          <Glyph faction={faction} className="glyph-inline" /> {t(`factions.${faction}.name`)}
        </p>
        <p className="muted">
          {t("roster.level", { level: character.level })}
          {joined &&
            ` · ${t("roster.joined", { date: format.dateTime(joined, { dateStyle: "medium" }) })}`}
        </p>
        <div className="card-acts">
          {chosen ? (
            <p className="card-speaks">
              <Icon name="check" />
              {t("roster.chosen", { name: character.name })}
            </p>
          ) : (
            <Button onClick={onChoose}>{t("roster.choose", { name: character.name })}</Button>
          )}
          <Button look="quiet" onClick={onRemove}>
            {t("roster.remove")}
            <span className="unseen"> {character.name}</span>
          </Button>
        </div>
      </div>
    </li>
  );
}
