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

const second = createRoute({
  getParentRoute: () => gate,
  path: "/sign-in/second",
  component: lazyRouteComponent(() => import("./entry"), "SecondFactorScreen"),
});

/** Links in mails, and the way back from a provider: with a session or without. */
const door = createRoute({
  getParentRoute: () => root,
  id: "door",
  component: lazyRouteComponent(() => import("./gate"), "Gate"),
});

const recover = createRoute({
  getParentRoute: () => door,
  path: "/recover",
  component: lazyRouteComponent(() => import("./entry"), "RecoverScreen"),
});

const verifyEmail = createRoute({
  getParentRoute: () => door,
  path: "/verify-email",
  component: lazyRouteComponent(() => import("./entry"), "VerifyScreen"),
});

type ProviderSearch = { state?: string; code?: string; iss?: string };

const provider = createRoute({
  getParentRoute: () => door,
  path: "/sign-in/provider",
  validateSearch: ({ state, code, iss }: Record<string, unknown>): ProviderSearch => ({
    ...(state === undefined ? {} : { state: String(state) }),
    ...(code === undefined ? {} : { code: String(code) }),
    ...(iss === undefined ? {} : { iss: String(iss) }),
  }),
  component: lazyRouteComponent(() => import("./entry"), "ProviderScreen"),
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

const account = createRoute({
  getParentRoute: () => inside,
  path: "/account",
  component: lazyRouteComponent(() => import("./AccountScreen"), "AccountScreen"),
});

const accountViews = [
  createRoute({
    getParentRoute: () => account,
    path: "/",
    component: lazyRouteComponent(() => import("@/features/account/Overview"), "Overview"),
  }),
  createRoute({
    getParentRoute: () => account,
    path: "/factors",
    component: lazyRouteComponent(() => import("@/features/account/Factors"), "Factors"),
  }),
  createRoute({
    getParentRoute: () => account,
    path: "/sessions",
    component: lazyRouteComponent(() => import("@/features/account/Sessions"), "Sessions"),
  }),
  createRoute({
    getParentRoute: () => account,
    path: "/log",
    component: lazyRouteComponent(() => import("@/features/account/SecurityLog"), "SecurityLog"),
  }),
  createRoute({
    getParentRoute: () => account,
    path: "/keys",
    component: lazyRouteComponent(() => import("@/features/account/ApiKeys"), "ApiKeys"),
  }),
  createRoute({
    getParentRoute: () => account,
    path: "/data",
    component: lazyRouteComponent(() => import("@/features/account/YourData"), "YourData"),
  }),
] as const;

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
    gate.addChildren([signIn, register, second]),
    door.addChildren([recover, verifyEmail, provider]),
    inside.addChildren([
      roster,
      creation,
      chat,
      notices,
      standing,
      account.addChildren([...accountViews]),
      moderation,
    ]),
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
