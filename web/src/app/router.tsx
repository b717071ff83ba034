/** Every address of the client, and the ways between them. */
import {
  type ComponentProps,
  type ComponentType,
  createContext,
  use,
  useEffect,
  useSyncExternalStore,
} from "react";
import { Part, type Place, Router, type Row, type Way } from "@/lib/router";
import { keeper } from "@/lib/transport";

function part<Name extends string>(
  load: () => Promise<Readonly<Record<Name, ComponentType>>>,
  name: Name,
): Part {
  return new Part(async () => (await load())[name]);
}

const gate = part(() => import("./gate"), "Gate");
const frame = part(() => import("./Frame"), "Frame");
const account = part(() => import("./AccountScreen"), "AccountScreen");

/** Before a session; who has one is sent on. */
const guests = (screen: Part): Row => ({ who: "guests", parts: [gate, screen] });
/** Links in mails, and the way back from a provider: with a session or without. */
const all = (screen: Part): Row => ({ who: "all", parts: [gate, screen] });
const members = (...screen: Part[]): Row => ({ who: "members", parts: [frame, ...screen] });

const ROWS = {
  "/sign-in": guests(part(() => import("./gate"), "SignInScreen")),
  "/register": guests(part(() => import("./gate"), "RegisterScreen")),
  "/sign-in/second": guests(part(() => import("./entry"), "SecondFactorScreen")),
  "/sign-in/provider": all(part(() => import("./entry"), "ProviderScreen")),
  "/recover": all(part(() => import("./entry"), "RecoverScreen")),
  "/verify-email": all(part(() => import("./entry"), "VerifyScreen")),
  "/roster": members(part(() => import("./RosterScreen"), "RosterScreen")),
  "/roster/new": members(part(() => import("./CreationScreen"), "CreationScreen")),
  "/chat": members(part(() => import("./ChatScreen"), "ChatScreen")),
  "/notices": members(part(() => import("./NoticesScreen"), "NoticesScreen")),
  "/standing": members(part(() => import("./StandingScreen"), "StandingScreen")),
  "/moderation": members(part(() => import("./ModerationScreen"), "ModerationScreen")),
  "/account": members(
    account,
    part(() => import("@/features/account/Overview"), "Overview"),
  ),
  "/account/factors": members(
    account,
    part(() => import("@/features/account/Factors"), "Factors"),
  ),
  "/account/sessions": members(
    account,
    part(() => import("@/features/account/Sessions"), "Sessions"),
  ),
  "/account/log": members(
    account,
    part(() => import("@/features/account/SecurityLog"), "SecurityLog"),
  ),
  "/account/keys": members(
    account,
    part(() => import("@/features/account/ApiKeys"), "ApiKeys"),
  ),
  "/account/data": members(
    account,
    part(() => import("@/features/account/YourData"), "YourData"),
  ),
} as const satisfies Record<string, Row>;

export type Path = keyof typeof ROWS;

export const router = new Router<Path>({
  rows: ROWS,
  isMember: () => {
    const { status } = keeper.getState();
    return status === "restoring" ? null : status === "signed-in";
  },
  home: { members: "/roster", guests: "/sign-in" },
  browser: window,
});

/** Shows a place; a constant, so that effects may leave it out of what they depend on. */
export const navigate = router.go;

/** Null until the first place can be drawn. */
export function usePlace(): Place | null {
  return useSyncExternalStore(router.subscribe, router.getPlace);
}

const NO_SEARCH = new URLSearchParams();

/** Words of the address behind `?`. */
export function useSearch(): URLSearchParams {
  return usePlace()?.search ?? NO_SEARCH;
}

const DepthContext = createContext(0);

/** Where the next part of the place stands inside this one. */
export function Outlet() {
  const depth = use(DepthContext);
  const Inner = usePlace()?.parts[depth];
  return (
    Inner && (
      <DepthContext value={depth + 1}>
        <Inner />
      </DepthContext>
    )
  );
}

type LinkProps = Omit<ComponentProps<"a">, "href"> &
  Pick<Way<Path>, "search"> & {
    to: Path;
    /** Is "here" at its own address only, not at those below it. */
    exact?: boolean;
  };

/** A way to a place; what it needs loads as soon as somebody means to go there. */
export function Link({ to, search = {}, exact = false, onClick, ...props }: LinkProps) {
  const path = usePlace()?.path ?? "";
  const here = path === to || (!exact && path.startsWith(`${to}/`));
  const prepare = () => router.prepare(to);
  return (
    <a
      aria-current={here ? "page" : undefined}
      {...props}
      href={router.hrefOf({ to, search })}
      onPointerEnter={prepare}
      onFocus={prepare}
      onClick={(event) => {
        onClick?.(event);
        const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
        if (event.defaultPrevented || event.button !== 0 || elsewhere) return;
        event.preventDefault();
        void navigate({ to, search });
      }}
    />
  );
}

/** Leads elsewhere as soon as it is drawn. */
export function Navigate({ to }: { to: Path }) {
  useEffect(() => void navigate({ to, replace: true }), [to]);
  return null;
}
