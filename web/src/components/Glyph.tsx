import type { FactionName } from "@/lib/theme";

type GlyphProps = { faction: FactionName; className?: string };

/** A faction's sign: it never stands for the faction by its colour alone. */
export function Glyph({ faction, className = "" }: GlyphProps) {
  return (
    <svg className={`glyph ${className}`} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      {DRAWINGS[faction]}
    </svg>
  );
}

const DRAWINGS: Record<FactionName, React.ReactNode> = {
  // An empty ring: nothing chosen.
  none: <circle cx="16" cy="16" r="11" strokeDasharray="1.5 3" />,
  // Ring and meridians.
  order: (
    <>
      <circle cx="16" cy="16" r="12" />
      <ellipse cx="16" cy="16" rx="5" ry="12" />
      <path d="M4 16h24M6 9.5h20M6 22.5h20M16 4v24" />
    </>
  ),
  // A broken ring and a star that left it.
  chaos: (
    <>
      <path d="M24.6 7.6A12 12 0 1 0 28 16.6" />
      <path className="filled" d="M23 2l1.6 5.2L30 8.6l-5 2.2-1.4 5.4-2.4-4.8-5.4-.6 4.4-3.4z" />
      <path d="M16 16l4-4M11 21l-2 2M16 16l-1.6 4.6M16 16l-5-1.4" />
    </>
  ),
  // A crescent eclipse.
  void: (
    <>
      <circle cx="16" cy="16" r="12" strokeDasharray=".8 2.4" />
      <path className="filled" d="M16 5.5a10.5 10.5 0 1 0 10.2 13A8.4 8.4 0 1 1 16 5.5z" />
    </>
  ),
};
