import { useQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Notice } from "@/components/Notice";
import { useErrorText } from "@/lib/useErrorText";
import { moderation } from "./calls";
import { LiftForm } from "./LiftForm";
import { SanctionCard } from "./SanctionCard";

/** What is in force on the account behind a character, for moderators, with the way to lift it. */
export default function SanctionsOn({ characterId }: { characterId: bigint }) {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const { data, error, isPending } = useQuery({
    queryKey: ["moderation", "on", String(characterId)],
    staleTime: 0,
    queryFn: async () => (await moderation.listSanctions({ characterId })).sanctions,
  });
  if (isPending) return <p className="muted">{t("reading")}</p>;
  if (error) return <Notice>{explain(error)}</Notice>;
  const inForce = data.filter(({ active }) => active);
  if (inForce.length === 0) return <p className="muted">{t("noneInForce")}</p>;
  return (
    <ul className="cases" aria-label={t("inForce")}>
      {inForce.map((sanction) => (
        <li key={String(sanction.id)}>
          <SanctionCard sanction={sanction}>
            <LiftForm sanctionId={sanction.id} />
          </SanctionCard>
        </li>
      ))}
    </ul>
  );
}
