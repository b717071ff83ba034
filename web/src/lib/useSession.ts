import { useSyncExternalStore } from "react";
import type { SessionState, SignedIn } from "./session";
import { keeper } from "./transport";

export function useSessionState(): SessionState {
  return useSyncExternalStore(keeper.subscribe, keeper.getState);
}

/** The session of a screen that is only shown to signed-in players. */
export function useSignedIn(): SignedIn | null {
  const state = useSessionState();
  return state.status === "signed-in" ? state.session : null;
}
