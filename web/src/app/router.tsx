/** Every address of the client. Screens load when they are first opened. */
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { Broken, NotFound } from "./Lost";

type Context = { signedIn: boolean };

const root = createRootRouteWithContext<Context>()({
  notFoundComponent: NotFound,
  errorComponent: Broken,
});

/** For people without a session; others are sent to where they belong. */
const gate = createRoute({
  getParentRoute: () => root,
  id: "gate",
  beforeLoad: ({ context }) => {
    if (context.signedIn) throw redirect({ to: "/roster", replace: true });
  },
  component: lazyRouteComponent(() => import("./gate"), "Gate"),
});

const signIn = createRoute({
  getParentRoute: () => gate,
  path: "/sign-in",
  component: lazyRouteComponent(() => import("./gate"), "SignInScreen"),
});

const register = createRoute({
  getParentRoute: () => gate,
  path: "/register",
  component: lazyRouteComponent(() => import("./gate"), "RegisterScreen"),
});

/** Everything inside the frame needs a session. */
const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  beforeLoad: ({ context }) => {
    if (!context.signedIn) throw redirect({ to: "/sign-in", replace: true });
  },
  component: lazyRouteComponent(() => import("./Frame"), "Frame"),
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/roster", replace: true });
  },
});

const roster = createRoute({
  getParentRoute: () => inside,
  path: "/roster",
  component: lazyRouteComponent(() => import("./RosterScreen"), "RosterScreen"),
});

type CreationSearch = { step?: "faction" | "name" };

const creation = createRoute({
  getParentRoute: () => inside,
  path: "/roster/new",
  validateSearch: ({ step }: Record<string, unknown>): CreationSearch =>
    step === "faction" || step === "name" ? { step } : {},
  component: lazyRouteComponent(() => import("./CreationScreen"), "CreationScreen"),
});

const chat = createRoute({
  getParentRoute: () => inside,
  path: "/chat",
  component: lazyRouteComponent(() => import("./ChatScreen"), "ChatScreen"),
});

const notices = createRoute({
  getParentRoute: () => inside,
  path: "/notices",
  component: lazyRouteComponent(() => import("./NoticesScreen"), "NoticesScreen"),
});

const standing = createRoute({
  getParentRoute: () => inside,
  path: "/standing",
  component: lazyRouteComponent(() => import("./StandingScreen"), "StandingScreen"),
});

type ModerationSearch = { view?: "closed" | "appeals" | "filters"; report?: string };

const moderation = createRoute({
  getParentRoute: () => inside,
  path: "/moderation",
  validateSearch: ({ view, report }: Record<string, unknown>): ModerationSearch => ({
    ...(view === "closed" || view === "appeals" || view === "filters" ? { view } : {}),
    ...(/^\d{1,18}$/.test(String(report)) ? { report: String(report) } : {}),
  }),
  component: lazyRouteComponent(() => import("./ModerationScreen"), "ModerationScreen"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    gate.addChildren([signIn, register]),
    inside.addChildren([roster, creation, chat, notices, standing, moderation]),
  ]),
  context: { signedIn: false },
  defaultPreload: "intent",
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
