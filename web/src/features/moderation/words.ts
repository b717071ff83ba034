/** The schema's numbers as the names of the catalogue. */
import {
  FilterAction,
  ReportReason,
  ReportState,
  SanctionKind,
} from "@/gen/waystone/moderation/v1/moderation_pb";

export function reasonName(reason: ReportReason) {
  return REASONS[reason] ?? "other";
}

const REASONS = {
  [ReportReason.UNSPECIFIED]: "other",
  [ReportReason.SPAM]: "spam",
  [ReportReason.HARASSMENT]: "harassment",
  [ReportReason.HATE]: "hate",
  [ReportReason.THREAT]: "threat",
  [ReportReason.PRIVACY]: "privacy",
  [ReportReason.FRAUD]: "fraud",
  [ReportReason.OTHER]: "other",
} as const;

export function stateName(state: ReportState) {
  return STATES[state] ?? "open";
}

const STATES = {
  [ReportState.UNSPECIFIED]: "open",
  [ReportState.OPEN]: "open",
  [ReportState.UPHELD]: "upheld",
  [ReportState.DISMISSED]: "dismissed",
} as const;

export function sanctionName(kind: SanctionKind) {
  return kind === SanctionKind.BAN ? "ban" : "mute";
}

export function actionName(action: FilterAction) {
  return ACTIONS[action] ?? "refuse";
}

const ACTIONS = {
  [FilterAction.UNSPECIFIED]: "refuse",
  [FilterAction.REFUSE]: "refuse",
  [FilterAction.MASK]: "mask",
  [FilterAction.REPORT]: "report",
} as const;
