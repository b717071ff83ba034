import { type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { Plate, PlateTitle } from "@/components/Plate";
import type { Character } from "@/gen/waystone/character/v1/character_pb";
import { CharacterCard } from "./CharacterCard";
import { Constellation } from "./Constellation";
import { HOUSE_MOST, type House } from "./house";
import { RemoveDialog } from "./RemoveDialog";

type RosterProps = {
  house: House;
  houseName: string;
  /** The way to creation; the route knows where that is. */
  addLink: (label: string) => ReactNode;
};

export function Roster({ house, houseName, addLink }: RosterProps) {
  const t = useTranslations("roster");
  const [removing, setRemoving] = useState<Character | null>(null);
  const [removed, setRemoved] = useState<string | null>(null);
  const { characters, isPending, error } = house;
  const empty = characters.length === 0;

  return (
    <Plate className="roster">
      <PlateTitle number={t("plate")} title={t("title", { name: houseName })}>
        {!isPending && !error && (
          <p className="lettering">{t("count", { count: characters.length, most: HOUSE_MOST })}</p>
        )}
      </PlateTitle>
      {removed && <Notice kind="done">{t("removed", { name: removed })}</Notice>}
      {error ? (
        <Unread onAgain={house.refetch} />
      ) : isPending ? (
        <div className="skeleton" aria-busy="true" />
      ) : empty ? (
        <EmptyHouse link={addLink(t("first"))} />
      ) : (
        <div className="roster-body">
          <Constellation characters={characters} speaker={house.speaker} onChoose={house.choose} />
          <div className="roster-list">
            <ul aria-label={t("list")}>
              {characters.map((character) => (
                <CharacterCard
                  key={String(character.id)}
                  character={character}
                  chosen={character.id === house.speaker?.id}
                  onChoose={() => house.choose(character)}
                  onRemove={() => setRemoving(character)}
                />
              ))}
            </ul>
            {characters.length < HOUSE_MOST ? (
              addLink(t("add"))
            ) : (
              <p className="muted">{t("full")}</p>
            )}
          </div>
        </div>
      )}
      {removing && (
        <RemoveDialog
          character={removing}
          onClose={() => setRemoving(null)}
          onRemoved={() => setRemoved(removing.name)}
        />
      )}
    </Plate>
  );
}

function Unread({ onAgain }: { onAgain: () => void }) {
  const t = useTranslations("roster");
  return (
    <div className="quiet">
      <Notice>{t("failed")}</Notice>
      <Button onClick={onAgain}>{t("again")}</Button>
    </div>
  );
}

/** Bare plate with the place of the first star marked on it. */
function EmptyHouse({ link }: { link: ReactNode }) {
  const t = useTranslations("roster");
  return (
    <div className="quiet">
      <svg className="first-star" viewBox="-60 -60 120 120" aria-hidden="true" focusable="false">
        <circle r="46" pathLength="120" strokeDasharray="1 4" />
        <circle r="30" />
        <path d="M0-58v18M0 40v18M-58 0h18M40 0h18" />
        <path className="figure-rays" d="M0-22L4-4 22 0 4 4 0 22-4 4-22 0-4-4z" />
      </svg>
      <h2>{t("emptyTitle")}</h2>
      <p>{t("empty")}</p>
      {link}
    </div>
  );
}
