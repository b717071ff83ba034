/** The characters of the signed-in account, and which of them acts. */
import { useQuery } from "@tanstack/react-query";
import { create } from "zustand";
import type { Character } from "@/gen/waystone/character/v1/character_pb";
import { recall, remember } from "@/lib/storage";
import { FAMILY, characters as service } from "./calls";

/** The most a house can hold (ListCharacters says so). */
export const HOUSE_MOST = 12;

type Chosen = {
  /** Per account; an account may be missing here and still have a remembered choice. */
  byAccount: Record<string, string>;
  choose: (accountId: bigint, characterId: bigint) => void;
};

const useChosen = create<Chosen>((set) => ({
  byAccount: {},
  choose: (accountId, characterId) => {
    const account = String(accountId);
    remember(choiceKey(account), String(characterId));
    set((state) => ({ byAccount: { ...state.byAccount, [account]: String(characterId) } }));
  },
}));

function choiceKey(account: string): string {
  return `waystone.character.${account}`;
}

export type House = {
  characters: Character[];
  /** Who acts: the one chosen, or the oldest; null in an empty house. */
  speaker: Character | null;
  choose: (character: Character) => void;
  isPending: boolean;
  error: unknown;
  refetch: () => void;
};

const NOBODY: Character[] = [];

export function useHouse(accountId: bigint): House {
  const account = String(accountId);
  const { data, isPending, error, refetch } = useQuery({
    queryKey: [FAMILY, account],
    queryFn: () => service.listCharacters({}),
  });
  const { byAccount, choose } = useChosen();
  const characters = data?.characters ?? NOBODY;
  const chosen = byAccount[account] ?? recall(choiceKey(account));
  const speaker = characters.find((one) => String(one.id) === chosen) ?? characters[0] ?? null;
  return {
    characters,
    speaker,
    choose: (character) => choose(accountId, character.id),
    isPending,
    error,
    refetch: () => void refetch(),
  };
}
