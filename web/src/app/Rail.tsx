import { Link } from "@tanstack/react-router";
import { useRef } from "react";
import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { Icon } from "@/components/Icon";
import type { Chat } from "@/features/chat";
import type { SignedIn } from "@/lib/session";
import type { DrawerToggle } from "./Frame";
import { You } from "./You";

type RailProps = {
  session: SignedIn;
  chat: Chat;
  /** On a tablet chat opens over the plate instead of taking its place. */
  drawer: DrawerToggle | null;
};

/** The ways around: a rail beside the plate, tabs under it on a phone. */
export function Rail({ session, chat, drawer }: RailProps) {
  const t = useTranslations("nav");
  const you = useRef<HTMLDialogElement>(null);
  return (
    <>
      <nav className="rail" aria-label={t("label")}>
        <Link to="/roster" className="rail-way" activeOptions={{ exact: false }}>
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
            <ChatWay chat={chat} />
          </button>
        ) : (
          <Link to="/chat" className="rail-way">
            <ChatWay chat={chat} />
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
function ChatWay({ chat }: { chat: Chat }) {
  const t = useTranslations("nav");
  const unread = useStore(chat.store, ({ log, readUpTo, ready }) =>
    ready ? Number(log.head - readUpTo) : 0,
  );
  return (
    <>
      <Icon name="chat" />
      <span>{t("chat")}</span>
      {unread > 0 && (
        <span className="badge">
          <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
          <span className="unseen">{t("unread", { count: unread })}</span>
        </span>
      )}
    </>
  );
}
