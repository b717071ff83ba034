import type { Line } from "@/lib/live/model";

/** Which dialog of the chat is open. */
export type OpenDialog = "create" | "find" | "whisper" | { report: Line } | { remove: Line };
