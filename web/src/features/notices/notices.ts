/** The list of notices and how many are unread: pure functions on an immutable value. */
import type { AccountEvent, NoticeItem } from "@/lib/live/model";

export type NoticeState = {
  ready: boolean;
  failed: boolean;
  /** Newest first. */
  items: readonly NoticeItem[];
  hasMore: boolean;
  /** Of all, not only of those that are here. */
  unread: number;
};

export type NoticePage = { items: NoticeItem[]; hasMore: boolean; unread: number };

export const none: NoticeState = {
  ready: false,
  failed: false,
  items: [],
  hasMore: false,
  unread: 0,
};

export function withPage(state: NoticeState, page: NoticePage, older: boolean): NoticeState {
  const items = older ? [...state.items, ...page.items] : page.items;
  return { ...state, ...page, items, ready: true, failed: false };
}

export function withEvent(state: NoticeState, event: AccountEvent): NoticeState {
  if (event.kind === "notices-read") return withRead(state, event.ids, event.upToId);
  if (event.kind !== "notice" || !state.ready) return state;
  const { notice } = event;
  if (state.items.some(({ id }) => id === notice.id)) return state;
  const items = [notice, ...state.items];
  return { ...state, items, unread: state.unread + (notice.read ? 0 : 1) };
}

/** Those named, and all up to a number, are read. */
export function withRead(state: NoticeState, ids: readonly bigint[], upToId: bigint): NoticeState {
  const named = new Set(ids);
  let newly = 0;
  const items = state.items.map((item) => {
    if (item.read || !(named.has(item.id) || item.id <= upToId)) return item;
    newly += 1;
    return { ...item, read: true };
  });
  // All that are not here are older than those that are.
  const all = state.items[0] !== undefined && upToId >= state.items[0].id;
  return newly === 0 && !all
    ? state
    : { ...state, items, unread: all ? 0 : Math.max(0, state.unread - newly) };
}
