import { chartStars } from "@/components/chart";
import { Seal } from "@/components/Seal";
import { starPath } from "@/components/Sky";
import type { Character } from "@/gen/waystone/character/v1/character_pb";
import { useMedia } from "@/lib/useMedia";
import { raceName } from "./names";
import { placeOf, SKY_HEIGHT, SKY_WIDTH, starRadius, viewOf } from "./sky";

type ConstellationProps = {
  characters: Character[];
  speaker: Character | null;
  onChoose: (character: Character) => void;
};

/**
 * The house as a figure of stars, joined by the family's thread. A picture with a twin: the list
 * beside it offers the same choice to keyboards and readers, so this one is hidden from them.
 */
export function Constellation({ characters, speaker, onChoose }: ConstellationProps) {
  const view = viewOf(characters.length, useMedia("(max-width: 40rem)"));
  const places = characters.map((_, index) => placeOf(index));
  const thread = places.map(({ x, y }) => `${x} ${y}`).join("L");
  return (
    <svg
      className="constellation"
      viewBox={`${view.x} ${view.y} ${view.width} ${view.height}`}
      aria-hidden="true"
      focusable="false"
    >
      <Graticule />
      {places.length > 1 && <path className="thread" d={`M${thread}`} pathLength="1" />}
      {characters.map((character, index) => (
        <Star
          key={String(character.id)}
          character={character}
          index={index}
          chosen={character.id === speaker?.id}
          onChoose={() => onChoose(character)}
        />
      ))}
    </svg>
  );
}

type StarProps = { character: Character; index: number; chosen: boolean; onChoose: () => void };

function Star({ character, index, chosen, onChoose }: StarProps) {
  const { x, y } = placeOf(index);
  const radius = starRadius(character.level);
  const above = y > SKY_HEIGHT / 2;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the list beside the figure is its twin.
    <g className={`figure-star ${chosen ? "figure-star-chosen" : ""}`} onClick={onChoose}>
      <circle className="figure-halo" cx={x} cy={y} r={radius + 11} />
      <path className="figure-rays" d={starPath(x, y, radius, 8)} />
      <svg x={x - 20} y={above ? y + 24 : y - 64} width="40" height="40" role="presentation">
        <Seal race={raceName(character.race)} />
      </svg>
      <text x={x} y={above ? y - 24 : y + 38}>
        {character.name}
      </text>
    </g>
  );
}

const field = chartStars(110);

/** Arcs of declination and lines of right ascension, seen from a pole below the frame. */
function Graticule() {
  const pole = { x: SKY_WIDTH / 2, y: SKY_HEIGHT + 210 };
  const meridians = Array.from({ length: 19 }, (_, i) => -72 + i * 8);
  return (
    <>
      <g className="figure-field">
        {field.map(({ x, y, magnitude }) => (
          <circle
            key={`${x} ${y}`}
            cx={SKY_WIDTH / 2 + x}
            cy={SKY_HEIGHT / 2 + y * 0.7}
            r={2.4 - magnitude * 0.35}
          />
        ))}
      </g>
      <g className="graticule">
        {[100, 180, 260, 340, 420, 500, 580, 660, 740].map((radius) => (
          <circle key={radius} cx={pole.x} cy={pole.y} r={radius} />
        ))}
        {meridians.map((degrees) => (
          <path
            key={degrees}
            d={`M${pole.x} ${pole.y - 100}V${pole.y - 740}`}
            transform={`rotate(${degrees} ${pole.x} ${pole.y})`}
          />
        ))}
      </g>
    </>
  );
}
