// What one sees while one reads and writes in the chat: which message has the buttons, whether the
// newest is in view, and what stands there while the chat itself still loads.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { openStage } from "./person.mjs";

/** Scrolls so far up from the end; whether the list stays there, though its rows are measured. */
async function scrolledUp(list, up) {
  list.scrollTo(0, list.scrollHeight - list.clientHeight - up);
  for (let frames = 0; frames < 15; frames += 1) await new Promise(requestAnimationFrame);
  return list.scrollHeight - list.clientHeight - list.scrollTop === up;
}

/** Waits until something on the page is so. */
async function eventually(check, what, timeoutMs = 10000) {
  const untilMs = Date.now() + timeoutMs;
  while (!(await check())) {
    assert.ok(Date.now() < untilMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let stage;
let mira;
before(async () => {
  stage = await openStage("e2e-talk");
  mira = await stage.arrive("mira");
  await mira.register();
  await mira.create();
  await mira.enterChat();
  await mira.openChannel("Global");
  for (let i = 1; i <= 9; i += 1) {
    await mira.say(`thing ${i}, ${"on and on ".repeat(12)}`);
    await mira.page.getByRole("log").getByText(`thing ${i},`).waitFor();
  }
});
after(async () => {
  await mira?.leave();
  await stage?.close();
});

describe("the buttons of a message", () => {
  /** The rows whose buttons are drawn. */
  const rows = () =>
    mira
      .log()
      .evaluate((log) =>
        [...log.querySelectorAll(".acts")]
          .filter((one) => getComputedStyle(one).opacity === "1")
          .map((one) => one.closest("article").querySelector(".chat-text").textContent.slice(0, 7)),
      );
  const only = (text) =>
    eventually(async () => (await rows()).join() === text, `not only ${text} has buttons`);
  const rest = async (text) => {
    await mira.line(text).locator(".chat-text").hover();
    await mira.line(text).locator(".acts").waitFor({ state: "attached" });
  };

  test("stand at one row: at the pointer's, while the keys are elsewhere", async () => {
    await mira.log().focus();
    await mira.page.keyboard.press("ArrowUp");
    await only("thing 9");
    await mira.page.getByRole("textbox", { name: "Message" }).focus();
    await rest("thing 7,");
    await mira.shot("one-row-pointer");
    await only("thing 7");
    await mira.page.getByRole("textbox", { name: "Message" }).hover();
    await only("thing 9");
  });

  test("stand where keys or pointer were used last", async () => {
    await rest("thing 7,");
    await mira.log().focus();
    await mira.page.keyboard.press("ArrowUp");
    await only("thing 9");
    await mira.shot("one-row-keys");
    await mira.page.keyboard.press("Tab");
    await only("thing 9");
    await mira.page.keyboard.press("Enter");
    await mira.button("Thumbs up").waitFor();
    await mira.page.keyboard.press("Escape");
    await only("thing 9");
    await rest("thing 8,");
    await only("thing 8");
    await mira.page.keyboard.press("Tab");
    await only("thing 9");
  });

  test("stay at the row whose menu is open", async () => {
    await rest("thing 8,");
    await mira.page.getByRole("textbox", { name: "Message" }).focus();
    await mira.line("thing 8,").getByRole("button", { name: "More", exact: true }).click();
    const menu = mira.page.getByRole("menuitem", { name: "Copy the text" });
    await menu.waitFor();
    await rest("thing 7,");
    await only("thing 8");
    assert.ok(await menu.isVisible(), "the menu is gone");
    await mira.page.keyboard.press("Escape");
  });
});

test("on a phone, a draft that was emptied leaves no way to the present one is at", async () => {
  const finger = await stage.arrive("finger", PHONE);
  await finger.register();
  await finger.create();
  await finger.enterChat();
  const list = finger.log();
  await finger.page.getByRole("log").getByText("thing 9,").waitFor();
  const box = finger.page.getByRole("textbox", { name: "Message" });
  const present = finger.button("Jump to present");
  const heightOf = () => list.evaluate((one) => one.clientHeight);
  /** Waits until the list is so high, and the newest so far below its end. */
  const stands = (height, fromEnd) =>
    finger.page.waitForFunction(
      ([wanted, away]) => {
        const one = document.querySelector("[role=log]");
        const left = one.scrollHeight - one.clientHeight - one.scrollTop;
        return one.clientHeight === wanted && Math.abs(left - away) <= 1;
      },
      [height, fromEnd],
    );
  const DRAFT = "one\ntwo\nthree\nfour\nfive";

  const high = await heightOf();
  await box.fill(DRAFT);
  await eventually(async () => (await heightOf()) < high - 60, "the draft takes no room");
  const low = await heightOf();
  await box.fill("");
  for (const beyond of [0, 20, 38, 90]) {
    await stands(high, 0);
    await box.fill(DRAFT);
    await stands(low, 0);
    const up = high - low + beyond;
    await eventually(() => list.evaluate(scrolledUp, up), "the list does not stay there");
    await present.waitFor();
    if (beyond === 20) await finger.shot("phone-long-draft");
    await box.fill("");
    await stands(high, beyond < 40 ? 0 : beyond);
    if (beyond < 40) await present.waitFor({ state: "detached" });
    if (beyond === 20) await finger.shot("phone-emptied");
  }
  assert.ok(await present.isVisible(), "who reads further up was taken for being at the end");
  await finger.leave();
});

test("while the chat loads, its place shows what will stand there", async () => {
  for (const [path, place] of [
    ["/roster", ".drawer"],
    ["/chat", ".chat-screen"],
  ]) {
    let release;
    const held = new Promise((resolve) => {
      release = resolve;
    });
    await mira.page.route(/ChatPlace-[^/]*\.js$/, async (route) => {
      await held;
      await route.continue();
    });
    await mira.page.goto(mira.url + path);
    const bare = mira.page.locator(`${place} .chat-bare`);
    await bare.waitFor();
    assert.equal(await bare.getAttribute("aria-busy"), "true");
    const { width, height } = await bare.boundingBox();
    assert.ok(width > 300 && height > 500, `it takes ${width} by ${height} px`);
    await mira.shot(`bare${path.replace("/", "-")}`);
    release();
    await bare.waitFor({ state: "detached" });
    await mira.log().waitFor();
    await mira.page.unroute(/ChatPlace-[^/]*\.js$/);
  }
});
