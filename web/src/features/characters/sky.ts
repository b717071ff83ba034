/** Where a house's stars stand: the nth character always has the nth place. */

export type Place = { x: number; y: number };

export const SKY_WIDTH = 720;
export const SKY_HEIGHT = 400;

// Drawn by hand so that every number of stars, from one to twelve, joins into a pleasing figure:
// a long bow from the lower left, a crown, and a tail back to the right.
const PLACES: readonly [number, number][] = [
  [96, 240],
  [196, 166],
  [296, 228],
  [372, 130],
  [470, 188],
  [548, 92],
  [640, 160],
  [600, 262],
  [498, 306],
  [386, 340],
  [268, 352],
  [162, 338],
];

export function placeOf(index: number): Place {
  const [x, y] = PLACES[index % PLACES.length] ?? [0, 0];
  return { x, y };
}

export type View = Place & { width: number; height: number };

/** The part of the chart to show: a young house near, the whole figure of an old one. */
export function viewOf(count: number, narrow: boolean): View {
  const places = Array.from({ length: Math.max(1, count) }, (_, index) => placeOf(index));
  const xs = places.map((place) => place.x);
  const ys = places.map((place) => place.y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  // Names reach about this far beyond a star.
  const beside = narrow ? 60 : 110;
  const over = 80;
  const least = narrow ? 340 : 620;
  const width = Math.max(least, right - left + 2 * beside);
  const height = Math.max((width * SKY_HEIGHT) / SKY_WIDTH, bottom - top + 2 * over);
  return { x: (left + right - width) / 2, y: (top + bottom - height) / 2, width, height };
}

/** A star's radius by level: it grows quickly at first, and never out of the chart. */
export function starRadius(level: number): number {
  return Math.min(26, 13 + 3 * Math.log2(Math.max(1, level)));
}
