import { createClient } from "@connectrpc/connect";
import { CharacterService } from "@/gen/waystone/character/v1/character_pb";
import { transport } from "@/lib/transport";

export const characters = createClient(CharacterService, transport);

/** What is read under this is read anew after each change. */
export const FAMILY = "characters";
