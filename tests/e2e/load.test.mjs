// What a direct visit to each screen loads, in a browser that has nothing of it yet: scripts, style
// sheets and fonts that come before anybody touches the page, as the server sends them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PASSWORD } from "../service/js/stage.mjs";
import { openStage } from "./person.mjs";

const LIMIT_KB = { Script: 170, Stylesheet: 14, Font: 90 };
const VIEWPORTS = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 } };
const GATE = ["/sign-in", "/register", "/recover", "/verify-email"];
const INSIDE = [
  "/roster",
  "/roster/new",
  "/chat",
  "/notices",
  "/standing",
  "/moderation",
  "/account",
  "/account/factors",
  "/account/sessions",
  "/account/log",
  "/account/keys",
  "/account/data",
];
/** Nothing came for so long: what was going to load has loaded. */
const QUIET_MS = 500;

let stage;
let person;
before(async () => {
  stage = await openStage("e2e-load");
  person = await stage.arrive("weigher");
  await person.register();
  await person.create();
  // A moderator: sees all there is on every screen.
  await stage.world.psql(
    `UPDATE accounts SET role = 3 WHERE user_name = '${person.name}' RETURNING id`,
  );
  await person.signOut();
  await person.enterPassword(PASSWORD);
  await person.atHome();
});
after(async () => {
  await person?.leave();
  await stage?.close();
});

/** Bytes of the files that a visit loads, as they come over the wire, by kind. */
async function weigh(page, path) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  const begun = new Map();
  const bytes = { Script: 0, Stylesheet: 0, Font: 0 };
  let lastMs = Date.now();
  client.on("Network.responseReceived", ({ requestId, type, response }) =>
    begun.set(requestId, { type, headBytes: response.encodedDataLength }),
  );
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const { type, headBytes } = begun.get(requestId) ?? {};
    if (!(type in bytes)) return;
    bytes[type] += encodedDataLength - headBytes;
    lastMs = Date.now();
  });
  await page.goto(person.url + path);
  await page.getByRole("heading").filter({ visible: true }).first().waitFor();
  while (Date.now() - lastMs < QUIET_MS) await page.waitForTimeout(50);
  await client.detach();
  return bytes;
}

/** Visits screens one after the other; prints what each loads, and holds it to the budget. */
async function visitAll(t, page, paths) {
  const over = [];
  for (const path of paths) {
    const bytes = await weigh(page, path);
    const words = Object.entries(LIMIT_KB).map(([kind, limit]) => {
      if (bytes[kind] > limit * 1000) over.push(`${path}: ${kind} ${bytes[kind]}`);
      return `${kind.toLowerCase()} ${(bytes[kind] / 1000).toFixed(1)} of ${limit} KB`;
    });
    t.diagnostic(`${path.padEnd(18)} ${words.join(", ")}`);
    assert.ok(bytes.Script > 50_000, `${path} was not weighed`);
  }
  assert.deepEqual(over, []);
}

for (const [name, viewport] of Object.entries(VIEWPORTS)) {
  test(`${name}, without a session: every screen is within the budget`, async (t) => {
    const visitor = await stage.arrive("visitor", { viewport });
    await visitAll(t, visitor.page, GATE);
    await visitor.leave();
  });

  test(`${name}, with a session: every screen is within the budget`, async (t) => {
    await person.page.setViewportSize(viewport);
    await visitAll(t, person.page, INSIDE);
  });
}
