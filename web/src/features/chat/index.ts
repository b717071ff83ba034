export { ChatPanel } from "./ChatPanel";
export type { Connection } from "./follower";
export { Chat, type Speaker } from "./store";
