import { type ComponentProps, useState } from "react";
import { useTranslations } from "use-intl";
import { Field } from "./Field";
import { Icon } from "./Icon";

/** From this many characters on, a password is good by itself (NIST SP 800-63B-4). */
const GOOD_LENGTH = 15;

type PasswordFieldProps = ComponentProps<typeof Field> & {
  value: string;
  /** One that is being chosen: tells how its length is. */
  isNew?: boolean;
};

/** A password one may look at. Paste and password managers work: it is an ordinary input. */
export function PasswordField({ isNew = false, ...props }: PasswordFieldProps) {
  const t = useTranslations("auth");
  const [shown, setShown] = useState(false);
  const length = [...props.value].length;
  const note =
    !isNew || length === 0
      ? null
      : length < GOOD_LENGTH
        ? t("passwordFair", { count: length, good: GOOD_LENGTH })
        : t("passwordGood", { count: length });
  return (
    <Field
      autoComplete={isNew ? "new-password" : "current-password"}
      autoCapitalize="none"
      spellCheck={false}
      note={note}
      {...props}
      type={shown ? "text" : "password"}
      trailing={
        <button
          type="button"
          className="field-button"
          aria-label={shown ? t("hide") : t("show")}
          onClick={() => setShown(!shown)}
        >
          <Icon name={shown ? "eyeClosed" : "eye"} />
        </button>
      }
    />
  );
}
