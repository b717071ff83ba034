import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { Creation, type Step } from "@/features/characters";
import { showFaction } from "@/lib/theme";
import { useTitle } from "@/lib/useTitle";
import { useInside } from "./inside";

const creationRoute = getRouteApi("/inside/roster/new");

export function CreationScreen() {
  const t = useTranslations("creation");
  const { house } = useInside();
  const { step = "race" } = creationRoute.useSearch();
  const navigate = useNavigate();
  useTitle(t("title"));

  const goTo = useCallback(
    (next: Step) =>
      void navigate({ to: "/roster/new", search: next === "race" ? {} : { step: next } }),
    [navigate],
  );
  return (
    <Creation
      step={step}
      onStep={goTo}
      onEngrave={showFaction}
      onJoined={(character) => {
        house.choose(character);
        void navigate({ to: "/roster" });
      }}
      leaveLink={(label) => (
        <Link to="/roster" className="quiet-link">
          {label}
        </Link>
      )}
    />
  );
}
