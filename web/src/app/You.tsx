import { type Ref, useId, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Notice } from "@/components/Notice";
import type { SignedIn } from "@/lib/session";
import { type Density, type Mode, useTheme } from "@/lib/theme";
import { keeper } from "@/lib/transport";
import { Link } from "./router";

type YouProps = { session: SignedIn; ref: Ref<HTMLDialogElement> };

/** The account, how the page looks, and the way out. A sheet on phones. */
export function You({ session, ref }: YouProps) {
  const t = useTranslations();
  const title = useId();
  const { mode, density, setMode, setDensity } = useTheme();
  return (
    <dialog ref={ref} className="dialog you" aria-labelledby={title} closedby="any">
      <form method="dialog">
        <button type="submit" className="dialog-close" aria-label={t("common.close")}>
          <Icon name="close" />
        </button>
      </form>
      <h2 id={title}>{t("settings.title")}</h2>
      <p>
        {t("auth.signedInAs", { name: session.userName })}
        <br />
        <span className="muted">{session.email}</span>
      </p>
      <Choice<Mode>
        legend={t("settings.mode")}
        value={mode}
        options={[
          ["night", t("settings.night")],
          ["day", t("settings.day")],
          ["system", t("settings.system")],
        ]}
        onChange={setMode}
      />
      <Choice<Density>
        legend={t("settings.density")}
        value={density}
        options={[
          ["cosy", t("settings.cosy")],
          ["compact", t("settings.compact")],
        ]}
        onChange={setDensity}
      />
      <Link to="/account" onClick={(event) => event.currentTarget.closest("dialog")?.close()}>
        {t("auth.toAccount")}
      </Link>
      <Link to="/standing" onClick={(event) => event.currentTarget.closest("dialog")?.close()}>
        {t("settings.standing")}
      </Link>
      <SignOut />
    </dialog>
  );
}

function SignOut() {
  const t = useTranslations("auth");
  const [failed, setFailed] = useState(false);
  const signOut = () => {
    setFailed(false);
    keeper.signOut().catch(() => setFailed(true));
  };
  return (
    <>
      {failed && <Notice>{t("signOutFailed")}</Notice>}
      <Button onClick={signOut}>{t("signOut")}</Button>
    </>
  );
}

type ChoiceProps<Value> = {
  legend: string;
  value: Value;
  options: [Value, string][];
  onChange: (value: Value) => void;
};

function Choice<Value extends string>({ legend, value, options, onChange }: ChoiceProps<Value>) {
  const name = useId();
  return (
    <fieldset className="switch">
      <legend>{legend}</legend>
      {options.map(([one, label]) => (
        <label key={one}>
          <input type="radio" name={name} checked={one === value} onChange={() => onChange(one)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
