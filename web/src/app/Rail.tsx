import { useRef } from "react";
import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { Icon } from "@/components/Icon";
import { unreadTotal } from "@/features/chat/channels";
import type { DrawerToggle } from "./Frame";
import { useInside } from "./inside";
import { Link } from "./router";
import type { Tidings } from "./tidings";
import { You } from "./You";

type RailProps = {
  /** On a tablet chat opens over the plate instead of taking its place. */
  drawer: DrawerToggle | null;
};

/** The ways around: a rail beside the plate, tabs under it on a phone. */
export function Rail({ drawer }: RailProps) {
  const t = useTranslations("nav");
  const { session, moderator } = useInside();
  const you = useRef<HTMLDialogElement>(null);
  return (
    <>
      <nav className="rail" aria-label={t("label")}>
        <Link to="/roster" className="rail-way">
          <Icon name="roster" />
          <span>{t("roster")}</span>
        </Link>
        {drawer ? (
          <button
            type="button"
            className="rail-way"
            aria-expanded={drawer.open}
            aria-controls="drawer"
            onClick={() => drawer.set(!drawer.open)}
          >
            <ChatWay />
          </button>
        ) : (
          <Link to="/chat" className="rail-way">
            <ChatWay />
          </Link>
        )}
        <Link to="/notices" className="rail-way">
          <NoticesWay />
        </Link>
        {moderator && (
          <Link to="/moderation" className="rail-way">
            <Icon name="scales" />
            <span>{t("moderation")}</span>
          </Link>
        )}
        <button
          type="button"
          className="rail-way rail-you"
          aria-haspopup="dialog"
          onClick={() => you.current?.showModal()}
        >
          <Icon name="you" />
          <span>{t("you")}</span>
        </button>
      </nav>
      <You ref={you} session={session} />
    </>
  );
}

/** What stands on the way to chat: its sign, its name and how much is unread. */
function ChatWay() {
  const t = useTranslations("nav");
  const { tidings } = useInside();
  return (
    <>
      <Icon name="chat" />
      <span>{t("chat")}</span>
      {tidings && <UnreadBadge tidings={tidings} />}
    </>
  );
}

function NoticesWay() {
  const t = useTranslations("nav");
  const { tidings } = useInside();
  return (
    <>
      <Icon name="bell" />
      <span>{t("notices")}</span>
      {tidings && <NoticesBadge tidings={tidings} />}
    </>
  );
}

function UnreadBadge({ tidings }: { tidings: Tidings }) {
  const t = useTranslations("nav");
  const unread = useStore(tidings.chat.store, ({ channels }) => unreadTotal(channels).unread);
  return <Badge count={unread} words={t("unread", { count: unread })} />;
}

function NoticesBadge({ tidings }: { tidings: Tidings }) {
  const t = useTranslations("nav");
  const unread = useStore(tidings.notices.store, (state) => state.unread);
  return <Badge count={unread} words={t("unreadNotices", { count: unread })} />;
}

function Badge({ count, words }: { count: number; words: string }) {
  if (count === 0) return null;
  return (
    <span className="badge">
      <span aria-hidden="true">{count > 99 ? "99+" : count}</span>
      <span className="unseen">{words}</span>
    </span>
  );
}
