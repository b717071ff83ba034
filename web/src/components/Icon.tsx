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
  list: "M4 6h2M4 12h2M4 18h2M9 6h11M9 12h11M9 18h11",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L21 21",
  people:
    "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3 19c.7-3.4 3-5 6-5s5.3 1.6 6 5M15.5 11a2.6 2.6 0 1 0-1-5M17 14.3c2.2.6 3.5 2 4 4.7",
  more: "M4 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0zM11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0zM18 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0z",
  reply: "M10 6L4 11l6 5v-3.5c5 0 8 1.5 10 5.5-.5-6-4-10-10-10z",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14c1.8 2.4 5.2 2.4 7 0M9 9.5h.01M15 9.5h.01",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 20.5c1 1 3 1 4 0",
  muted: "M6 16V11a6 6 0 0 1 9-5.2M18 11v5l2 2H8M10 20.5c1 1 3 1 4 0M4 4l16 16",
  key: "M8 19a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM11 12l9-9M16 7l3 3M13.5 9.5l2 2",
  scales:
    "M12 4v16M7 20h10M5 7h14M5 7l-3 7h6zM19 7l-3 7h6zM2 14c.6 2 5.4 2 6 0M16 14c.6 2 5.4 2 6 0",
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
