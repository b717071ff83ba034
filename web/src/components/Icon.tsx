/** Small signs of the interface, drawn with the same pen as the seals. */
const PATHS = {
  roster: "M4 18l5-9 6 4 5-8M4 18h0M9 9h0M15 13h0M20 5h0",
  chat: "M4 5h16v11H11l-5 4v-4H4zM8 9h8M8 12h5",
  you: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c1-4 4-6 7.5-6s6.5 2 7.5 6",
  send: "M4 12l16-8-5 16-3-7zM12 13l8-9",
  down: "M12 5v14M6 13l6 6 6-6",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  eye: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  eyeClosed: "M3 10c3 4 6 6 9 6s6-2 9-6M6 14l-2 3M12 16v3M18 14l2 3",
  check: "M5 13l5 5L20 6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
      {name === "roster" && <RosterStars />}
    </svg>
  );
}

function RosterStars() {
  const places: [number, number][] = [
    [4, 18],
    [9, 9],
    [15, 13],
    [20, 5],
  ];
  return places.map(([x, y]) => <circle key={x} className="filled" cx={x} cy={y} r="2" />);
}
