/** What the account should see: read once, kept up to date by live events. */
import { createClient } from "@connectrpc/connect";
import { createStore } from "zustand/vanilla";
import { NotificationService } from "@/gen/waystone/notification/v1/notification_pb";
import { toNotice } from "@/lib/live/convert";
import type { Live } from "@/lib/live/live";
import type { AccountEvent, LiveEvent, NoticeItem } from "@/lib/live/model";
import { transport } from "@/lib/transport";
import { type NoticeState, none, withEvent, withPage, withRead } from "./notices";

const client = createClient(NotificationService, transport);

/** The notices of whoever is signed in. */
export class Notices {
  readonly store = createStore<NoticeState>(() => none);
  private leaveLive: (() => void) | null = null;

  constructor(private readonly live: Live) {}

  start(): void {
    this.leaveLive = this.live.subscribe((events) => this.hear(events));
  }

  stop(): void {
    this.leaveLive?.();
  }

  /** The newest page, or the one after those that are there. */
  async read(older = false): Promise<void> {
    const { items } = this.store.getState();
    const beforeId = older ? (items.at(-1)?.id ?? 0n) : 0n;
    this.store.setState({ failed: false });
    try {
      const page = await client.listNotifications({ beforeId });
      const { hasMore, unreadCount: unread } = page;
      const read = { items: page.notifications.map(toNotice), hasMore, unread };
      this.store.setState(withPage(this.store.getState(), read, older));
    } catch {
      this.store.setState({ failed: true });
    }
  }

  async markRead(notice: NoticeItem): Promise<void> {
    if (!notice.read) await this.mark([notice.id], 0n);
  }

  async markAllRead(): Promise<void> {
    const newest = this.store.getState().items[0];
    if (newest) await this.mark([], newest.id);
  }

  private async mark(ids: bigint[], upToId: bigint): Promise<void> {
    this.store.setState(withRead(this.store.getState(), ids, upToId));
    try {
      const { unreadCount: unread } = await client.markNotificationsRead({ ids, upToId });
      this.store.setState({ unread });
    } catch {
      await this.read();
    }
  }

  private hear(events: readonly LiveEvent[]): void {
    for (const heard of events) {
      if (heard.of === "account") this.hearAccount(heard.event);
      // What came before the stream, or between two, is in no event.
      else if (heard.of === "caught-up" || heard.of === "reset") {
        if (heard.topic.kind === "account") void this.read();
      }
    }
  }

  private hearAccount(event: AccountEvent): void {
    this.store.setState(withEvent(this.store.getState(), event));
  }
}
