import { Code } from "@connectrpc/connect";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { Plate, PlateTitle } from "@/components/Plate";
import { type Character, Faction, Race } from "@/gen/waystone/character/v1/character_pb";
import { errorKind, hasCode } from "@/lib/errors";
import type { FactionName } from "@/lib/theme";
import { useOnce } from "@/lib/useOnce";
import { FactionStep, NameStep, RaceStep } from "./CreationSteps";
import { characters, FAMILY } from "./calls";
import { DraftPlate } from "./DraftPlate";
import { factionName } from "./names";
import { useNameCheck } from "./useNameCheck";

export const STEPS = ["race", "faction", "name"] as const;
export type Step = (typeof STEPS)[number];

export type Draft = { race: Race; faction: Faction; name: string };

type CreationProps = {
  step: Step;
  onStep: (step: Step) => void;
  /** Re-engraves the page while the faction is being chosen. */
  onEngrave: (faction: FactionName) => void;
  onJoined: (character: Character) => void;
  leaveLink: (label: string) => ReactNode;
};

const nothing: Draft = { race: Race.UNSPECIFIED, faction: Faction.UNSPECIFIED, name: "" };

/** Three steps that build one plate. Nothing reaches the server before "Join the house". */
export function Creation({ step: asked, onStep, onEngrave, onJoined, leaveLink }: CreationProps) {
  const t = useTranslations("creation");
  const [draft, setDraft] = useState(nothing);
  const join = useJoin(draft, onJoined);
  const step = reachable(draft, asked);
  const change = (part: Partial<Draft>) => {
    setDraft({ ...draft, ...part });
    join.reset();
  };
  const faction = factionName(draft.faction);
  useEffect(() => onEngrave(faction), [faction, onEngrave]);

  return (
    <Plate className="creation">
      <PlateTitle number={t("plate")} title={t("title")}>
        {leaveLink(t("leave"))}
      </PlateTitle>
      <p className="lead">{t("lead")}</p>
      <StepList draft={draft} step={step} onStep={onStep} />
      <div className="creation-body">
        <div className="creation-step">
          {step === "race" && (
            <RaceStep race={draft.race} onChange={(race) => change({ race })}>
              <Forward to="faction" ready={draft.race !== Race.UNSPECIFIED} onStep={onStep} />
            </RaceStep>
          )}
          {step === "faction" && (
            <FactionStep faction={draft.faction} onChange={(chosen) => change({ faction: chosen })}>
              <Back to="race" onStep={onStep} />
              <Forward to="name" ready={draft.faction !== Faction.UNSPECIFIED} onStep={onStep} />
            </FactionStep>
          )}
          {step === "name" && (
            <NameStep
              name={draft.name}
              error={join.nameError}
              onChange={(name) => change({ name })}
              onBlur={join.check}
              onSubmit={join.submit}
            >
              {join.failure && <Notice>{join.failure}</Notice>}
              <Back to="faction" onStep={onStep} />
              <Button type="submit" look="main" aria-disabled={join.busy}>
                {join.busy ? t("joining") : t("join")}
              </Button>
            </NameStep>
          )}
        </div>
        <DraftPlate draft={draft} />
      </div>
    </Plate>
  );
}

/** The furthest step the draft allows, at most the one the address asks for. */
function reachable(draft: Draft, asked: Step): Step {
  if (draft.race === Race.UNSPECIFIED) return "race";
  if (draft.faction === Faction.UNSPECIFIED && asked === "name") return "faction";
  return asked;
}

type StepListProps = { draft: Draft; step: Step; onStep: (step: Step) => void };

function StepList({ draft, step, onStep }: StepListProps) {
  const t = useTranslations("creation");
  return (
    <nav aria-label={t("steps")}>
      <ol className="steps">
        {STEPS.map((one) => (
          <li key={one}>
            <button
              type="button"
              aria-current={one === step ? "step" : undefined}
              disabled={reachable(draft, one) !== one}
              onClick={() => onStep(one)}
            >
              {t(one)}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Forward({
  to,
  ready,
  onStep,
}: {
  to: Step;
  ready: boolean;
  onStep: (step: Step) => void;
}) {
  const t = useTranslations("creation");
  return (
    <Button look="main" disabled={!ready} onClick={() => onStep(to)}>
      {t(to === "faction" ? "toFaction" : "toName")}
    </Button>
  );
}

function Back({ to, onStep }: { to: Step; onStep: (step: Step) => void }) {
  const t = useTranslations("creation");
  const step = t(to).toLocaleLowerCase();
  return <Button onClick={() => onStep(to)}>{t("back", { step })}</Button>;
}

function useJoin(draft: Draft, onJoined: (character: Character) => void) {
  const errors = useTranslations("errors");
  const queries = useQueryClient();
  const once = useOnce();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const { nameError, check, reset, refuse } = useNameCheck(draft.name);
  const submit = async () => {
    if (busy || !check()) return;
    setBusy(true);
    setFailure(null);
    try {
      const { character } = await once(JSON.stringify(draft), (idempotencyKey) =>
        characters.createCharacter({ ...draft, idempotencyKey }),
      );
      await queries.invalidateQueries({ queryKey: [FAMILY] });
      if (character) onJoined(character);
    } catch (error) {
      refuse(error);
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const shownAtField = nameError !== null || hasCode(failure, Code.AlreadyExists);
  return {
    nameError,
    check,
    busy,
    failure: failure !== null && !shownAtField ? errors(errorKind(failure)) : null,
    reset: () => {
      reset();
      setFailure(null);
    },
    submit: () => void submit(),
  };
}
