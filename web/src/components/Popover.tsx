import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from "react";

type PopoverProps = {
  /** What the button is for, to those who cannot see its sign. */
  label: string;
  sign: ReactNode;
  className?: string | undefined;
  panelClassName?: string | undefined;
  role: "menu" | "dialog";
  tabIndex?: number | undefined;
  /** The panel's content; `close` gives the focus back to the button. */
  children: (close: () => void) => ReactNode;
};

const AWAY_PX = 4;
const MARGIN_PX = 8;

/** A button and what it opens: in the top layer, gone with Escape or a click elsewhere. */
export function Popover(props: PopoverProps) {
  const { label, sign, className = "", panelClassName = "", role, tabIndex, children } = props;
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const close = () => {
    panel.current?.hidePopover();
    button.current?.focus();
  };
  const settle = () => {
    if (!panel.current || !button.current) return;
    place(panel.current, button.current);
    panel.current.querySelector<HTMLElement>("[data-first], button, input")?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        title={label}
        aria-haspopup={role}
        aria-expanded={open}
        popoverTarget={id}
        tabIndex={tabIndex}
      >
        {sign}
      </button>
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles have a label. */}
      <div
        ref={panel}
        id={id}
        popover="auto"
        role={role}
        aria-label={label}
        className={`popover ${panelClassName}`}
        onBeforeToggle={(event) => setOpen(event.newState === "open")}
        onToggle={(event) => event.newState === "open" && settle()}
      >
        {open && children(close)}
      </div>
    </>
  );
}

/** Under the button or, where there is no room, over it; never beyond the window. */
function place(panel: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const under = at.bottom + AWAY_PX;
  const top = under + height > innerHeight - MARGIN_PX ? at.top - AWAY_PX - height : under;
  const left = Math.min(at.right - width, innerWidth - width - MARGIN_PX);
  panel.style.top = `${Math.max(MARGIN_PX, top)}px`;
  panel.style.left = `${Math.max(MARGIN_PX, left)}px`;
}

export type MenuItem = { label: string; onSelect: () => void; danger?: boolean };

type MenuProps = Pick<PopoverProps, "label" | "sign" | "className" | "tabIndex"> & {
  items: readonly MenuItem[];
};

/** A menu: arrow keys move, Enter chooses. */
export function Menu({ items, ...button }: MenuProps) {
  return (
    <Popover {...button} role="menu" panelClassName="menu">
      {(close) =>
        items.map(({ label, onSelect, danger }) => (
          <button
            key={label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            className={danger ? "menu-danger" : ""}
            onKeyDown={(event) => moveFocus(event, 1)}
            onClick={() => {
              close();
              onSelect();
            }}
          >
            {label}
          </button>
        ))
      }
    </Popover>
  );
}

/** Arrow keys among the buttons of one parent, laid out in rows of `columns`. */
export function moveFocus(event: KeyboardEvent<HTMLElement>, columns: number): void {
  // The browser closes the panel; nothing around it is to close as well.
  if (event.key === "Escape") event.stopPropagation();
  const all = [...(event.currentTarget.parentElement?.querySelectorAll("button") ?? [])];
  const at = all.indexOf(event.currentTarget as HTMLButtonElement);
  const steps: Record<string, number> = {
    ArrowDown: columns,
    ArrowUp: -columns,
    ...(columns > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {}),
    Home: -at,
    End: all.length - 1 - at,
  };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  all[(at + step + all.length) % all.length]?.focus();
}
