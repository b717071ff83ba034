import { Code } from "@connectrpc/connect";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { CreateCharacterRequestSchema } from "@/gen/waystone/character/v1/character_pb";
import { fieldViolations, hasCode } from "@/lib/errors";
import { checkField } from "@/lib/rules";

/** What is wrong with a character's name: by the schema's rules here, then by the server's answer. */
export function useNameCheck(name: string) {
  const t = useTranslations();
  const [nameError, setNameError] = useState<string | null>(null);

  const check = (): boolean => {
    const broken = checkField(CreateCharacterRequestSchema, "name", name);
    setNameError(broken && sentence(broken));
    return broken === null;
  };

  const sentence = (broken: NonNullable<ReturnType<typeof checkField>>): string => {
    if (broken.rule === "pattern") return t("fields.characterNamePattern");
    if ("limit" in broken) return t(`fields.${broken.rule}`, { limit: broken.limit });
    return t(`fields.${broken.rule}`);
  };

  /** The server's objection, if it is about the name. */
  const refuse = (error: unknown): void => {
    const violation = fieldViolations(error).find((one) => one.field === "name");
    if (violation) setNameError(violation.description);
    else if (hasCode(error, Code.AlreadyExists)) setNameError(t("creation.nameTaken"));
  };

  return { nameError, check, refuse, reset: () => setNameError(null) };
}
