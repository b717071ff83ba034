import { useMemo, useRef } from "react";
import { useChat, useChatState } from "./context";
import type { ChatLog } from "./log";
import type { Person } from "./mentions";

/** Speakers further back than this are not offered. */
const LINES_LOOKED_AT = 500;

/**
 * Whom one can mention in the open channel: those who spoke lately and those who are there. The same
 * array as long as nobody new comes, so that a new line draws nothing but itself.
 */
export function usePeople(channelId: bigint, log: ChatLog): readonly Person[] {
  const { family } = useChat();
  const present = useChatState((state) => state.presence.get(channelId));
  const last = useRef<readonly Person[]>([]);
  return useMemo(() => {
    const names = new Map<bigint, string>();
    for (const line of log.lines.slice(-LINES_LOOKED_AT).reverse()) {
      if (!names.has(line.characterId)) names.set(line.characterId, line.characterName);
    }
    for (const { characterId, name } of present?.people?.values() ?? []) {
      names.set(characterId, name);
    }
    for (const { id, name } of family) names.set(id, name);
    const now = [...names].map(([id, name]) => ({ id, name }));
    const before = new Map(last.current.map(({ id, name }) => [id, name]));
    const same = now.length === before.size && now.every(({ id, name }) => before.get(id) === name);
    if (!same) last.current = now;
    return last.current;
  }, [log.lines, present, family]);
}
