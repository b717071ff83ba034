import { type ComponentProps, useState } from "react";
import { useTranslations } from "use-intl";
import { Field } from "@/components/Field";
import { Icon } from "@/components/Icon";

/** A password one may look at. Paste and password managers work: it is an ordinary input. */
export function PasswordField(props: ComponentProps<typeof Field>) {
  const t = useTranslations("auth");
  const [shown, setShown] = useState(false);
  return (
    <Field
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
