/** The schema's numbers as the names that drawings and the catalogue use. */
import type { RaceName } from "@/components/Seal";
import { Faction, Race } from "@/gen/waystone/character/v1/character_pb";
import type { FactionName } from "@/lib/theme";

const RACES: Partial<Record<Race, RaceName>> = {
  [Race.AURELIN]: "aurelin",
  [Race.DURNHAL]: "durnhal",
  [Race.NEREVI]: "nerevi",
  [Race.SYLWEN]: "sylwen",
  [Race.KHARAD]: "kharad",
  [Race.VAELUN]: "vaelun",
  [Race.ISHARI]: "ishari",
  [Race.FROSTMARK]: "frostmark",
  [Race.UMBRATH]: "umbrath",
};

const FACTIONS: Partial<Record<Faction, FactionName>> = {
  [Faction.ORDER]: "order",
  [Faction.CHAOS]: "chaos",
  [Faction.VOID]: "void",
};

/** In the order of the schema, three to a row. */
export const ALL_RACES = Object.keys(RACES).map(Number) as Race[];
export const ALL_FACTIONS = Object.keys(FACTIONS).map(Number) as Faction[];

/** A newer server may know peoples this page does not; they get a plain seal. */
export function raceName(race: Race): RaceName {
  return RACES[race] ?? "unknown";
}

export function factionName(faction: Faction): FactionName {
  return FACTIONS[faction] ?? "none";
}
