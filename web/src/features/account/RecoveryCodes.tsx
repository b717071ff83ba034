import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { useAct } from "@/lib/useAct";
import { FAMILY } from "./calls";
import { factors } from "./factors";

/** So few left that it is time for new ones. */
const FEW = 3;

type RecoveryCodesProps = {
  left: number;
  /** There is a factor that they could replace. */
  possible: boolean;
  onCodes: (codes: string[]) => void;
};

export function RecoveryCodes({ left, possible, onCodes }: RecoveryCodesProps) {
  const t = useTranslations("account");
  const { act, busy, failure } = useAct(FAMILY);
  const replace = () =>
    act(async () => onCodes((await factors.replaceRecoveryCodes({})).recoveryCodes));
  if (!possible) return <p>{t("codesLater")}</p>;
  return (
    <>
      <p className={left > FEW ? "fact-good" : "fact-weak"}>{t("codesLeft", { count: left })}</p>
      {failure && <Notice>{failure}</Notice>}
      <div className="part-acts">
        <Button aria-disabled={busy} onClick={() => void replace()}>
          {t("codesReplace")}
        </Button>
      </div>
    </>
  );
}
