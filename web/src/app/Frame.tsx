/** The frame around every screen of a signed-in player: connection line, rail, plate, chat. */
import { Outlet, useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Sky } from "@/components/Sky";
import { factionName, useHouse } from "@/features/characters";
import { Chat } from "@/features/chat";
import type { SignedIn } from "@/lib/session";
import { showFaction } from "@/lib/theme";
import { MEDIUM, useMedia, WIDE } from "@/lib/useMedia";
import { useSignedIn } from "@/lib/useSession";
import { ConnectionLine } from "./ConnectionLine";
import { InsideContext } from "./inside";
import { Rail } from "./Rail";

// The drawer comes after the plate: nobody waits for it to see the first screen.
const ChatPlace = lazy(() => import("./ChatPlace").then((it) => ({ default: it.ChatPlace })));

export function Frame() {
  const session = useSignedIn();
  // Signing out empties this before the router has left the frame.
  return session && <FrameOf key={String(session.accountId)} session={session} />;
}

function FrameOf({ session }: { session: SignedIn }) {
  const t = useTranslations("common");
  const house = useHouse(session.accountId);
  const chat = useChat(session.accountId);
  const { pathname } = useLocation();
  const drawer = useDrawer(pathname);
  const main = useFocusOnChange(pathname);
  const inside = useMemo(() => ({ session, house, chat }), [session, house, chat]);

  const creating = pathname === "/roster/new";
  const faction = house.speaker ? factionName(house.speaker.faction) : "none";
  const known = !house.isPending;
  useEffect(() => {
    // The creation screen engraves the page itself; a house not read yet keeps the last engraving.
    if (known && !creating) showFaction(faction);
  }, [faction, known, creating]);

  return (
    <InsideContext value={inside}>
      <div className={`frame ${drawer.kind === "beside" ? "frame-drawer" : ""}`}>
        <a className="skip" href="#main">
          {t("skip")}
        </a>
        <ConnectionLine chat={chat} />
        <Rail session={session} chat={chat} drawer={drawer.toggle} />
        <div className="frame-sky">
          <Sky />
        </div>
        <main id="main" ref={main} tabIndex={-1}>
          <Outlet />
        </main>
        {drawer.kind !== "none" && <Drawer over={drawer.kind === "over"} toggle={drawer.toggle} />}
      </div>
    </InsideContext>
  );
}

export type DrawerToggle = { open: boolean; set: (open: boolean) => void };

/** Beside the plate where there is room, over it on a tablet once opened, else none. */
function useDrawer(pathname: string) {
  const wide = useMedia(WIDE);
  const medium = useMedia(MEDIUM);
  const [open, set] = useState(false);
  // The chat's own screen needs no second chat.
  const fits = pathname !== "/chat";
  const toggle: DrawerToggle | null = fits && medium ? { open, set } : null;
  const kind = fits && wide ? "beside" : toggle?.open ? "over" : "none";
  return { kind, toggle } as const;
}

function Drawer({ over, toggle }: { over: boolean; toggle: DrawerToggle | null }) {
  const t = useTranslations("chat");
  return (
    <aside
      id="drawer"
      className={`drawer ${over ? "drawer-over" : ""}`}
      aria-label={t("title")}
      onKeyDown={(event) => event.key === "Escape" && toggle?.set(false)}
    >
      <Suspense>
        <ChatPlace />
      </Suspense>
    </aside>
  );
}

/** The chat of a session: it starts with the frame and ends with it. */
function useChat(accountId: bigint): Chat {
  const [chat] = useState(() => new Chat(accountId));
  useEffect(() => {
    // Not at once: strict mode mounts twice, and a chat starts only for good.
    const starting = setTimeout(() => void chat.start());
    return () => {
      clearTimeout(starting);
      chat.stop();
    };
  }, [chat]);
  return chat;
}

/** Keyboards and readers start each new screen at its beginning. */
function useFocusOnChange(pathname: string) {
  const main = useRef<HTMLElement>(null);
  const last = useRef(pathname);
  useEffect(() => {
    if (last.current === pathname) return;
    last.current = pathname;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
  }, [pathname]);
  return main;
}
