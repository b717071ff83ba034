import { Link } from "@tanstack/react-router";
import { useRef } from "react";
import { useTranslations } from "use-intl";
import { useStore } from "zustand";
import { Icon } from "@/components/Icon";
import type { Chat } from "@/features/chat";
import type { SignedIn } from "@/lib/session";
import { You } from "./You";

type RailProps = { session: SignedIn; chat: Chat };

/** The ways around: a rail beside the plate, tabs under it on a phone. */
export function Rail({ session, chat }: RailProps) {
  const t = useTranslations("nav");
  const you = useRef<HTMLDialogElement>(null);
  const unread = useStore(chat.store, ({ log, readUpTo, ready }) =>
    ready ? Number(log.head - readUpTo) : 0,
  );
  return (
    <>
      <nav className="rail" aria-label={t("label")}>
        <Link to="/roster" className="rail-way" activeOptions={{ exact: false }}>
          <Icon name="roster" />
          <span>{t("roster")}</span>
        </Link>
        <Link to="/chat" className="rail-way">
          <Icon name="chat" />
          <span>{t("chat")}</span>
          {unread > 0 && (
            <span className="badge">
              <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
              <span className="unseen">{t("unread", { count: unread })}</span>
            </span>
          )}
        </Link>
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
