import type { ChannelInfo, Line } from "@/lib/live/model";

/** Which dialog of the chat is open. */
export type OpenDialog =
  | "create"
  | "find"
  | "whisper"
  | { report: Line }
  | { remove: Line }
  | { sanction: Line; channel: Pick<ChannelInfo, "id" | "name"> }
  | { change: ChannelInfo }
  | { slow: ChannelInfo };
