import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { TextArea } from "@/components/TextArea";
import type { Message } from "@/gen/waystone/chat/v1/chat_pb";
import {
  type GetReportResponse,
  type Report,
  ReportState,
  ResolveReportRequestSchema,
} from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { DURATIONS, type DurationName, SANCTIONS, sanctionOf } from "@/lib/sanctions";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { useErrorText } from "@/lib/useErrorText";
import { useOnce } from "@/lib/useOnce";
import { toMs } from "@/lib/when";
import { moderation } from "./calls";
import { LiftForm } from "./LiftForm";
import { SanctionCard } from "./SanctionCard";
import { reasonName, stateName } from "./words";

type ReportCaseProps = { reportId: bigint; onClose: () => void };

/** One report with everything one needs to decide: the words, what was said around them, the past. */
export function ReportCase({ reportId, onClose }: ReportCaseProps) {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const heading = useRef<HTMLHeadingElement>(null);
  const { data, error, isPending } = useQuery({
    queryKey: ["moderation", "report", String(reportId)],
    staleTime: 0,
    queryFn: () => moderation.getReport({ reportId }),
  });
  const loaded = data !== undefined;
  useEffect(() => {
    if (loaded) heading.current?.focus();
  }, [loaded]);
  return (
    <section className="report" aria-labelledby="report-title">
      <header className="case-head">
        <h2 id="report-title" ref={heading} tabIndex={-1}>
          {t("report", { id: String(reportId) })}
        </h2>
        <button type="button" className="act" aria-label={t("closeReport")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {isPending && <p className="muted">{t("reading")}</p>}
      {error && <Notice>{explain(error)}</Notice>}
      {data?.report && <Case found={data} report={data.report} />}
    </section>
  );
}

function Case({ found, report }: { found: GetReportResponse; report: Report }) {
  const t = useTranslations("moderation");
  const reasons = useTranslations("reasons");
  const { context, sanctions, upheldCount } = found;
  const said = report.message?.sequence;
  const spoken = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const list = spoken.current;
    const reported = list?.querySelector<HTMLElement>(".context-reported");
    if (list && reported) list.scrollTop = reported.offsetTop - list.clientHeight / 2;
  }, []);
  const before = context.filter((one) => said !== undefined && one.sequence < said);
  const after = context.filter((one) => said !== undefined && one.sequence > said);
  return (
    <>
      <p>
        {t("reportedBy", {
          name: report.reporterName,
          reason: reasons(reasonName(report.reason)),
          channel: report.channelName,
        })}
      </p>
      {report.note && <blockquote>{report.note}</blockquote>}
      <h3>{t("context")}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be in reach of keys. */}
      <ol ref={spoken} className="context" aria-label={t("context")} tabIndex={0}>
        {before.map((one) => (
          <Spoken key={String(one.sequence)} message={one} />
        ))}
        {report.message && <Spoken message={report.message} reported />}
        {after.map((one) => (
          <Spoken key={String(one.sequence)} message={one} />
        ))}
      </ol>
      <h3>{t("past", { name: report.message?.characterName ?? "" })}</h3>
      <p className="muted">{t("upheldCount", { count: upheldCount })}</p>
      <ul className="cases">
        {sanctions.map((sanction) => (
          <li key={String(sanction.id)}>
            <SanctionCard sanction={sanction}>
              {sanction.active && <LiftForm sanctionId={sanction.id} />}
            </SanctionCard>
          </li>
        ))}
      </ul>
      {report.state === ReportState.OPEN ? (
        <Resolve report={report} />
      ) : (
        <p role="status">
          <b>{t(`reportState.${stateName(report.state)}`)}</b>{" "}
          {t("resolvedBy", { name: report.resolvedBy, words: report.resolution })}
        </p>
      )}
    </>
  );
}

function Spoken({ message, reported = false }: { message: Message; reported?: boolean }) {
  const t = useTranslations("moderation");
  const clock = useClock();
  const atMs = toMs(message.sentAt);
  return (
    <li className={reported ? "context-reported" : ""}>
      <time dateTime={new Date(atMs).toISOString()}>{clock.time(atMs)}</time>
      <span>
        {reported && <span className="tag">{t("thisOne")}</span>} <b>{message.characterName}</b>{" "}
        {message.text || <i>{t("takenBack")}</i>}
      </span>
    </li>
  );
}

const CHOICES = ["nothing", ...SANCTIONS] as const;
type SanctionChoice = (typeof CHOICES)[number];

/** What is done about it: each button names its effect, and all of it happens or nothing. */
function Resolve({ report }: { report: Report }) {
  const t = useTranslations("moderation");
  const once = useOnce();
  const { act, busy, failure } = useAct("moderation");
  const [remove, setRemove] = useState(true);
  const [choice, setChoice] = useState<SanctionChoice>("nothing");
  const [duration, setDuration] = useState<DurationName>("day");
  const [resolution, setResolution] = useState("");
  const [wrong, setWrong] = useState(false);
  const resolve = (state: ReportState.UPHELD | ReportState.DISMISSED) => {
    const bad = checkField(ResolveReportRequestSchema, "resolution", resolution.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    const upheld = state === ReportState.UPHELD;
    const channelId = report.message?.channelId ?? 0n;
    const asked = {
      reportId: report.id,
      state,
      resolution: resolution.trim(),
      deleteMessage: upheld && remove,
      ...(upheld && choice !== "nothing"
        ? { sanction: sanctionOf(choice, channelId, duration) }
        : {}),
    };
    const content = [state, asked.resolution, asked.deleteMessage, choice, duration].join();
    void act(() =>
      once(content, (idempotencyKey) => moderation.resolveReport({ ...asked, idempotencyKey })),
    );
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    resolve(ReportState.UPHELD);
  };
  return (
    <form className="form resolve" onSubmit={submit}>
      <h3>{t("decide")}</h3>
      <label className="tick">
        <input
          type="checkbox"
          checked={remove}
          onChange={(event) => setRemove(event.target.checked)}
        />
        {t("deleteMessage")}
      </label>
      <div className="resolve-sanction">
        <Select
          label={t("sanctionChoice", { name: report.message?.characterName ?? "" })}
          value={choice}
          options={CHOICES.map((one) => [one, t(`choice.${one}`, { channel: report.channelName })])}
          onChange={(event) => setChoice(event.target.value as SanctionChoice)}
        />
        {choice !== "nothing" && (
          <Select
            label={t("duration")}
            value={duration}
            options={(Object.keys(DURATIONS) as DurationName[]).map((one) => [
              one,
              t(`durations.${one}`),
            ])}
            onChange={(event) => setDuration(event.target.value as DurationName)}
          />
        )}
      </div>
      <TextArea
        label={t("resolution")}
        hint={t("resolutionHint")}
        error={wrong ? t("writeSome") : null}
        value={resolution}
        maxLength={500}
        onChange={(event) => setResolution(event.target.value)}
      />
      {failure && <Notice>{failure}</Notice>}
      <div className="dialog-acts">
        <Button aria-disabled={busy} onClick={() => resolve(ReportState.DISMISSED)}>
          {t("dismiss")}
        </Button>
        <Button look="danger" type="submit" aria-disabled={busy}>
          {t("uphold")}
        </Button>
      </div>
    </form>
  );
}
