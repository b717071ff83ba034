import { Chat } from "@/features/chat/store";
import { Notices } from "@/features/notices";
import { Live } from "@/lib/live/live";

/** The event stream of a session and what hears it. */
export class Tidings {
  readonly live: Live;
  readonly chat: Chat;
  readonly notices: Notices;

  constructor(accountId: bigint) {
    this.live = new Live(accountId);
    this.chat = new Chat(this.live, accountId);
    this.notices = new Notices(this.live);
  }

  start(): void {
    this.live.start();
    this.notices.start();
    void this.chat.start();
  }

  stop(): void {
    this.chat.stop();
    this.notices.stop();
    this.live.stop();
  }
}
