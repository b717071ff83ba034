import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import type { Sanction } from "@/gen/waystone/moderation/v1/moderation_pb";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { sanctionName } from "./words";

/** A sanction in words: what, where, until when and why. */
export function SanctionCard({ sanction, children }: { sanction: Sanction; children?: ReactNode }) {
  const t = useTranslations("moderation");
  const clock = useClock();
  const where = sanction.channelId === 0n ? t("everywhere") : sanction.channelName;
  const state = sanction.active ? "active" : sanction.liftedAt ? "lifted" : "over";
  return (
    <article className={`case ${sanction.active ? "case-active" : ""}`}>
      <p className="case-head">
        <b>{t(`sanction.${sanctionName(sanction.kind)}`, { where })}</b>
        <span className="tag">{t(`sanctionState.${state}`)}</span>
      </p>
      <p>{sanction.reason}</p>
      <p className="muted">
        {sanction.characterName} ·{" "}
        {sanction.endsAt
          ? t("fromTo", {
              from: clock.moment(toMs(sanction.createdAt)),
              to: clock.moment(toMs(sanction.endsAt)),
            })
          : t("fromOn", { from: clock.moment(toMs(sanction.createdAt)) })}
      </p>
      {children}
    </article>
  );
}
