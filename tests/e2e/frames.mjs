// Measures the frames of a chat with thousands of lines held, on request only (./dev bench web):
// while somebody scrolls up and down, while lines come, and both together. Prints a JSON line per
// figure.
//
// usage: frames.mjs URL LOGIN PASSWORD LINES < talkers
// A line of its input for each who speaks meanwhile: token, character and channel.
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

const [url, login, password, linesWanted] = process.argv.slice(2);
const talkers = readFileSync(0, "utf8")
  .trim()
  .split("\n")
  .map((line) => line.split(" "));

const VIEWS = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};
/** Longer than this, and a frame was dropped that a player may see. */
const FRAME_MOST_MS = 32;
const LINES_A_SECOND = 20;
const PHASE_MS = 10_000;

const WORDS =
  "the stone at ford is lit again and half of steppe on its feet road north open we leave with first light bring maps wood nobody else".split(
    " ",
  );
let said = 0;

/** A line of some length; every third is long enough to wrap. */
function words() {
  said += 1;
  const count = said % 3 === 0 ? 40 : 4 + (said % 9);
  const start = said * 7;
  return Array.from({ length: count }, (_, i) => WORDS[(start + i * 5) % WORDS.length])
    .concat(String(said))
    .join(" ");
}

async function say() {
  const [token, characterId, channelId] = talkers[said % talkers.length];
  const answer = await fetch(`${url}/waystone.chat.v1.ChatService/SendMessage`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({
      channelId,
      characterId,
      text: words(),
      idempotencyKey: crypto.randomUUID(),
    }),
  });
  if (!answer.ok) throw new Error(`a line was refused: ${await answer.text()}`);
}

/** Speaks until told to stop. */
function talk() {
  const sent = [];
  const timer = setInterval(() => sent.push(say()), 1000 / LINES_A_SECOND);
  return async () => {
    clearInterval(timer);
    await Promise.all(sent);
  };
}

async function enter(browser, view) {
  const context = await browser.newContext(view);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("User name or e-mail", { exact: true }).fill(login);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/roster");
  await page.goto(`${url}/chat`);
  await page.getByRole("status").filter({ hasText: "live" }).first().waitFor();
  const channels = page.getByRole("navigation", { name: "Channels" });
  if (!(await channels.isVisible())) {
    await page.getByRole("button", { name: "Channels" }).first().click();
  }
  await channels.getByRole("button", { name: /^Global( |$)/ }).click();
  await page.getByRole("log", { name: "Global chat", exact: true }).waitFor();
  return page;
}

/** Scrolls to the beginning, so that all lines are held; resolves to the time it took, in ms. */
async function hold(page) {
  const startedMs = Date.now();
  await page.evaluate(async () => {
    const log = document.querySelector(".chat-lines");
    const deadline = performance.now() + 240_000;
    while (!document.querySelector(".chat-beginning")) {
      if (performance.now() > deadline) throw new Error("the beginning was not reached");
      log.scrollTop = 0;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  });
  return Date.now() - startedMs;
}

async function toPresent(page) {
  await page.getByRole("button", { name: /Jump to present|new line/ }).click();
  await page.waitForFunction(() => {
    const log = document.querySelector(".chat-lines");
    return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  });
}

/** Intervals between frames, and the page's work, while `act` lasts. */
async function frames(client, page, act) {
  const work = async () => {
    const { metrics } = await client.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  };
  await page.evaluate(() => {
    const log = document.querySelector(".chat-lines");
    const seen = [];
    let going = true;
    globalThis.travelled = 0;
    let last = log.scrollTop;
    const look = (ms) => {
      seen.push(ms);
      globalThis.travelled += Math.abs(log.scrollTop - last);
      last = log.scrollTop;
      if (going) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    globalThis.endFrames = () => {
      going = false;
      return seen;
    };
  });
  const before = await work();
  await act();
  const after = await work();
  const seen = await page.evaluate(() => globalThis.endFrames());
  const travelled = await page.evaluate(() => globalThis.travelled);
  const gaps = seen
    .slice(1)
    .map((ms, i) => ms - seen[i])
    .sort((a, b) => a - b);
  return {
    count: gaps.length,
    travelled,
    longest: gaps.at(-1),
    p99: gaps[Math.floor(gaps.length * 0.99)],
    over: gaps.filter((gap) => gap > FRAME_MOST_MS).length,
    work: (after - before) / gaps.length,
  };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Turns the wheel over the lines: 2,500 px at 2,000 px a second. */
function wheel(client, { x, y }, up) {
  return client.send("Input.synthesizeScrollGesture", {
    x,
    y,
    yDistance: up ? 2500 : -2500,
    speed: 2000,
    gestureSourceType: "mouse",
    preventFling: true,
  });
}

/** Draws a finger over the lines, 400 px in a fifth of a second, and lets go: they roll on. */
async function swipe(client, { x, y }, up) {
  const at = (step) => [{ x, y: y + (up ? 1 : -1) * (step * 20 - 200) }];
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(0) });
  for (let step = 1; step <= 20; step += 1) {
    await client.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at(step) });
    await wait(10);
  }
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await wait(300);
}

/** Up and down, by the browser's own input. */
async function scroll(client, page, touch) {
  const { x, y, width, height } = await page.locator(".chat-lines").boundingBox();
  const middle = { x: x + width / 2, y: y + height / 2 };
  const untilMs = Date.now() + PHASE_MS;
  for (let turn = 0; Date.now() < untilMs; turn += 1) {
    if (touch) await swipe(client, middle, turn % 8 < 4);
    else await wheel(client, middle, turn % 2 === 0);
  }
}

function report(view, phase, figures) {
  if (phase !== "idle" && figures.travelled < 500) {
    throw new Error(`${view}, ${phase}: nothing moved (${figures.travelled} px)`);
  }
  for (const [name, value, unit] of [
    ["travelled", figures.travelled, "px"],
    ["longest", figures.longest, "ms"],
    ["p99", figures.p99, "ms"],
    ["over", figures.over, `of ${figures.count}`],
    ["work", figures.work, "ms a frame"],
  ]) {
    const figure = `web_${view}_${phase}_${name}`;
    console.log(JSON.stringify({ figure, value: Math.round(value * 100) / 100, unit }));
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
for (const [name, view] of Object.entries(VIEWS)) {
  const page = await enter(browser, view);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const touch = view.hasTouch === true;
  const held = await hold(page);
  const figure = `web_${name}_read_${linesWanted}_lines`;
  console.log(JSON.stringify({ figure, value: held, unit: "ms" }));
  await toPresent(page);
  await wait(1000);
  report(name, "idle", await frames(client, page, () => wait(PHASE_MS / 2)));
  report(name, "scrolling", await frames(client, page, () => scroll(client, page, touch)));
  await toPresent(page).catch(() => {});
  let quiet = talk();
  report(name, "receiving", await frames(client, page, () => wait(PHASE_MS)));
  await quiet();
  quiet = talk();
  report(name, "both", await frames(client, page, () => scroll(client, page, touch)));
  await quiet();
  await page.context().close();
}
await browser.close();
