import { useEffect, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import type { Character } from "@/gen/waystone/character/v1/character_pb";
import { newKey } from "@/lib/ids";
import { useAct } from "@/lib/useAct";
import { characters, FAMILY } from "./calls";

type RemoveDialogProps = { character: Character; onClose: () => void; onRemoved: () => void };

/** Removing cannot be undone, so it is asked once more, naming who and what. */
export function RemoveDialog({ character, onClose, onRemoved }: RemoveDialogProps) {
  const t = useTranslations("roster");
  const common = useTranslations("common");
  const title = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const [idempotencyKey] = useState(newKey);
  const { act, busy, failure } = useAct(FAMILY);
  const remove = async () => {
    const gone = await act(() => characters.deleteCharacter({ id: character.id, idempotencyKey }));
    if (!gone) return;
    onRemoved();
    onClose();
  };
  useEffect(() => dialog.current?.showModal(), []);

  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>{t("removeTitle", { name: character.name })}</h2>
      <p>{t("removeLead")}</p>
      {failure && <Notice>{failure}</Notice>}
      <div className="dialog-acts">
        <Button onClick={() => dialog.current?.close()}>{common("cancel")}</Button>
        <Button look="danger" aria-disabled={busy} onClick={() => void remove()}>
          {t("removeConfirm", { name: character.name })}
        </Button>
      </div>
    </dialog>
  );
}
