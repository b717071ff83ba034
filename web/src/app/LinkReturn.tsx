import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Notice } from "@/components/Notice";
import { finishLink } from "@/features/account/links";
import type { ProviderAnswer } from "@/features/auth/calls";
import { useErrorText } from "@/lib/useErrorText";
import { Link, navigate } from "./router";

/** Back from a provider's page, to add it to the account that is signed in. */
export function LinkReturn({ answer }: { answer: ProviderAnswer }) {
  const t = useTranslations("entry");
  const explain = useErrorText();
  const queries = useQueryClient();
  const begun = useRef(false);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    if (begun.current) return; // what the provider gave works once
    begun.current = true;
    finishLink(answer).then(() => {
      void queries.invalidateQueries({ queryKey: ["account"] });
      void navigate({ to: "/account/factors", replace: true });
    }, setFailure);
  }, [answer, queries]);
  if (failure === null) {
    return (
      <p className="lead" role="status">
        {t("providerWorking")}
      </p>
    );
  }
  return (
    <>
      <Notice>{explain(failure)}</Notice>
      <Link to="/account/factors" className="button button-main">
        {t("linkAgain")}
      </Link>
    </>
  );
}
