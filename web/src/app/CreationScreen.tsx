import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { Catalogue } from "@/components/Catalogue";
import { Creation, STEPS, type Step } from "@/features/characters";
import { showFaction } from "@/lib/theme";
import { useTitle } from "@/lib/useTitle";
import en from "@/messages/en.house.json";
import { useInside } from "./inside";
import { Link, navigate, useSearch } from "./router";

export function CreationScreen() {
  return (
    <Catalogue messages={en}>
      <CreationPlate />
    </Catalogue>
  );
}

function CreationPlate() {
  const t = useTranslations("creation");
  const { house } = useInside();
  const asked = useSearch().get("step");
  const step = STEPS.find((one) => one === asked) ?? "race";
  useTitle(t("title"));

  const goTo = useCallback(
    (next: Step) =>
      void navigate({ to: "/roster/new", search: next === "race" ? {} : { step: next } }),
    [],
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
