/**
 * The nine seals. Each people has a device (what stands in the middle) and a hatch (how the rim is
 * cut), so that a seal is told by its drawing and never by a colour.
 */
import type { ReactNode } from "react";

export type RaceName =
  | "aurelin"
  | "durnhal"
  | "nerevi"
  | "sylwen"
  | "kharad"
  | "vaelun"
  | "ishari"
  | "frostmark"
  | "umbrath"
  | "unknown";

type SealProps = { race: RaceName; className?: string };

export function Seal({ race, className = "" }: SealProps) {
  const { rim, device } = SEALS[race];
  return (
    <svg className={`seal ${className}`} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <circle className="seal-field" cx="32" cy="32" r="30" />
      <circle cx="32" cy="32" r="30" />
      <circle cx="32" cy="32" r="23.5" />
      {/* A wide dashed stroke is a row of cuts across the rim. */}
      <circle className="seal-rim" cx="32" cy="32" r="26.75" pathLength="360" {...rim} />
      {device}
    </svg>
  );
}

type Rim = { strokeDasharray: string; strokeWidth: number };

const SEALS: Record<RaceName, { rim: Rim; device: ReactNode }> = {
  // An eight-pointed star over the table lands.
  aurelin: {
    rim: { strokeDasharray: "1 9", strokeWidth: 6.5 },
    device: (
      <>
        <path
          className="filled"
          d="M32 13l2.2 9 7.4-4.6-4.6 7.4 9 2.2-9 2.2 4.6 7.4-7.4-4.6-2.2 9-2.2-9-7.4 4.6 4.6-7.4-9-2.2 9-2.2-4.6-7.4 7.4 4.6z"
        />
        <path d="M13 45h9l3-4h14l3 4h9M18 49h28" />
      </>
    ),
  },
  // Arches within arches: halls that carry a note.
  durnhal: {
    rim: { strokeDasharray: "8 4", strokeWidth: 4 },
    device: (
      <>
        <path d="M17 47V32a15 15 0 0 1 30 0v15M22 47V33a10 10 0 0 1 20 0v14M27 47V34a5 5 0 0 1 10 0v13" />
        <path d="M13 47h38M32 37v6" />
        <path className="filled" d="M32 42l2 3-2 3-2-3z" />
      </>
    ),
  },
  // A sail above three waters.
  nerevi: {
    rim: { strokeDasharray: "3 3 1 3", strokeWidth: 3 },
    device: (
      <>
        <path className="filled" d="M33 13c7 6 10 13 10 20H33z" />
        <path d="M30 16v17H20c1-7 4-13 10-17zM16 36h32l-4 5H20z" />
        <path d="M14 45c3-2 6-2 9 0s6 2 9 0 6-2 9 0 6 2 9 0M19 50c3-2 6-2 9 0s6 2 9 0 5-2 8 0" />
      </>
    ),
  },
  // A tree whose roots mirror its crown.
  sylwen: {
    rim: { strokeDasharray: "1 3", strokeWidth: 3 },
    device: (
      <>
        <path d="M32 12c9 4 14 11 13 18-5 4-9 5-13 5s-8-1-13-5c-1-7 4-14 13-18z" />
        <path d="M32 17v35M32 24l6-4M32 24l-6-4M32 30l9-5M32 30l-9-5" />
        <path d="M32 42c4 0 7 2 10 6M32 42c-4 0-7 2-10 6M32 46c2 0 4 2 5 5M32 46c-2 0-4 2-5 5" />
      </>
    ),
  },
  // A flame in the smoke hole of a tent.
  kharad: {
    rim: { strokeDasharray: "6 2 1 3", strokeWidth: 6.5 },
    device: (
      <>
        <path
          className="filled"
          d="M32 12c5 5 6 8 4 12 3-1 4-3 4-5 4 6 2 12-8 13-10-1-11-8-6-13 0 3 1 4 3 4-2-4 1-7 3-11z"
        />
        <path d="M29 34L15 49h34L35 34M32 35v14M25 38l-4 11M39 38l4 11" />
      </>
    ),
  },
  // An island that hangs from a cloud.
  vaelun: {
    rim: { strokeDasharray: "12 6 2 4", strokeWidth: 1.6 },
    device: (
      <>
        <path d="M19 26a6 6 0 0 1 5-9 9 9 0 0 1 16-1 6 6 0 0 1 6 10" />
        <path d="M14 26h36M23 30h18" />
        <path className="filled" d="M19 34h26l-5 6-3 1-3 9-2-5-3-2-1-3-4-1z" />
      </>
    ),
  },
  // A prism that parts one ray into three.
  ishari: {
    rim: { strokeDasharray: "1 1.5", strokeWidth: 2 },
    device: (
      <>
        <path d="M32 16L45 40H19zM32 16v24M32 30l-13 10M32 30l13 10" />
        <path className="filled" d="M32 30l13 10H19z" />
        <path d="M12 33l13-4M39 28l12-4M40 31l12 0M42 34l10 4M15 46h34" />
      </>
    ),
  },
  // A frost crystal between two peaks.
  frostmark: {
    rim: { strokeDasharray: "4 11", strokeWidth: 6.5 },
    device: (
      <>
        <path d="M32 12v26M20.7 18.5l22.6 13M43.3 18.5l-22.6 13" />
        <path d="M28 14l4 4 4-4M28 36l4-4 4 4M20 24l5.5-1.5L24 17M44 24l-5.5-1.5L40 17M20 27l5.5 1.5L24 33M44 27l-5.5 1.5L40 33" />
        <path className="filled" d="M13 49l9-11 5 6 5-5 5 5 5-6 9 11z" />
      </>
    ),
  },
  // A crescent seen through a broken arch.
  umbrath: {
    rim: { strokeDasharray: "20 4 3 3", strokeWidth: 4.5 },
    device: (
      <>
        <path d="M17 49V31c0-5 2-9 6-12M47 49V33M27 16.5c2-1 6-1.5 9-.5M41 20l3 4" />
        <path d="M22 49V32c0-4 2-7 4-8.5M42 49V36M13 49h38M19 40h3M42 42h5" />
        <path className="filled" d="M35 23a9 9 0 1 0 4 13 7.4 7.4 0 1 1-4-13z" />
      </>
    ),
  },
  unknown: {
    rim: { strokeDasharray: "1 5", strokeWidth: 2 },
    device: <path d="M26 26a6 6 0 1 1 8 6c-2 1-2 3-2 5M32 43v1" />,
  },
};
