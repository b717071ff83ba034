import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { TextArea } from "@/components/TextArea";
import {
  type Appeal,
  ResolveAppealRequestSchema,
} from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { useAct } from "@/lib/useAct";
import { useErrorText } from "@/lib/useErrorText";
import { useOnce } from "@/lib/useOnce";
import { moderation } from "./calls";
import { SanctionCard } from "./SanctionCard";

export function Appeals() {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const [includeDecided, setIncludeDecided] = useState(false);
  const list = useInfiniteQuery({
    queryKey: ["moderation", "appeals", includeDecided],
    staleTime: 0,
    initialPageParam: 0n,
    queryFn: ({ pageParam }) => moderation.listAppeals({ includeDecided, afterId: pageParam }),
    getNextPageParam: (page) => (page.hasMore ? page.appeals.at(-1)?.id : undefined),
  });
  const appeals = list.data?.pages.flatMap((page) => page.appeals) ?? [];
  return (
    <section className="reports" aria-label={t("view.appeals")}>
      <label className="tick">
        <input
          type="checkbox"
          checked={includeDecided}
          onChange={(event) => setIncludeDecided(event.target.checked)}
        />
        {t("includeDecided")}
      </label>
      <p className="muted" role="status">
        {list.error
          ? explain(list.error)
          : list.isPending
            ? t("reading")
            : t("appealCount", { count: appeals.length })}
      </p>
      <ul className="cases">
        {appeals.map((appeal) => (
          <li key={String(appeal.id)}>
            <AppealCase appeal={appeal} />
          </li>
        ))}
      </ul>
      {list.hasNextPage && <Button onClick={() => void list.fetchNextPage()}>{t("more")}</Button>}
    </section>
  );
}

function AppealCase({ appeal }: { appeal: Appeal }) {
  const t = useTranslations("moderation");
  const once = useOnce();
  const { act, busy, failure } = useAct("moderation");
  const [decision, setDecision] = useState("");
  const [wrong, setWrong] = useState(false);
  const decide = (granted: boolean) => {
    const bad = checkField(ResolveAppealRequestSchema, "decision", decision.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    const asked = { appealId: appeal.id, granted, decision: decision.trim() };
    void act(() =>
      once(`${granted} ${asked.decision}`, (idempotencyKey) =>
        moderation.resolveAppeal({ ...asked, idempotencyKey }),
      ),
    );
  };
  if (!appeal.sanction) return null;
  return (
    <SanctionCard sanction={appeal.sanction}>
      <blockquote>{appeal.text}</blockquote>
      {appeal.decided ? (
        <p>
          <b>{t(appeal.granted ? "granted" : "refused")}</b> {appeal.decision}
        </p>
      ) : (
        <div className="form">
          <TextArea
            label={t("decision")}
            hint={t("decisionHint")}
            error={wrong ? t("writeSome") : null}
            value={decision}
            maxLength={500}
            onChange={(event) => setDecision(event.target.value)}
          />
          {failure && <Notice>{failure}</Notice>}
          <div className="dialog-acts">
            <Button aria-disabled={busy} onClick={() => decide(false)}>
              {t("refuseAppeal")}
            </Button>
            <Button look="main" aria-disabled={busy} onClick={() => decide(true)}>
              {t("grantAppeal")}
            </Button>
          </div>
        </div>
      )}
    </SanctionCard>
  );
}
