import { Code } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Notice } from "@/components/Notice";
import { hasCode, reasonOf } from "@/lib/errors";
import { hasPasskeys } from "@/lib/hasPasskeys";
import { canOfferPasskeys } from "@/lib/passkeys";
import { useErrorText } from "@/lib/useErrorText";
import { type Arrival, offerPasskey, type PasskeyAnswer, signInByPasskey } from "./calls";

/** A challenge works for five minutes; the browser's offer is renewed before that. */
const RENEW_MS = 4 * 60_000;

/**
 * Signing in by passkey: by a button, and among what the browser fills into the form. The browser
 * holds one request at a time, so the button ends the offer in the form.
 */
export function PasskeySignIn({ onArrive }: { onArrive: (arrival: Arrival) => void }) {
  const t = useTranslations("auth");
  const explain = useErrorText();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const offer = useRef<AbortController | null>(null);
  const given = useRef<PasskeyAnswer | null>(null);

  const finish = async (answer: PasskeyAnswer, reopen = false) => {
    given.current = answer;
    await signInByPasskey(answer, reopen);
    onArrive({ kind: "in" });
  };
  const run = async (act: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setFailure(null);
    try {
      await act();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const ask = () =>
    run(async () => {
      offer.current?.abort();
      const answer = await offerPasskey();
      if (answer) await finish(answer);
    });
  const reopen = () =>
    run(async () => {
      if (given.current) await finish(given.current, true);
    });

  const taken = useRef(finish);
  taken.current = finish;
  useEffect(() => {
    let renewal: ReturnType<typeof setTimeout> | undefined;
    const stand = async () => {
      offer.current?.abort();
      offer.current = new AbortController();
      renewal = setTimeout(() => void stand(), RENEW_MS);
      const options = { conditional: true, signal: offer.current.signal };
      // An offer nobody asked for fails silently; what somebody chose from it does not.
      const answer = await offerPasskey(options).catch(() => null);
      if (answer) await taken.current(answer).catch(setFailure);
    };
    void canOfferPasskeys().then((can) => {
      if (can) void stand();
    });
    return () => {
      clearTimeout(renewal);
      offer.current?.abort();
    };
  }, []);

  if (!hasPasskeys()) return null;
  return (
    <div className="gate-ways">
      {failure !== null && (
        <Notice>
          {hasCode(failure, Code.Unauthenticated) && reasonOf(failure) === ""
            ? t("passkeyUnknown")
            : explain(failure)}
        </Notice>
      )}
      {reasonOf(failure) === "CLOSING" && (
        <Button aria-disabled={busy} onClick={() => void reopen()}>
          {t("reopen")}
        </Button>
      )}
      <Button aria-disabled={busy} onClick={() => void ask()}>
        <Icon name="key" />
        {t("passkey")}
      </Button>
    </div>
  );
}
