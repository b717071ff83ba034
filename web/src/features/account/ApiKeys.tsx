import { createClient } from "@connectrpc/connect";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { Select } from "@/components/Select";
import {
  type ApiKey,
  ApiKeyService,
  CreateApiKeyRequestSchema,
  type Scope,
} from "@/gen/waystone/account/v1/api_keys_pb";
import { checkField } from "@/lib/rules";
import { transport } from "@/lib/transport";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { FAMILY } from "./calls";
import { Part, Read } from "./Part";

const client = createClient(ApiKeyService, transport);
const DAYS = ["7", "30", "90", "366"] as const;

/** Keys for tools and services of the owner's. */
export function ApiKeys() {
  const t = useTranslations("account");
  const [secret, setSecret] = useState<string | null>(null);
  const [making, setMaking] = useState(false);
  const keys = useQuery({
    queryKey: [FAMILY, "keys"],
    staleTime: 0,
    queryFn: async () => (await client.listApiKeys({})).apiKeys,
  });
  const made = (given: string) => {
    setMaking(false);
    setSecret(given);
  };
  return (
    <Part title={t("keys")} lead={t("keysLead")}>
      {secret !== null && <NewSecret secret={secret} onKept={() => setSecret(null)} />}
      {making ? (
        <NewKey onMade={made} onCancel={() => setMaking(false)} />
      ) : (
        <div className="part-acts">
          <Button onClick={() => setMaking(true)}>{t("newKey")}</Button>
        </div>
      )}
      <Read query={keys}>
        {(data) =>
          data.length === 0 ? (
            <p className="muted">{t("noKeys")}</p>
          ) : (
            <ul className="cases">
              {data.map((one) => (
                <li key={String(one.id)}>
                  <OneKey apiKey={one} />
                </li>
              ))}
            </ul>
          )
        }
      </Read>
    </Part>
  );
}

function OneKey({ apiKey }: { apiKey: ApiKey }) {
  const t = useTranslations("account");
  const clock = useClock();
  const { act, busy, failure } = useAct(FAMILY);
  const {
    id: apiKeyId,
    name,
    prefix,
    scopes,
    createdAt,
    expiresAt,
    lastUsedAt,
    revokedAt,
  } = apiKey;
  const expired = expiresAt !== undefined && toMs(expiresAt) < Date.now();
  const works = !revokedAt && !expired;
  return (
    <article className={`case ${works ? "" : "case-over"}`}>
      <p className="case-head">
        <span>
          <b>{name}</b> <code>{prefix}…</code>
        </span>
        <span className="tag">
          {t(works ? "keyWorks" : revokedAt ? "keyRevoked" : "keyExpired")}
        </span>
      </p>
      <p className="case-words">{scopes.join(", ")}</p>
      <p className="muted">
        {[
          t("addedAt", { date: clock.moment(toMs(createdAt)) }),
          expiresAt && t("expiresAt", { date: clock.moment(toMs(expiresAt)) }),
          lastUsedAt ? t("usedAt", { date: clock.moment(toMs(lastUsedAt)) }) : t("neverUsed"),
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {failure && <Notice>{failure}</Notice>}
      {works && (
        <Button
          look="danger"
          aria-disabled={busy}
          onClick={() => void act(() => client.revokeApiKey({ apiKeyId }))}
        >
          {t("revokeKey", { name })}
        </Button>
      )}
    </article>
  );
}

type NewKeyProps = { onMade: (secret: string) => void; onCancel: () => void };

function NewKey({ onMade, onCancel }: NewKeyProps) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const queries = useQueryClient();
  const { act, busy, failure } = useAct(FAMILY);
  const [name, setName] = useState("");
  const [days, setDays] = useState<string>("90");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [wrong, setWrong] = useState<{ name?: boolean; scopes?: boolean }>({});
  const scopes = useQuery({
    queryKey: ["scopes"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await client.listScopes({})).scopes,
  });
  const toggle = (scope: string) => {
    const next = new Set(chosen);
    if (!next.delete(scope)) next.add(scope);
    setChosen(next);
  };
  const make = (event: FormEvent) => {
    event.preventDefault();
    const bad = {
      name: checkField(CreateApiKeyRequestSchema, "name", name.trim()) !== null,
      scopes: chosen.size === 0,
    };
    setWrong(bad);
    if (bad.name || bad.scopes) return;
    void act(async () => {
      const asked = { name: name.trim(), scopes: [...chosen], days: Number(days) };
      const { secret } = await client.createApiKey(asked);
      await queries.invalidateQueries({ queryKey: [FAMILY] });
      onMade(secret);
    });
  };
  return (
    <form className="form part-form" onSubmit={make} noValidate>
      {failure && <Notice>{failure}</Notice>}
      <Field
        label={t("keyName")}
        hint={t("keyNameHint")}
        autoComplete="off"
        error={wrong.name ? t("nameHint") : null}
        value={name}
        maxLength={64}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={t("keyDays")}
        value={days}
        options={DAYS.map((one) => [one, t("days", { count: Number(one) })])}
        onChange={(event) => setDays(event.target.value)}
      />
      <Read query={scopes}>
        {(data) => (
          <Scopes
            scopes={data}
            chosen={chosen}
            onToggle={toggle}
            error={wrong.scopes ? t("scopesNone") : null}
          />
        )}
      </Read>
      <div className="part-acts">
        <Button look="main" type="submit" aria-disabled={busy}>
          {t("makeKey")}
        </Button>
        <Button onClick={onCancel}>{common("cancel")}</Button>
      </div>
    </form>
  );
}

type ScopesProps = {
  scopes: Scope[];
  chosen: ReadonlySet<string>;
  onToggle: (scope: string) => void;
  error: string | null;
};

function Scopes({ scopes, chosen, onToggle, error }: ScopesProps) {
  const t = useTranslations("account");
  return (
    <fieldset className="scopes">
      <legend>{t("scopes")}</legend>
      {scopes.map(({ name, methods }) => (
        <label key={name} className="tick">
          <input type="checkbox" checked={chosen.has(name)} onChange={() => onToggle(name)} />
          <span>
            <code>{name}</code>{" "}
            <span className="muted">
              {methods.map((path) => path.slice(path.lastIndexOf("/") + 1)).join(", ")}
            </span>
          </span>
        </label>
      ))}
      {error && (
        <p className="field-error" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}

/** The key itself, this once. */
function NewSecret({ secret, onKept }: { secret: string; onKept: () => void }) {
  const t = useTranslations("account");
  const [copied, setCopied] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const copy = () => void navigator.clipboard?.writeText(secret).then(() => setCopied(true));
  return (
    <section className="new-codes" aria-labelledby="new-key-title">
      <h3 id="new-key-title" ref={heading} tabIndex={-1}>
        {t("keyNew")}
      </h3>
      <p>{t("keyNewLead")}</p>
      <p className="secret">
        <code>{secret}</code>
      </p>
      {copied && <Notice kind="done">{t("copied")}</Notice>}
      <div className="part-acts">
        <Button onClick={copy}>{t("copy")}</Button>
        <Button look="main" onClick={onKept}>
          {t("keyKept")}
        </Button>
      </div>
    </section>
  );
}
