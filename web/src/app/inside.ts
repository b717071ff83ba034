import { createContext, use } from "react";
import type { House } from "@/features/characters";
import type { Chat } from "@/features/chat";
import type { SignedIn } from "@/lib/session";

/** What every screen inside the frame shares. */
type Inside = { session: SignedIn; house: House; chat: Chat };

export const InsideContext = createContext<Inside | null>(null);

export function useInside(): Inside {
  const inside = use(InsideContext);
  if (!inside) throw new Error("this screen belongs inside the frame");
  return inside;
}
