import { type ReactNode, useEffect, useId, useRef } from "react";
import { useTranslations } from "use-intl";
import { Icon } from "@/components/Icon";

type PanelProps = { title: string; onClose: () => void; children: ReactNode };

/** A sheet over the conversation. Escape closes it. */
export function Panel({ title, onClose, children }: PanelProps) {
  const t = useTranslations("common");
  const id = useId();
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.querySelector<HTMLElement>("input, button")?.focus(), []);
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
