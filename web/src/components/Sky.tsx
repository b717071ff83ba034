/** The chart behind the plates: a polar star chart, engraved, the same for everybody. */
import { type ChartStar, chartFigures, chartStars } from "./chart";

type SkyProps = { drifting?: boolean; className?: string };

const stars = chartStars(190);
const figures = chartFigures(stars);
const NUMERALS = ["XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI"];
const CIRCLES = [90, 180, 270, 360, 450];

export function Sky({ drifting = false, className = "" }: SkyProps) {
  return (
    <svg
      className={`sky ${drifting ? "sky-drifting" : ""} ${className}`}
      viewBox="-560 -560 1120 1120"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      <Hatches />
      <g className="sky-turning">
        <Houses />
        <g className="sky-lines">
          {CIRCLES.map((radius) => (
            <circle key={radius} r={radius} />
          ))}
          {NUMERALS.map((numeral, hour) => (
            <path key={numeral} d="M0 -36V-450" transform={`rotate(${hour * 30})`} />
          ))}
        </g>
        <circle className="sky-ecliptic" cx="58" cy="-34" r="318" />
        {figures.map(([from, to]) => (
          <path
            key={`${from.x} ${to.x}`}
            className="sky-figure"
            d={`M${from.x} ${from.y}L${to.x} ${to.y}`}
          />
        ))}
        {stars.map((star) => (
          <Star key={`${star.x} ${star.y}`} {...star} />
        ))}
      </g>
    </svg>
  );
}

/** The outer band: twelve houses, four of each divine faction's hatch. */
function Houses() {
  return (
    <g className="sky-band">
      {["dots", "strokes", "diagonals"].map((hatch, third) => (
        <path
          key={hatch}
          d={arc(452, 484, third * 120 + 3, third * 120 + 117)}
          fill={`url(#sky-${hatch})`}
        />
      ))}
      <circle r="450" />
      <circle r="486" />
      <circle className="sky-ticks" r="492" pathLength="360" />
      <circle className="sky-ticks-long" r="495" pathLength="360" />
      {NUMERALS.map((numeral, hour) => (
        <text key={numeral} y="-506" transform={`rotate(${hour * 30})`}>
          {numeral}
        </text>
      ))}
    </g>
  );
}

function Hatches() {
  return (
    <defs>
      <pattern id="sky-dots" width="7" height="7" patternUnits="userSpaceOnUse">
        <circle cx="3.5" cy="3.5" r="0.9" />
      </pattern>
      <pattern id="sky-strokes" width="5" height="5" patternUnits="userSpaceOnUse">
        <path d="M.5 0v5" />
      </pattern>
      <pattern
        id="sky-diagonals"
        width="6"
        height="6"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <path d="M.5 0v6" />
      </pattern>
    </defs>
  );
}

/** Brighter stars get more rays, as printed charts do. */
function Star({ x, y, magnitude }: ChartStar) {
  if (magnitude > 3) return <circle className="sky-star" cx={x} cy={y} r={4.6 - magnitude * 0.7} />;
  const radius = 10.5 - magnitude * 2.2;
  return <path className="sky-star" d={starPath(x, y, radius, magnitude === 1 ? 8 : 6)} />;
}

export function starPath(x: number, y: number, radius: number, rays: number): string {
  const points = Array.from({ length: rays * 2 }, (_, i) => {
    const reach = i % 2 === 0 ? radius * (rays === 8 && i % 4 === 2 ? 0.62 : 1) : radius * 0.3;
    const angle = (i * Math.PI) / rays - Math.PI / 2;
    return `${(x + reach * Math.cos(angle)).toFixed(1)} ${(y + reach * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${points.join("L")}z`;
}

function arc(inner: number, outer: number, from: number, to: number): string {
  const point = (radius: number, degrees: number) => {
    const angle = ((degrees - 90) * Math.PI) / 180;
    return `${(radius * Math.cos(angle)).toFixed(1)} ${(radius * Math.sin(angle)).toFixed(1)}`;
  };
  return [
    `M${point(outer, from)}`,
    `A${outer} ${outer} 0 0 1 ${point(outer, to)}`,
    `L${point(inner, to)}`,
    `A${inner} ${inner} 0 0 0 ${point(inner, from)}z`,
  ].join("");
}
