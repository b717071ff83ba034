import { QueryClientProvider } from "@tanstack/react-query";
import { Component, lazy, type ReactNode, Suspense, useEffect, useSyncExternalStore } from "react";
import { IntlProvider, type Messages } from "use-intl";
import { stepUpGate } from "@/lib/stepUp";
import { recall, remember } from "@/lib/storage";
import { useSessionState } from "@/lib/useSession";
import en from "@/messages/en.json";
import { Broken, NotFound } from "./Lost";
import { queries } from "./queries";
import { Outlet, router, usePlace } from "./router";
import { Splash } from "./Splash";

// Comes with the first call that needs a proof.
const StepUpDialog = lazy(() => import("@/features/account/StepUpDialog"));

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function App() {
  return (
    <IntlProvider locale="en" messages={en as Messages} timeZone={timeZone}>
      <QueryClientProvider client={queries}>
        <Screens />
        <StepUp />
      </QueryClientProvider>
    </IntlProvider>
  );
}

/** Looks again at who may see the place whenever somebody else, or nobody, is signed in. */
function Screens() {
  const session = useSessionState();
  const place = usePlace();
  const restoring = session.status === "restoring";
  const accountId = session.status === "signed-in" ? session.session.accountId : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another account is what makes it run.
  useEffect(() => {
    if (restoring) return;
    // Answers for one account must not be shown to the next.
    queries.clear();
    void router.arrive();
  }, [restoring, accountId]);
  if (restoring || !place)
    return <Splash unreachable={session.status === "restoring" && session.unreachable} />;
  if (place.state === "lost") return <NotFound />;
  if (place.state === "broken") return <Unloaded />;
  return (
    <Unbroken path={place.path}>
      <Outlet />
    </Unbroken>
  );
}

const RELOADED = "waystone.reloaded";

/** A newer build may have taken the place of the one this page came from: it begins anew, once. */
function Unloaded() {
  useEffect(() => {
    const lastMs = Number(recall(RELOADED) ?? 0);
    if (!navigator.onLine || Date.now() - lastMs < 60_000) return;
    remember(RELOADED, String(Date.now()));
    location.reload();
  }, []);
  return <Broken />;
}

type UnbrokenProps = { path: string; children: ReactNode };
type UnbrokenState = { path: string; failed: boolean };

/** Says so when a screen throws; going elsewhere goes on. */
class Unbroken extends Component<UnbrokenProps, UnbrokenState> {
  override state: UnbrokenState = { path: this.props.path, failed: false };

  static getDerivedStateFromError(): Partial<UnbrokenState> {
    return { failed: true };
  }

  static getDerivedStateFromProps({ path }: UnbrokenProps, state: UnbrokenState) {
    return path === state.path ? null : { path, failed: false };
  }

  override render(): ReactNode {
    return this.state.failed ? <Broken /> : this.props.children;
  }
}

/** Over whatever screen made a call that needs a fresh proof of who one is. */
function StepUp() {
  const asked = useSyncExternalStore(stepUpGate.subscribe, stepUpGate.isAsked);
  return (
    asked && (
      <Suspense>
        <StepUpDialog onEnd={(proved) => stepUpGate.settle(proved)} />
      </Suspense>
    )
  );
}
