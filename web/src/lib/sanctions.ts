/** Sanctions as moderators choose them: at the table, and where things are said. */
import { SanctionKind } from "@/gen/waystone/moderation/v1/moderation_pb";

export const SANCTIONS = ["mute", "ban", "muteEverywhere", "banEverywhere"] as const;
export type SanctionName = (typeof SANCTIONS)[number];

/** How long a sanction lasts, in seconds; 0: for ever. */
export const DURATIONS = {
  hour: 3_600n,
  day: 86_400n,
  week: 604_800n,
  month: 2_592_000n,
  ever: 0n,
} as const;

export type DurationName = keyof typeof DURATIONS;

/** What is chosen, as the schema has it. */
export function sanctionOf(choice: SanctionName, channelId: bigint, duration: DurationName) {
  return {
    kind: choice.startsWith("ban") ? SanctionKind.BAN : SanctionKind.MUTE,
    channelId: choice.endsWith("Everywhere") ? 0n : channelId,
    durationSeconds: DURATIONS[duration],
  };
}
