import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/Button";
import { Field } from "@/components/Field";
import { FinishPasskeyRequestSchema } from "@/gen/waystone/account/v1/factors_pb";
import { checkField } from "@/lib/rules";

type NameFormProps = {
  label: string;
  hint?: string;
  initial?: string;
  submit: string;
  busy: boolean;
  onName: (name: string) => void;
  onCancel: () => void;
};

/** What the owner calls a passkey. */
export default function NameForm({
  label,
  hint,
  initial = "",
  submit,
  busy,
  onName,
  onCancel,
}: NameFormProps) {
  const t = useTranslations("account");
  const common = useTranslations("common");
  const [name, setName] = useState(initial);
  const [wrong, setWrong] = useState(false);
  const send = (event: FormEvent) => {
    event.preventDefault();
    const bad = checkField(FinishPasskeyRequestSchema, "name", name.trim()) !== null;
    setWrong(bad);
    if (!bad && !busy) onName(name.trim());
  };
  return (
    <form className="form part-form" onSubmit={send} noValidate>
      <Field
        label={label}
        {...(hint && { hint })}
        autoComplete="off"
        error={wrong ? t("nameHint") : null}
        value={name}
        maxLength={64}
        onChange={(event) => setName(event.target.value)}
      />
      <div className="part-acts">
        <Button look="main" type="submit" aria-disabled={busy}>
          {submit}
        </Button>
        <Button onClick={onCancel}>{common("cancel")}</Button>
      </div>
    </form>
  );
}
