import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import { ChannelKind } from "@/gen/waystone/chat/v1/chat_pb";
import { FilterAction, FilterSchema } from "@/gen/waystone/moderation/v1/moderation_pb";
import { checkField } from "@/lib/rules";
import { useAct } from "@/lib/useAct";
import { useErrorText } from "@/lib/useErrorText";
import { useOnce } from "@/lib/useOnce";
import { moderation } from "./calls";
import { actionName } from "./words";

const ACTIONS = {
  refuse: FilterAction.REFUSE,
  mask: FilterAction.MASK,
  report: FilterAction.REPORT,
} as const;
type ActionName = keyof typeof ACTIONS;

/** Where a filter looks: everywhere that strangers meet, or in channels of one kind. */
const KINDS = {
  all: ChannelKind.UNSPECIFIED,
  global: ChannelKind.GLOBAL,
  local: ChannelKind.LOCAL,
  guild: ChannelKind.GUILD,
  party: ChannelKind.PARTY,
  family: ChannelKind.FAMILY,
  faction: ChannelKind.FACTION,
  race: ChannelKind.RACE,
  whisper: ChannelKind.WHISPER,
  custom: ChannelKind.CUSTOM,
} as const;
type KindName = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as KindName[];

function kindName(kind: ChannelKind): KindName {
  return KIND_NAMES.find((one) => KINDS[one] === kind) ?? "all";
}

export function Filters() {
  const t = useTranslations("moderation");
  const explain = useErrorText();
  const { act, failure } = useAct("moderation");
  const { data, error, isPending } = useQuery({
    queryKey: ["moderation", "filters"],
    staleTime: 0,
    queryFn: async () => (await moderation.listFilters({})).filters,
  });
  return (
    <section className="reports" aria-label={t("view.filters")}>
      <p className="muted">{t("filtersLead")}</p>
      <NewFilter />
      {isPending && <p className="muted">{t("reading")}</p>}
      {error && <Notice>{explain(error)}</Notice>}
      {failure && <Notice>{failure}</Notice>}
      <ul className="blocks">
        {data?.map((filter) => (
          <li key={String(filter.id)}>
            <b>{filter.words}</b>
            <span className="muted">
              {t(`filterKind.${kindName(filter.channelKind)}`)}:{" "}
              {t(`action.${actionName(filter.action)}`)}
            </span>
            <Button
              onClick={() => void act(() => moderation.deleteFilter({ filterId: filter.id }))}
            >
              {t("removeFilter", { words: filter.words })}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function NewFilter() {
  const t = useTranslations("moderation");
  const once = useOnce();
  const { act, busy, failure } = useAct("moderation");
  const [words, setWords] = useState("");
  const [action, setAction] = useState<ActionName>("refuse");
  const [kind, setKind] = useState<KindName>("all");
  const [wrong, setWrong] = useState(false);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(FilterSchema, "words", words.trim()) !== null;
    setWrong(bad);
    if (bad) return;
    const filter = { words: words.trim(), action: ACTIONS[action], channelKind: KINDS[kind] };
    void act(() =>
      once(Object.values(filter).join(), (idempotencyKey) =>
        moderation.putFilter({ filter, idempotencyKey }),
      ),
    ).then((done) => done && setWords(""));
  };
  return (
    <form className="form filter-form" onSubmit={add}>
      <Field
        label={t("filterWords")}
        error={wrong ? t("filterHint") : null}
        value={words}
        maxLength={100}
        onChange={(event) => setWords(event.target.value)}
      />
      <Select
        label={t("filterWhere")}
        value={kind}
        options={KIND_NAMES.map((one) => [one, t(`filterKind.${one}`)])}
        onChange={(event) => setKind(event.target.value as KindName)}
      />
      <Select
        label={t("filterAction")}
        value={action}
        options={(Object.keys(ACTIONS) as ActionName[]).map((one) => [one, t(`action.${one}`)])}
        onChange={(event) => setAction(event.target.value as ActionName)}
      />
      <Button type="submit" aria-disabled={busy}>
        {t("addFilter")}
      </Button>
      {failure && <Notice>{failure}</Notice>}
    </form>
  );
}
