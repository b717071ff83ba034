import { useQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { SessionInfo } from "@/gen/waystone/account/v1/account_pb";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { account, FAMILY } from "./calls";
import { Part, Read } from "./Part";
import { meansName } from "./words";

/** Where the account is signed in. */
export function Sessions() {
  const t = useTranslations("account");
  const { act, busy, failure } = useAct(FAMILY);
  const sessions = useQuery({
    queryKey: [FAMILY, "sessions"],
    staleTime: 0,
    queryFn: async () => (await account.listSessions({})).sessions,
  });
  return (
    <Part title={t("sessions")} lead={t("sessionsLead")}>
      {failure && <Notice>{failure}</Notice>}
      <Read query={sessions}>
        {(data) => (
          <>
            <ul className="cases">
              {data.map((session) => (
                <li key={String(session.id)}>
                  <OneSession
                    session={session}
                    busy={busy}
                    onEnd={() => void act(() => account.revokeSession({ sessionId: session.id }))}
                  />
                </li>
              ))}
            </ul>
            {data.length > 1 && (
              <div className="part-acts">
                <Button
                  look="danger"
                  aria-disabled={busy}
                  onClick={() => void act(() => account.revokeOtherSessions({}))}
                >
                  {t("endOthers")}
                </Button>
              </div>
            )}
          </>
        )}
      </Read>
    </Part>
  );
}

type OneSessionProps = { session: SessionInfo; busy: boolean; onEnd: () => void };

function OneSession({ session, busy, onEnd }: OneSessionProps) {
  const t = useTranslations("account");
  const clock = useClock();
  const device = session.device || t("unknownDevice");
  return (
    <article className={`case ${session.current ? "case-current" : ""}`}>
      <p className="case-head">
        <b>{device}</b>
        {session.current && <span className="tag">{t("thisSession")}</span>}
      </p>
      <p className="muted">
        {[
          t(`means.${meansName(session.means)}`),
          session.place,
          t("openedAt", { date: clock.moment(toMs(session.createdAt)) }),
          t("usedAt", { date: clock.moment(toMs(session.lastUsedAt)) }),
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {!session.current && (
        <Button aria-disabled={busy} onClick={onEnd}>
          {t("endSession", { device })}
        </Button>
      )}
    </article>
  );
}
