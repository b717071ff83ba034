import { createConnectQueryKey, useMutation } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { type Character, CharacterService } from "@/gen/waystone/character/v1/character_pb";
import { errorKind } from "@/lib/errors";
import { newKey } from "@/lib/ids";

type RemoveDialogProps = { character: Character; onClose: () => void; onRemoved: () => void };

/** Removing cannot be undone, so it is asked once more, naming who and what. */
export function RemoveDialog({ character, onClose, onRemoved }: RemoveDialogProps) {
  const t = useTranslations("roster");
  const common = useTranslations("common");
  const errors = useTranslations("errors");
  const title = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const queries = useQueryClient();
  const [idempotencyKey] = useState(newKey);
  const remove = useMutation(CharacterService.method.deleteCharacter, {
    onSuccess: async () => {
      await queries.invalidateQueries({
        queryKey: createConnectQueryKey({
          schema: CharacterService.method.listCharacters,
          cardinality: "finite",
        }),
      });
      onRemoved();
      onClose();
    },
  });
  useEffect(() => dialog.current?.showModal(), []);

  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>{t("removeTitle", { name: character.name })}</h2>
      <p>{t("removeLead")}</p>
      {remove.error && <Notice>{errors(errorKind(remove.error))}</Notice>}
      <div className="dialog-acts">
        <Button onClick={() => dialog.current?.close()}>{common("cancel")}</Button>
        <Button
          look="danger"
          aria-disabled={remove.isPending}
          onClick={() => !remove.isPending && remove.mutate({ id: character.id, idempotencyKey })}
        >
          {t("removeConfirm", { name: character.name })}
        </Button>
      </div>
    </dialog>
  );
}
