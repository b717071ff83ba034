import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useSyncExternalStore } from "react";
import { IntlProvider, type Messages } from "use-intl";
import { stepUpGate } from "@/lib/stepUp";
import { transport } from "@/lib/transport";
import { useSessionState } from "@/lib/useSession";
import en from "@/messages/en.json";
import { queries } from "./queries";
import { router } from "./router";
import { Splash } from "./Splash";

// Comes with the first call that needs a proof.
const StepUpDialog = lazy(() => import("@/features/account/StepUpDialog"));

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function App() {
  const session = useSessionState();
  return (
    <IntlProvider locale="en" messages={en as Messages} timeZone={timeZone}>
      <TransportProvider transport={transport}>
        <QueryClientProvider client={queries}>
          {session.status === "restoring" ? (
            <Splash unreachable={session.unreachable} />
          ) : (
            <Screens
              accountId={session.status === "signed-in" ? session.session.accountId : null}
            />
          )}
          <StepUp />
        </QueryClientProvider>
      </TransportProvider>
    </IntlProvider>
  );
}

/** Routes look again at who may see them whenever somebody else, or nobody, is signed in. */
function Screens({ accountId }: { accountId: bigint | null }) {
  const shown = useRef(accountId);
  useEffect(() => {
    if (shown.current === accountId) return;
    shown.current = accountId;
    // Answers for one account must not be shown to the next.
    queries.clear();
    void router.invalidate();
  }, [accountId]);
  return <RouterProvider router={router} context={{ signedIn: accountId !== null }} />;
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
