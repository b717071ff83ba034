import type { ReactNode } from "react";

type PlateProps = {
  children: ReactNode;
  className?: string;
  /** Scopes another faction's engraving to this plate. */
  faction?: string;
};

/** A surface with an engraved margin: the faction's hatch, edge and ticks come from the tokens. */
export function Plate({ children, className = "", faction }: PlateProps) {
  return (
    <div className={`plate ${className}`} data-faction={faction}>
      <PlateGround />
      <div className="plate-body">{children}</div>
    </div>
  );
}

/** The engraved sheet alone, for elements that place their own content on it. */
export function PlateGround() {
  return (
    <div className="plate-ground" aria-hidden="true">
      <div className="plate-hatch" />
      <svg className="plate-edge" focusable="false" role="presentation">
        <rect className="edge-outer" />
        <rect className="edge-inner" />
        <rect className="edge-ticks" />
        <rect className="edge-ticks-long" />
        {/* The lines of the two cut corners, anchored to the corners they close. */}
        <svg x="100%" y="0" overflow="visible" role="presentation">
          <path className="edge-cut" d="M-26 0 0 26" />
        </svg>
        <svg x="0" y="100%" overflow="visible" role="presentation">
          <path className="edge-cut" d="M0 -26 26 0" />
        </svg>
      </svg>
    </div>
  );
}

type PlateTitleProps = { number?: string; title: string; children?: ReactNode };

/** The cartouche of a plate: its number, its title, and what belongs beside them. */
export function PlateTitle({ number, title, children }: PlateTitleProps) {
  return (
    <header className="plate-title">
      <div>
        {number && <p className="lettering">{number}</p>}
        <h1>{title}</h1>
      </div>
      {children && <div className="plate-title-side">{children}</div>}
    </header>
  );
}
