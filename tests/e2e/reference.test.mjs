// The reference at /docs in a real Chromium: night and day, desktop and phone, with the keyboard.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { startWorld } from "../service/js/stage.mjs";

const SHOTS = join(process.env.WAYSTONE_TEST_HOME, "screenshots");
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const SEND = "waystone.chat.v1.ChatService.SendMessage";

let world;
let browser;
before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  world = await startWorld("e2e-reference");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // The sandbox cannot run as root, and containers have a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

/** Opens the reference, runs `visit`, and checks that the page complained of nothing. */
async function reading(options, visit, hash = "") {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  context.setDefaultTimeout(15000);
  const complaints = [];
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(`${world.plain}/docs${hash}`);
  await page.getByRole("heading", { name: "ChatService", exact: true }).waitFor();
  await page.evaluate(() => document.fonts.ready);
  await visit(page, context);
  assert.deepEqual(complaints, []);
  await context.close();
}

async function assertAccessible(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((one) => one.html)}`);
  assert.deepEqual(found, []);
}

async function assertFits(page) {
  const [content, screen] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= screen, `the page is ${content} wide on a screen of ${screen}`);
}

describe("the reference", () => {
  for (const [name, viewport] of [
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ])
    for (const [mode, colorScheme] of [
      ["night", "dark"],
      ["day", "light"],
    ])
      test(`is readable on a ${name} at ${mode}`, () =>
        reading({ viewport, colorScheme, hasTouch: name === "phone" }, async (page) => {
          await page.screenshot({ path: join(SHOTS, `reference-${name}-${mode}.png`) });
          await assertFits(page);
          await assertAccessible(page);
          await page.goto(`${world.plain}/docs#${SEND}`);
          const method = page.locator(`[id="${SEND}"]`);
          await method.getByRole("heading", { name: "SendMessage" }).waitFor();
          await page.waitForFunction(
            (id) => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 120,
            SEND,
          );
          await page.screenshot({ path: join(SHOTS, `reference-${name}-${mode}-method.png`) });
        }));

  test("tells a method: fields, rules, errors and how to call it", () =>
    reading({}, async (page) => {
      const method = page.locator(`[id="${SEND}"]`);
      const row = method.getByRole("row", { name: /^text / });
      assert.match(await row.innerText(), /at least 1 character; at most 500 characters/);
      assert.match(await method.innerText(), /600 calls a minute for each account/);
      await method.getByText("Errors").click();
      await method.getByText(/NOT_FOUND/).waitFor();
      assert.match(
        await method.getByRole("region").innerText(),
        /^curl -s http.*SendMessage[\s\S]*"channelId":"1"/,
      );
    }));

  test("its snippets work as they stand", () =>
    reading({}, async (page) => {
      const snippet = page.locator('[id="waystone.meta.v1.MetaService.GetVersion"]');
      const [post, get] = await snippet.getByRole("region").allInnerTexts();
      const { execFileSync } = await import("node:child_process");
      for (const command of [post, get]) {
        const answer = execFileSync("bash", ["-c", command], { timeout: 10000 }).toString();
        assert.match(JSON.parse(answer).version, /^\d+\.\d+\.\d+/);
      }
    }));

  test("narrows to what is looked for, with the keyboard", () =>
    reading({}, async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type("replytosequence chat");
      await page.getByText("1 method", { exact: true }).waitFor();
      await page.getByRole("heading", { name: "SendMessage", exact: true }).waitFor();
      assert.equal(await page.getByRole("heading", { name: "SignIn", exact: true }).count(), 0);
      await page.getByRole("navigation").getByRole("link", { name: "SendMessage" }).press("Enter");
      await page.waitForURL(/#waystone\.chat/);
    }));

  test("copies a snippet", () =>
    reading({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      const copy = page.getByRole("button", { name: "Copy SendMessage with curl" });
      await copy.click();
      await page.getByRole("status").filter({ hasText: "Copied" }).waitFor();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /SendMessage/);
    }));

  test("remembers night and day", () =>
    reading({ colorScheme: "dark" }, async (page) => {
      await page.getByRole("button", { name: "Show day" }).click();
      await page.reload();
      await page.getByRole("button", { name: "Show night" }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.dataset.mode), "day");
    }));

  test("keeps its index in a sheet on a phone", () =>
    reading({ viewport: PHONE, hasTouch: true }, async (page) => {
      const link = page.getByRole("navigation").getByRole("link", { name: "CreateCharacter" });
      assert.equal(await link.isVisible(), false);
      await page.getByText("Index", { exact: true }).click();
      await link.click();
      await page.waitForFunction(() => !document.getElementById("index").open);
      await assertFits(page);
    }));
});
