import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { VListHandle } from "virtua";
import type { ChatLog } from "./log";
import type { Chat } from "./store";

/** Closer than this to the end counts as being there. */
const END_PX = 40;

/**
 * Keeps the newest line in view while the player is at the end, and leaves a reader in peace.
 *
 * Only scrolling up lets go of the end: lines that grow when they are measured, or a composer that
 * takes more room, move the end away too, and are followed. A composer that gives room back can bring
 * the end to the reader without any scrolling. The end of a stretch that does not reach the present
 * is no end to stay at.
 */
export function useEnd(chat: Chat, log: ChatLog, rowCount: number) {
  const list = useRef<VListHandle>(null);
  const [atEnd, setAtEnd] = useState(true);
  const held = useRef(true);
  const lastOffset = useRef(0);
  const lastHeight = useRef(0);
  const { hasNewer } = log;

  const look = useCallback(
    () => chat.watch(held.current && !hasNewer && document.visibilityState === "visible"),
    [chat, hasNewer],
  );

  const hold = useCallback(
    (holding: boolean) => {
      held.current = holding;
      setAtEnd(holding);
      look();
    },
    [look],
  );

  const follow = useCallback(() => {
    if (held.current && rowCount > 0) list.current?.scrollToIndex(rowCount - 1, { align: "end" });
  }, [rowCount]);

  const toEnd = useCallback(() => {
    hold(true);
    follow();
  }, [hold, follow]);

  const letGo = useCallback(() => hold(false), [hold]);

  const isNear = useCallback(
    (view: VListHandle) =>
      view.scrollSize - view.viewportSize - view.scrollOffset < END_PX && !hasNewer,
    [hasNewer],
  );

  const onScroll = useCallback(
    (offset: number) => {
      const view = list.current;
      const wentUp = offset < lastOffset.current - 1;
      lastOffset.current = offset;
      if (!view) return;
      const near = isNear(view);
      if (near !== held.current && (near || wentUp)) hold(near);
    },
    [hold, isNear],
  );

  const onResize = useCallback(() => {
    const view = list.current;
    if (!view) return;
    const grew = view.viewportSize > lastHeight.current;
    lastHeight.current = view.viewportSize;
    if (grew && !held.current && isNear(view)) hold(true);
    follow();
  }, [follow, hold, isNear]);

  const newest = log.lines.at(-1)?.sequence;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line is what makes it run.
  useLayoutEffect(follow, [newest, follow]);

  // Saying something brings one's own line into view, wherever one was reading.
  const said = useRef(log.pending.length);
  useLayoutEffect(() => {
    if (log.pending.length > said.current) toEnd();
    said.current = log.pending.length;
  }, [log.pending.length, toEnd]);

  useEffect(() => {
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      chat.watch(false);
    };
  }, [chat, look]);

  return { list, atEnd, toEnd, letGo, onScroll, onResize };
}
