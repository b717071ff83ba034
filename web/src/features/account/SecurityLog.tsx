import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { account, FAMILY } from "./calls";
import { Part, Read } from "./Part";
import { eventName } from "./words";

/** What happened to the account's security, newest first. */
export function SecurityLog() {
  const t = useTranslations("account");
  const clock = useClock();
  const log = useInfiniteQuery({
    queryKey: [FAMILY, "log"],
    staleTime: 0,
    initialPageParam: 0n,
    queryFn: ({ pageParam }) => account.listSecurityEvents({ beforeId: pageParam }),
    getNextPageParam: (page) => (page.hasMore ? page.events.at(-1)?.id : undefined),
  });
  return (
    <Part title={t("log")} lead={t("logLead")}>
      <Read query={log}>
        {({ pages }) => (
          <ol className="events">
            {pages
              .flatMap((page) => page.events)
              .map((event) => {
                const atMs = toMs(event.happenedAt);
                return (
                  <li key={String(event.id)} className={event.refused ? "event-refused" : ""}>
                    <time dateTime={new Date(atMs).toISOString()}>{clock.moment(atMs)}</time>
                    <span>{t(`event.${eventName(event.kind)}`)}</span>
                    {event.refused && <span className="tag">{t("refused")}</span>}
                    <span className="muted">{event.place}</span>
                  </li>
                );
              })}
          </ol>
        )}
      </Read>
      {log.hasNextPage && (
        <div className="part-acts">
          <Button onClick={() => void log.fetchNextPage()}>{t("older")}</Button>
        </div>
      )}
    </Part>
  );
}
