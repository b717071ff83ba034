// Weighs what a direct visit to each screen downloads against the design's budget, and fails the
// build beyond it. tests/e2e/load.test.mjs holds real visits to the same limits.
//
// A visit loads the entry, the parts of the place and all they import statically; inside the frame
// the event stream and, where it stands beside the plate, the chat follow by themselves and count as
// well. The first figure is what has to be there before the plate is drawn. Sizes are gzip at its
// default level; woff2 is packed already.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_KB = { js: 170, css: 14, woff2: 90 };
const ENTRY = "index.html";
const GATE = ["src/app/gate.tsx"];
const DOOR = [...GATE, "src/app/entry.tsx"];
const FRAME = ["src/app/Frame.tsx"];
const ACCOUNT = [...FRAME, "src/app/AccountScreen.tsx"];
/** What follows by itself: on phones, and where there is room for the chat's drawer. */
const STREAM = ["src/app/tidings.ts"];
const CHAT = [...STREAM, "src/app/ChatPlace.tsx"];

const inside = (screen, parts = FRAME, own = []) => ({
  parts: [...parts, screen],
  follows: [
    [...STREAM, ...own],
    [...CHAT, ...own],
  ],
});
const SCREENS = {
  "sign in": { parts: GATE, follows: [[]] },
  "second factor": { parts: DOOR, follows: [[]] },
  roster: inside("src/app/RosterScreen.tsx"),
  creation: inside("src/app/CreationScreen.tsx"),
  chat: { parts: [...FRAME, "src/app/ChatScreen.tsx"], follows: [CHAT] },
  notices: inside("src/app/NoticesScreen.tsx"),
  standing: inside("src/app/StandingScreen.tsx"),
  moderation: inside("src/app/ModerationScreen.tsx"),
  account: inside("src/features/account/Overview.tsx", ACCOUNT),
  "ways in": inside("src/features/account/Factors.tsx", ACCOUNT, [
    "src/features/account/Linked.tsx",
  ]),
  sessions: inside("src/features/account/Sessions.tsx", ACCOUNT),
  "security log": inside("src/features/account/SecurityLog.tsx", ACCOUNT),
  "API keys": inside("src/features/account/ApiKeys.tsx", ACCOUNT),
  "your data": inside("src/features/account/YourData.tsx", ACCOUNT),
};

const dist = new URL("../dist/", import.meta.url);
const manifestPath = new URL("manifest.json", dist);
const manifest = JSON.parse(readFileSync(manifestPath, "utf8"));

/** The files of some chunks and of everything they import statically. */
function filesOf(names, files = new Set()) {
  for (const name of names) {
    const chunk = manifest[name];
    if (!chunk) throw new Error(`the build has no ${name}`);
    if (files.has(chunk.file)) continue;
    files.add(chunk.file);
    for (const file of [...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(file);
    filesOf(chunk.imports ?? [], files);
  }
  return files;
}

function weigh(files) {
  const bytes = { js: 0, css: 0, woff2: 0 };
  for (const file of files) {
    const kind = file.split(".").at(-1);
    if (!(kind in bytes)) continue;
    const content = readFileSync(new URL(file, dist));
    bytes[kind] += kind === "woff2" ? content.length : gzipSync(content).length;
  }
  return bytes;
}

const kb = (bytes) => (bytes / 1000).toFixed(1);
let over = false;
for (const [screen, { parts, follows }] of Object.entries(SCREENS)) {
  const drawn = weigh(filesOf([ENTRY, ...parts]));
  const visits = follows.map((more) => weigh(filesOf([ENTRY, ...parts, ...more])));
  const most = visits.at(-1);
  over ||= Object.entries(LIMIT_KB).some(([kind, limit]) => most[kind] > limit * 1000);
  const js = [drawn, ...visits].map((bytes) => kb(bytes.js));
  console.log(
    `${screen.padEnd(14)}js ${[...new Set(js)].join(" + ")}`.padEnd(42),
    Object.entries(LIMIT_KB)
      .map(([kind, limit]) => `${kind} ${kb(most[kind])} of ${limit} KB`)
      .join(", "),
  );
}
rmSync(manifestPath);
if (over) {
  console.error("A direct visit is over its budget.");
  process.exit(1);
}
