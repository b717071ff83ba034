import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { Notice } from "@/components/Notice";
import { keeper } from "@/lib/transport";
import { useErrorText } from "@/lib/useErrorText";
import { useOnce } from "@/lib/useOnce";
import { useSignedIn } from "@/lib/useSession";
import { toMs } from "@/lib/when";
import { account } from "./calls";
import { type File, gatherFiles } from "./gather";
import { Part } from "./Part";
import { saveFile } from "./save";
import { zip } from "./zip";

/** A copy of everything, and the end of the account. */
export function YourData() {
  return (
    <div className="parts">
      <Export />
      <Close />
    </div>
  );
}

/** Everything may be a lot, and is read from everywhere. */
const EXPORT_TIMEOUT_MS = 600_000;

function Export() {
  const t = useTranslations("account");
  const explain = useErrorText();
  const session = useSignedIn();
  const [bytes, setBytes] = useState<number | null>(null);
  const [done, setDone] = useState<File[] | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const busy = bytes !== null;
  const run = async () => {
    if (busy) return;
    setBytes(0);
    setDone(null);
    setFailure(null);
    try {
      const parts = account.exportAccount({}, { timeoutMs: EXPORT_TIMEOUT_MS });
      const files = await gatherFiles(parts, setBytes);
      saveFile(`waystone-${session?.userName ?? "account"}.zip`, zip(files), "application/zip");
      setDone(files);
    } catch (error) {
      setFailure(error);
    } finally {
      setBytes(null);
    }
  };
  return (
    <Part title={t("export")} lead={t("exportLead")}>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      {done && <Notice kind="done">{t("exported", { count: done.length })}</Notice>}
      {busy && <p role="status">{t("exporting", { kilobytes: Math.ceil(bytes / 1000) })}</p>}
      <div className="part-acts">
        <Button aria-disabled={busy} onClick={() => void run()}>
          {t("exportStart")}
        </Button>
      </div>
    </Part>
  );
}

function Close() {
  const t = useTranslations("account");
  const [open, setOpen] = useState(false);
  return (
    <Part title={t("close")} lead={t("closeLead")}>
      {open ? (
        <CloseForm onCancel={() => setOpen(false)} />
      ) : (
        <div className="part-acts">
          <Button look="danger" onClick={() => setOpen(true)}>
            {t("toClose")}
          </Button>
        </div>
      )}
    </Part>
  );
}

function CloseForm({ onCancel }: { onCancel: () => void }) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const explain = useErrorText();
  const session = useSignedIn();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const once = useOnce();
  const userName = session?.userName ?? "";
  const close = async (event: FormEvent) => {
    event.preventDefault();
    const bad = typed.trim().toLowerCase() !== userName.toLowerCase();
    setWrong(bad);
    if (bad || busy) return;
    setBusy(true);
    setFailure(null);
    try {
      const { erasedAt } = await once(typed.trim(), (idempotencyKey) =>
        account.closeAccount({ userName: typed.trim(), idempotencyKey }),
      );
      keeper.leave(toMs(erasedAt));
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  return (
    <form className="form part-form" onSubmit={(event) => void close(event)} noValidate>
      {failure !== null && <Notice>{explain(failure)}</Notice>}
      <Field
        label={t("closeName")}
        hint={t("closeNameHint", { name: userName })}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        error={wrong ? t("closeNameWrong") : null}
        value={typed}
        maxLength={24}
        onChange={(event) => setTyped(event.target.value)}
      />
      <div className="part-acts">
        <Button look="danger" type="submit" aria-disabled={busy}>
          {t("closeConfirm")}
        </Button>
        <Button onClick={onCancel}>{common("cancel")}</Button>
      </div>
    </form>
  );
}
