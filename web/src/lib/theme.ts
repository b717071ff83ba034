/** Night or day, and whose engraving: attributes on <html>, remembered between visits. */
import { create } from "zustand";
import { recall, remember } from "./storage";

export type Mode = "night" | "day" | "system";
export type FactionName = "none" | "order" | "chaos" | "void";
export type Density = "cosy" | "compact";

// public/theme.js reads the first two before the first paint.
const MODE_KEY = "waystone.mode";
const FACTION_KEY = "waystone.faction";
const DENSITY_KEY = "waystone.density";

type Theme = {
  mode: Mode;
  density: Density;
  setMode: (mode: Mode) => void;
  setDensity: (density: Density) => void;
};

const prefersLight = matchMedia("(prefers-color-scheme: light)");

export const useTheme = create<Theme>((set) => ({
  mode: oneOf(recall(MODE_KEY), ["night", "day"], "system"),
  density: oneOf(recall(DENSITY_KEY), ["compact"], "cosy"),
  setMode: (mode) => {
    remember(MODE_KEY, mode);
    set({ mode });
    showMode(mode);
  },
  setDensity: (density) => {
    remember(DENSITY_KEY, density);
    set({ density });
  },
}));

prefersLight.addEventListener("change", () => showMode(useTheme.getState().mode));

/** Re-engraves the whole page. */
export function showFaction(faction: FactionName): void {
  document.documentElement.dataset.faction = faction;
  remember(FACTION_KEY, faction);
}

function showMode(mode: Mode): void {
  document.documentElement.dataset.mode =
    mode === "system" ? (prefersLight.matches ? "day" : "night") : mode;
}

function oneOf<T extends string>(
  value: string | null,
  known: T[],
  otherwise: T | "system" | "cosy",
): T {
  return (known.find((one) => one === value) ?? otherwise) as T;
}
