import { type ReactNode, useEffect, useId, useRef } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "./Icon";

type DialogProps = {
  title: string;
  onClose: () => void;
  className?: string;
  children: ReactNode;
};

/** A modal dialog, open as long as it is there. A sheet on phones. */
export function Dialog({ title, onClose, className = "", children }: DialogProps) {
  const t = useTranslations("common");
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className={`dialog dialog-sheet ${className}`}
      aria-labelledby={id}
      onClose={onClose}
    >
      <button
        type="button"
        className="dialog-close"
        aria-label={t("close")}
        onClick={() => dialog.current?.close()}
      >
        <Icon name="close" />
      </button>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}
