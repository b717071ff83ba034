import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { Passkey } from "@/gen/waystone/account/v1/account_pb";
import { ahead } from "@/lib/ahead";
import { hasPasskeys } from "@/lib/hasPasskeys";
import { useAct } from "@/lib/useAct";
import { useClock } from "@/lib/useClock";
import { toMs } from "@/lib/when";
import { FAMILY } from "./calls";
import { factors } from "./factors";

// Forms come when one is opened.
const NameForm = lazy(() => import("./NameForm"));

const loadPasskeys = () => import("@/lib/passkeys");

type PasskeysProps = { passkeys: Passkey[]; onCodes: (codes: string[]) => void };

export function Passkeys({ passkeys, onCodes }: PasskeysProps) {
  const t = useTranslations("account");
  return (
    <>
      {passkeys.length === 0 && <p className="muted">{t("noPasskeys")}</p>}
      <ul className="cases">
        {passkeys.map((passkey) => (
          <li key={String(passkey.id)}>
            <OnePasskey passkey={passkey} />
          </li>
        ))}
      </ul>
      {hasPasskeys() ? <NewPasskey onCodes={onCodes} /> : <p>{t("passkeysNot")}</p>}
    </>
  );
}

function OnePasskey({ passkey }: { passkey: Passkey }) {
  const t = useTranslations("account");
  const clock = useClock();
  const { act, busy, failure } = useAct(FAMILY);
  const [renaming, setRenaming] = useState(false);
  const { id: passkeyId, name, synced, createdAt, lastUsedAt } = passkey;
  const rename = async (to: string) => {
    if (await act(() => factors.renamePasskey({ passkeyId, name: to }))) setRenaming(false);
  };
  return (
    <article className="case">
      <p className="case-head">
        <b>{name}</b>
        <span className="tag">{t(synced ? "synced" : "oneDevice")}</span>
      </p>
      <p className="muted">
        {t("addedAt", { date: clock.moment(toMs(createdAt)) })} ·{" "}
        {lastUsedAt ? t("usedAt", { date: clock.moment(toMs(lastUsedAt)) }) : t("neverUsed")}
      </p>
      {failure && <Notice>{failure}</Notice>}
      {renaming ? (
        <Suspense>
          <NameForm
            label={t("passkeyName")}
            initial={name}
            submit={t("rename")}
            busy={busy}
            onName={(to) => void rename(to)}
            onCancel={() => setRenaming(false)}
          />
        </Suspense>
      ) : (
        <div className="part-acts">
          <Button onClick={() => setRenaming(true)}>{t("renameOne", { name })}</Button>
          <Button
            look="danger"
            aria-disabled={busy}
            onClick={() => void act(() => factors.removePasskey({ passkeyId }))}
          >
            {t("removeOne", { name })}
          </Button>
        </div>
      )}
    </article>
  );
}

function NewPasskey({ onCodes }: Pick<PasskeysProps, "onCodes">) {
  const t = useTranslations("account");
  const { act, busy, failure } = useAct(FAMILY);
  const [naming, setNaming] = useState(false);
  const add = (name: string) =>
    act(async () => {
      const [{ challengeToken, passkeyOptions }, { makePasskey }] = await Promise.all([
        factors.startPasskey({}),
        loadPasskeys(),
      ]);
      const made = await makePasskey(passkeyOptions);
      if (!made) return; // called off in the browser
      const { recoveryCodes } = await factors.finishPasskey({ challengeToken, name, ...made });
      setNaming(false);
      onCodes(recoveryCodes);
    });
  if (!naming) {
    return (
      <div className="part-acts">
        <Button onClick={() => setNaming(true)} {...ahead(loadPasskeys)}>
          {t("addPasskey")}
        </Button>
      </div>
    );
  }
  return (
    <>
      {failure && <Notice>{failure}</Notice>}
      <Suspense>
        <NameForm
          label={t("passkeyName")}
          hint={t("passkeyNameHint")}
          submit={t("makePasskey")}
          busy={busy}
          onName={(name) => void add(name)}
          onCancel={() => setNaming(false)}
        />
      </Suspense>
    </>
  );
}
