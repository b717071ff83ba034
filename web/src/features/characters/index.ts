export { Creation, STEPS, type Step } from "./Creation";
export { type House, useHouse } from "./house";
export { factionName, raceName } from "./names";
export { Roster } from "./Roster";
