// Recomputes the contrast of every text and control token on every surface, in all six themes,
// from the style sheet itself.
import { describe, expect, it } from "vitest";
import css from "./tokens.css?raw";

const COMMENT = /\/\*[\s\S]*?\*\//g;

type Oklch = [lightness: number, chroma: number, hue: number];

/** Every declaration of the rules that list exactly this selector, later ones winning. */
function rule(selector: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, selectors = "", body = ""] of css
    .replace(COMMENT, "")
    .matchAll(/([^{}]+)\{([^}]*)\}/g)) {
    if (!selectors.split(",").some((one) => one.trim() === selector)) continue;
    for (const [, name = "", value = ""] of body.matchAll(/(--[\w-]+):\s*([^;]+);/g))
      found.set(name, value);
  }
  return found;
}

function theme(mode: string, faction: string): (token: string) => Oklch {
  const tokens = new Map([
    ...rule("[data-faction]"),
    ...rule(`[data-faction="${faction}"]`),
    ...rule(`[data-mode="${mode}"][data-faction]`),
    ...(faction === "order" ? [] : rule(`[data-mode="${mode}"][data-faction="${faction}"]`)),
  ]);
  const hue = hueOf(faction);
  return function read(token: string): Oklch {
    const value = tokens.get(token) ?? "";
    const reference = /^var\((--[\w-]+)\)$/.exec(value)?.[1];
    if (reference) return read(reference);
    const parts = /^oklch\(([\d.]+) ([\d.]+) (.+)\)$/.exec(value);
    if (!parts) throw new Error(`${token} of ${mode} ${faction} is not a colour: '${value}'`);
    return [Number(parts[1]), Number(parts[2]), parts[3] === "var(--hue)" ? hue : Number(parts[3])];
  };
}

function hueOf(faction: string): number {
  const own = faction === "order" ? undefined : rule(`[data-faction="${faction}"]`).get("--hue");
  return Number(own ?? rule("[data-faction]").get("--hue"));
}

/** Linear sRGB, clamped to what a screen can show (Ottosson's OKLab matrices). */
function linear([lightness, chroma, hue]: Oklch): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (x: number) => Math.min(1, Math.max(0, x));
  return [
    clamp(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    clamp(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    clamp(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function contrast(one: Oklch, other: Oklch): number {
  const luminance = (c: Oklch) => {
    const [r, g, b] = linear(c);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [light, dark] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [
    number,
    number,
  ];
  return (light + 0.05) / (dark + 0.05);
}

const themes = ["night", "day"].flatMap((mode) => ["order", "chaos", "void"].map((f) => [mode, f]));

describe.each(themes)("%s %s", (mode, faction) => {
  const token = theme(mode as string, faction as string);
  const surfaces = ["--ground", "--plate", "--raised"];

  const least = (name: string) =>
    Math.min(...surfaces.map((surface) => contrast(token(name), token(surface))));

  it("ink and muted text can be read", () => {
    expect(least("--ink")).toBeGreaterThanOrEqual(11.9);
    expect(least("--muted")).toBeGreaterThanOrEqual(6.5);
  });

  it.each(["--accent", "--hearth", "--danger", "--ok", "--warn", "--info"])(
    "%s text can be read",
    (name) => {
      expect(least(name)).toBeGreaterThanOrEqual(5.2);
    },
  );

  it("edges of controls can be seen", () => {
    expect(least("--edge")).toBeGreaterThanOrEqual(3.7);
  });

  it("text on accent can be read", () => {
    expect(contrast(token("--on-accent"), token("--accent"))).toBeGreaterThanOrEqual(4.5);
  });
});
