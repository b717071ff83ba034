/** Where the stars of the background chart stand: made from a fixed seed, alike on every screen. */

export type ChartStar = { x: number; y: number; magnitude: number };

const SEED = 0x5eed;
const RADIUS = 440;
/** Two stars closer than this would print as one. */
const APART = 17;
const FIGURE_REACH = 118;

export function chartStars(count: number): ChartStar[] {
  const random = randomFrom(SEED);
  const stars: ChartStar[] = [];
  while (stars.length < count) {
    const radius = RADIUS * Math.sqrt(random());
    const angle = random() * 2 * Math.PI;
    const star = {
      x: Math.round(radius * Math.cos(angle) * 10) / 10,
      y: Math.round(radius * Math.sin(angle) * 10) / 10,
      // Few bright stars, many faint ones.
      magnitude: Math.min(5, 1 + Math.floor(Math.log2(1 + random() * 31) * 1.02)),
    };
    if (radius > 30 && stars.every((other) => distance(star, other) > APART)) stars.push(star);
  }
  return stars;
}

/** Joins the brighter stars into figures: each to its nearest brighter neighbour within reach. */
export function chartFigures(stars: ChartStar[]): [ChartStar, ChartStar][] {
  const bright = stars.filter((star) => star.magnitude <= 3);
  return bright.flatMap((star, i): [ChartStar, ChartStar][] => {
    const near = bright
      .slice(0, i)
      .map((other) => ({ other, reach: distance(star, other) }))
      .sort((a, b) => a.reach - b.reach)[0];
    return near && near.reach < FIGURE_REACH ? [[near.other, star]] : [];
  });
}

function distance(a: ChartStar, b: ChartStar): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** Mulberry32: small, even, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
