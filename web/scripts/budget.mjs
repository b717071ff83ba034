// Weighs what a first visit to each screen downloads against the design's budget, and fails the
// build beyond it.
//
// A screen's load is the entry, the screen's own chunk and all they import statically, plus the
// frame around it. The conversation and the event stream load after the plate is drawn, in the
// drawer as on the chat's own screen, and are weighed by themselves: what they add to the frame. Sizes are gzip at its default level; woff2 is packed already.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_KB = { js: 170, css: 14, woff2: 90 };
const ENTRY = "index.html";
const FRAME = "src/app/Frame.tsx";
const ACCOUNT = [FRAME, "src/app/AccountScreen.tsx"];
const SCREENS = {
  "sign in": ["src/app/gate.tsx"],
  "second factor": ["src/app/gate.tsx", "src/app/entry.tsx"],
  roster: [FRAME, "src/app/RosterScreen.tsx"],
  creation: [FRAME, "src/app/CreationScreen.tsx"],
  chat: [FRAME, "src/app/ChatScreen.tsx"],
  account: [...ACCOUNT, "src/features/account/Overview.tsx"],
  "ways in": [...ACCOUNT, "src/features/account/Factors.tsx"],
  "API keys": [...ACCOUNT, "src/features/account/ApiKeys.tsx"],
};
/** What comes after the first screen is drawn, on all of them: the conversation and its stream. */
const CHAT = ["src/app/ChatPlace.tsx", "src/app/tidings.ts"];
const CHAT_LIMIT_KB = 40;

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

let over = false;
for (const [screen, chunks] of Object.entries(SCREENS)) {
  const bytes = weigh(filesOf([ENTRY, ...chunks]));
  const words = Object.entries(LIMIT_KB).map(([kind, limit]) => {
    over ||= bytes[kind] > limit * 1000;
    return `${kind} ${(bytes[kind] / 1000).toFixed(1)} of ${limit} KB`;
  });
  console.log(`${screen.padEnd(14)}${words.join(", ")}`);
}
const frame = filesOf([ENTRY, FRAME]);
const added = weigh([...filesOf(CHAT)].filter((file) => !frame.has(file))).js;
over ||= added > CHAT_LIMIT_KB * 1000;
console.log(`chat adds js ${(added / 1000).toFixed(1)} of ${CHAT_LIMIT_KB} KB`);
rmSync(manifestPath);
if (over) {
  console.error("A first load is over its budget.");
  process.exit(1);
}
