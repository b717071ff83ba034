import { type KeyboardEvent, type ReactNode, useRef } from "react";

type ChoiceGridProps<Value> = {
  legend: string;
  values: readonly Value[];
  chosen: Value | null;
  columns: number;
  className?: string;
  onChoose: (value: Value) => void;
  nameOf: (value: Value) => string;
  draw: (value: Value) => ReactNode;
};

/** Radio buttons in a grid: one stop for Tab, the four arrows move and choose. */
export function ChoiceGrid<Value extends number>(props: ChoiceGridProps<Value>) {
  const { legend, values, chosen, columns, className = "", onChoose, nameOf, draw } = props;
  const group = useRef<HTMLDivElement>(null);
  const stop = chosen ?? values[0];

  const onKeyDown = (event: KeyboardEvent, at: number) => {
    const step = STEPS[event.key]?.(columns);
    if (step === undefined) return;
    event.preventDefault();
    const next = values[(at + step + values.length) % values.length];
    if (next === undefined) return;
    onChoose(next);
    group.current?.querySelector<HTMLElement>(`[data-value="${next}"]`)?.focus();
  };

  return (
    <div ref={group} role="radiogroup" aria-label={legend} className={`choices ${className}`}>
      {values.map((value, index) => (
        // biome-ignore lint/a11y/useSemanticElements: a native radio group has no second dimension.
        <button
          key={value}
          type="button"
          role="radio"
          className="choice"
          data-value={value}
          aria-checked={value === chosen}
          aria-label={nameOf(value)}
          tabIndex={value === stop ? 0 : -1}
          onClick={() => onChoose(value)}
          onKeyDown={(event) => onKeyDown(event, index)}
        >
          {draw(value)}
        </button>
      ))}
    </div>
  );
}

const STEPS: Record<string, (columns: number) => number> = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: (columns) => columns,
  ArrowUp: (columns) => -columns,
};
