import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { type Report, ReportState } from "@/gen/waystone/moderation/v1/moderation_pb";
import { ahead } from "@/lib/ahead";
import { useClock } from "@/lib/useClock";
import { useErrorText } from "@/lib/useErrorText";
import { toMs } from "@/lib/when";
import { moderation } from "./calls";
import { reasonName, stateName } from "./words";

// One of them is on the table at a time; the reports are what a moderator comes for.
const Appeals = lazy(() => import("./Appeals").then((it) => ({ default: it.Appeals })));
const Filters = lazy(() => import("./Filters").then((it) => ({ default: it.Filters })));
const ReportCase = lazy(loadCase);

function loadCase() {
  return import("./ReportCase").then((it) => ({ default: it.ReportCase }));
}

export const VIEWS = ["reports", "closed", "appeals", "filters"] as const;
export type View = (typeof VIEWS)[number];

type QueueProps = {
  view: View;
  /** The report on the table, if any. */
  reportId: bigint | null;
  viewLink: (view: View, label: string) => ReactNode;
  onReport: (id: bigint | null) => void;
};

/** The moderators' table: what was reported, what was appealed, and the word filters. */
export function Queue({ view, reportId, viewLink, onReport }: QueueProps) {
  const t = useTranslations("moderation");
  return (
    <>
      <nav className="views" aria-label={t("views")}>
        {VIEWS.map((one) => (
          <span key={one}>{viewLink(one, t(`view.${one}`))}</span>
        ))}
      </nav>
      <Suspense fallback={<p className="muted">{t("reading")}</p>}>
        {view === "appeals" ? (
          <Appeals />
        ) : view === "filters" ? (
          <Filters />
        ) : (
          <div className={`queue ${reportId === null ? "" : "queue-case"}`}>
            <Reports closed={view === "closed"} chosen={reportId} onChoose={onReport} />
            {reportId !== null && (
              <Suspense>
                <ReportCase
                  key={String(reportId)}
                  reportId={reportId}
                  onClose={() => onReport(null)}
                />
              </Suspense>
            )}
          </div>
        )}
      </Suspense>
    </>
  );
}

const OUTCOMES = { upheld: ReportState.UPHELD, dismissed: ReportState.DISMISSED } as const;
type Outcome = keyof typeof OUTCOMES;
const OUTCOME_NAMES = Object.keys(OUTCOMES) as Outcome[];

type ReportsProps = {
  closed: boolean;
  chosen: bigint | null;
  onChoose: (id: bigint) => void;
};

function Reports({ closed, chosen, onChoose }: ReportsProps) {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const [outcome, setOutcome] = useState<Outcome>("upheld");
  const state = closed ? OUTCOMES[outcome] : ReportState.OPEN;
  const list = useInfiniteQuery({
    queryKey: ["moderation", "reports", state],
    staleTime: 0,
    // Another moderator may be at work on the same queue.
    refetchInterval: 15_000,
    initialPageParam: 0n,
    queryFn: ({ pageParam }) => moderation.listReports({ state, afterId: pageParam }),
    getNextPageParam: (page) => (page.hasMore ? page.reports.at(-1)?.id : undefined),
  });
  const reports = list.data?.pages.flatMap((page) => page.reports) ?? [];
  return (
    <section className="reports" aria-label={t(`view.${closed ? "closed" : "reports"}`)}>
      {list.isPending && <p className="muted">{t("reading")}</p>}
      {list.error && <Notice>{explain(list.error)}</Notice>}
      {!closed && list.data && (
        <p className="muted" role="status">
          {t("openCount", { count: list.data.pages.at(-1)?.openCount ?? 0 })}
        </p>
      )}
      {closed && (
        <Select
          label={t("outcome")}
          value={outcome}
          options={OUTCOME_NAMES.map((one) => [one, t(`outcomes.${one}`)])}
          onChange={(event) => setOutcome(event.target.value as Outcome)}
        />
      )}
      {closed && list.data && reports.length === 0 && <p className="muted">{t("noneClosed")}</p>}
      <ul className="cases">
        {reports.map((report) => (
          <li key={String(report.id)}>
            <ReportRow
              report={report}
              current={report.id === chosen}
              onChoose={() => onChoose(report.id)}
            />
          </li>
        ))}
      </ul>
      {list.hasNextPage && <Button onClick={() => void list.fetchNextPage()}>{t("more")}</Button>}
    </section>
  );
}

type ReportRowProps = { report: Report; current: boolean; onChoose: () => void };

function ReportRow({ report, current, onChoose }: ReportRowProps) {
  const t = useTranslations("moderation");
  const reasons = useTranslations("reasons");
  const clock = useClock();
  return (
    <button
      type="button"
      className="case case-way"
      aria-current={current || undefined}
      {...ahead(loadCase)}
      onClick={onChoose}
    >
      <span className="case-head">
        <b>{reasons(reasonName(report.reason))}</b>
        <span className="tag">
          {report.state === ReportState.OPEN
            ? t("times", { count: report.reportCount })
            : t(`reportState.${stateName(report.state)}`)}
        </span>
      </span>
      <span className="case-words">
        <b>{report.message?.characterName}</b> {report.message?.text}
      </span>
      <span className="muted">
        {report.channelName} · {clock.moment(toMs(report.createdAt))}
      </span>
    </button>
  );
}
