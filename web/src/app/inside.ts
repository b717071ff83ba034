import { createContext, use } from "react";
import type { House } from "@/features/characters";
import type { SignedIn } from "@/lib/session";
import type { Tidings } from "./tidings";

/** What every screen inside the frame shares. */
type Inside = {
  session: SignedIn;
  house: House;
  /** Null for a moment after signing in, while it loads. */
  tidings: Tidings | null;
  /** Keeps the peace: sees reports. */
  moderator: boolean;
  /** Shows a message where chat is: in the drawer, or on its own screen. */
  goToMessage: (channelId: bigint, sequence: bigint) => Promise<void>;
};

export const InsideContext = createContext<Inside | null>(null);

export function useInside(): Inside {
  const inside = use(InsideContext);
  if (!inside) throw new Error("this screen belongs inside the frame");
  return inside;
}
