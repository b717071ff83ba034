import { useQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { LinkedProvider } from "@/gen/waystone/account/v1/account_pb";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { FAMILY } from "./calls";
import { listProviders, startLink, unlink } from "./links";
import { Part } from "./Part";

/** Accounts elsewhere that open this one. Where the studio has none, nothing is shown. */
export default function Linked({ linked }: { linked: LinkedProvider[] }) {
  const t = useTranslations("account");
  const clock = useClock();
  const { act, busy, failure } = useAct(FAMILY);
  const { data: known = [] } = useQuery({
    queryKey: ["providers"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: listProviders,
  });
  const others = known.filter(({ id }) => linked.every((one) => one.providerId !== id));
  if (linked.length === 0 && others.length === 0) return null;
  return (
    <Part title={t("linked")} lead={t("linkedLead")}>
      {failure && <Notice>{failure}</Notice>}
      <ul className="cases">
        {linked.map(({ providerId, name, label, createdAt }) => (
          <li key={providerId}>
            <article className="case">
              <p className="case-head">
                <b>{name}</b>
                {label && <span className="muted">{label}</span>}
              </p>
              <p className="muted">{t("addedAt", { date: clock.moment(toMs(createdAt)) })}</p>
              <Button
                look="danger"
                aria-disabled={busy}
                onClick={() => void act(() => unlink(providerId))}
              >
                {t("unlink", { name })}
              </Button>
            </article>
          </li>
        ))}
      </ul>
      <div className="part-acts">
        {others.map(({ id, name }) => (
          <Button
            key={id}
            aria-disabled={busy}
            onClick={() => void act(async () => location.assign(await startLink(id)))}
          >
            {t("link", { name })}
          </Button>
        ))}
      </div>
    </Part>
  );
}
