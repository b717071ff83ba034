import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";

type PanelProps = { title: string; onClose: () => void; children: ReactNode };

/** A sheet over the conversation. Escape closes it. */
export function Panel({ title, onClose, children }: PanelProps) {
  const t = useTranslations("common");
  const id = useId();
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const sheet = panel.current;
    const before = document.activeElement;
    sheet?.querySelector<HTMLElement>("input, button")?.focus();
    // Closing gives the focus back, unless somebody took it elsewhere meanwhile.
    return () => {
      if (sheet?.contains(document.activeElement) && before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <section
      ref={panel}
      className="chat-panel"
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.stopPropagation();
        onClose();
      }}
    >
      <header>
        <h3 id={id}>{title}</h3>
        <button type="button" className="act" aria-label={t("close")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </section>
  );
}
