import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { remember } from "@/lib/storage";
import { useErrorText } from "@/lib/useErrorText";
import { CHOSEN_PROVIDER, listProviders, startProvider } from "./calls";

/** A button for each provider of the studio's. Without any, nothing. */
export function ProviderWays() {
  const t = useTranslations("auth");
  const explain = useErrorText();
  const [failure, setFailure] = useState<unknown>(null);
  const { data } = useQuery({
    queryKey: ["providers"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: listProviders,
  });
  if (!data || data.length === 0) return null;
  const go = (providerId: string) => {
    setFailure(null);
    remember(CHOSEN_PROVIDER, providerId);
    startProvider(providerId).then((url) => location.assign(url), setFailure);
  };
  return (
    <div className="gate-ways">
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      {data.map(({ id, name }) => (
        <Button key={id} onClick={() => go(id)}>
          {t("provider", { name })}
        </Button>
      ))}
    </div>
  );
}
