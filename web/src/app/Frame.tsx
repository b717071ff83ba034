/** The frame around every screen of a signed-in player: connection line, rail, plate, chat. */
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Sky } from "@/components/Sky";
import { factionName, useHouse } from "@/features/characters";
import { isModerator } from "@/lib/role";
import type { SignedIn } from "@/lib/session";
import { showFaction } from "@/lib/theme";
import { MEDIUM, useMedia, WIDE } from "@/lib/useMedia";
import { useSignedIn } from "@/lib/useSession";
import { ConnectionLine } from "./ConnectionLine";
import { InsideContext } from "./inside";
import { Rail } from "./Rail";
import { navigate, Outlet, usePlace } from "./router";
import type { Tidings } from "./tidings";

// The drawer comes after the plate: nobody waits for it to see the first screen.
const ChatPlace = lazy(() => import("./ChatPlace").then((it) => ({ default: it.ChatPlace })));

// So does the event stream; but it is asked for at once.
const loadTidings = () => import("./tidings");

export function Frame() {
  const session = useSignedIn();
  // Signing out empties this before the router has left the frame.
  return session && <FrameOf key={String(session.accountId)} session={session} />;
}

function FrameOf({ session }: { session: SignedIn }) {
  const t = useTranslations("common");
  const house = useHouse(session.accountId);
  const tidings = useTidings(session.accountId);
  const moderator = isModerator(session.accessToken);
  const pathname = usePlace()?.path ?? "";
  const drawer = useDrawer(pathname);
  const main = useFocusOnChange(pathname);
  const goToMessage = useGoToMessage(tidings, drawer);
  const inside = useMemo(
    () => ({ session, house, tidings, moderator, goToMessage }),
    [session, house, tidings, moderator, goToMessage],
  );

  const { characters, speaker } = house;
  useEffect(
    () => tidings?.chat.setOwn(new Set(characters.map(({ id }) => id))),
    [tidings, characters],
  );
  const speakerId = speaker?.id ?? null;
  useEffect(() => tidings?.live.show({ characterId: speakerId }), [tidings, speakerId]);

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
        <ConnectionLine tidings={tidings} />
        <Rail drawer={drawer.toggle} />
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
  const toggle = useMemo<DrawerToggle | null>(
    () => (fits && medium ? { open, set } : null),
    [fits, medium, open],
  );
  const kind = fits && wide ? "beside" : toggle?.open ? "over" : "none";
  return { kind, toggle } as const;
}

function Drawer({ over, toggle }: { over: boolean; toggle: DrawerToggle | null }) {
  const t = useTranslations("drawer");
  return (
    <aside
      id="drawer"
      className={`drawer ${over ? "drawer-over" : ""}`}
      aria-label={t("title")}
      onKeyDown={(event) => event.key === "Escape" && toggle?.set(false)}
    >
      <Suspense fallback={<div className="chat-bare" aria-busy />}>
        <ChatPlace />
      </Suspense>
    </aside>
  );
}

/** What lives as long as a session's screens; it loads while the first of them is drawn. */
function useTidings(accountId: bigint): Tidings | null {
  const [tidings, setTidings] = useState<Tidings | null>(null);
  useEffect(() => {
    let gone = false;
    let started: Tidings | null = null;
    void loadTidings().then(({ Tidings: Made }) => {
      // Not at once: strict mode mounts twice, and a stream starts only for good.
      if (gone) return;
      started = new Made(accountId);
      started.start();
      setTidings(started);
    });
    return () => {
      gone = true;
      started?.stop();
    };
  }, [accountId]);
  return tidings;
}

/** Leads to a message: in the drawer where there is one, else on the chat's own screen. */
function useGoToMessage(tidings: Tidings | null, drawer: ReturnType<typeof useDrawer>) {
  const { kind, toggle } = drawer;
  return useCallback(
    async (channelId: bigint, sequence: bigint) => {
      if (kind === "none" && toggle) toggle.set(true);
      else if (kind === "none") await navigate({ to: "/chat" });
      if (sequence > 0n) await tidings?.chat.jump(channelId, sequence);
      else tidings?.chat.open(channelId);
    },
    [tidings, kind, toggle],
  );
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
