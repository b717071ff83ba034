// Two people in a real Chromium: registration, creation, chat between two pages, and what a
// reload keeps. Parts are found by their accessible names (web/README.md).
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { PASSWORD, startWorld, unique } from "../service/js/stage.mjs";

const SHOTS = join(process.env.WAYSTONE_TEST_HOME, "screenshots");
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

let world;
let browser;
before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  world = await startWorld("e2e");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // The sandbox cannot run as root, and containers have a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});
after(async () => {
  await browser?.close();
  await world.stop();
});

/** Someone at a browser of their own, who notes everything that goes wrong in the page. */
class Person {
  static async arrive(prefix, { url = world.plain, ...options } = {}) {
    const person = new Person();
    person.name = unique(prefix);
    person.url = url;
    person.context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      ignoreHTTPSErrors: url.startsWith("https"),
      ...options,
    });
    person.context.setDefaultTimeout(15000);
    await person.open();
    return person;
  }

  complaints = [];

  async open() {
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    this.page.on("console", (message) => {
      if (message.type() !== "error") return;
      // A refused call is also a line of the browser's; the page has shown it.
      if (/the server responded with a status of 4\d\d/.test(message.text())) return;
      this.complaints.push(`console: ${message.text()}`);
    });
    this.page.on("request", (request) => {
      const address = request.url();
      if (!address.startsWith(this.url) && !/^(data|blob|about):/.test(address)) {
        this.complaints.push(`request to a stranger: ${address}`);
      }
    });
    return this.page;
  }

  shot(name) {
    return this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  async register() {
    await this.page.goto(`${this.url}/register`);
    await this.page.getByLabel("User name", { exact: true }).fill(this.name);
    await this.page.getByLabel("E-mail", { exact: true }).fill(`${this.name}@example.org`);
    await this.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await this.button("Create account").click();
    await this.page.getByRole("heading", { name: `House of ${this.name}` }).waitFor();
  }

  async create(race = "Durnhal", faction = "Void") {
    this.character = unique("Hero");
    await this.page.getByRole("link", { name: "Create your first character" }).click();
    await this.page.getByRole("radio", { name: race }).check({ force: true });
    await this.button("Choose a faction").click();
    await this.page.getByRole("radio", { name: faction }).check({ force: true });
    await this.button("Choose a name").click();
    await this.page.getByLabel("Name", { exact: true }).fill(this.character);
    await this.button("Join the house").click();
    await this.page
      .getByRole("list", { name: "Characters" })
      .getByText(this.character)
      .first()
      .waitFor();
  }

  async enterChat() {
    await this.page.goto(`${this.url}/chat`);
    await this.isLive();
  }

  isLive() {
    return this.page.getByRole("status").filter({ hasText: "live" }).first().waitFor();
  }

  log() {
    return this.page.getByRole("log", { name: "Global chat" });
  }

  async say(text) {
    const box = this.page.getByRole("textbox", { name: "Message" });
    await box.fill(text);
    await box.press("Enter");
  }

  hears(text) {
    return this.log().getByText(text, { exact: true }).first().waitFor();
  }

  times(text) {
    return this.log().getByText(text, { exact: true }).count();
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, [], "the page complained");
  }
}

describe("two people", () => {
  let mira;
  let toren;
  before(async () => {
    mira = await Person.arrive("mira");
    toren = await Person.arrive("toren");
  });

  test("register", async () => {
    await mira.register();
    await toren.register();
    await mira.shot("roster-empty");
  });

  test("create a character each", async () => {
    await mira.create("Aurelin", "Order");
    await toren.create("Kharad", "Chaos");
    await mira.shot("roster");
  });

  test("hear each other at once, once and in order", async () => {
    await mira.enterChat();
    await toren.enterChat();
    const started = Date.now();
    await mira.say("Hail from the ford");
    await toren.hears("Hail from the ford");
    assert.ok(Date.now() - started < 5000, "it took longer than five seconds");
    for (let i = 0; i < 8; i += 1) {
      await (i % 2 ? mira : toren).say(`line ${i} of the talk`);
      await (i % 2 ? toren : mira).hears(`line ${i} of the talk`);
    }
    for (const person of [mira, toren]) {
      const text = await person.log().innerText();
      const order = [...text.matchAll(/line (\d) of the talk/g)].map((match) => Number(match[1]));
      assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
    await mira.shot("chat");
  });

  test("text is text, never markup", async () => {
    const text = '<img src=x onerror=alert(1)> <b>bold</b> & "quotes"';
    await toren.say(text);
    await mira.hears(text);
    assert.equal(await mira.log().locator("img[src=x]").count(), 0);
  });

  test("a reload keeps the session and the history", async () => {
    await mira.page.reload();
    await mira.isLive();
    await mira.hears("Hail from the ford");
    assert.equal(await mira.times("Hail from the ford"), 1);
    await toren.say("still there?");
    await mira.hears("still there?");
  });

  test("no token is where a script could keep it", async () => {
    const stored = await mira.page.evaluate(() =>
      JSON.stringify([
        Object.entries(localStorage),
        Object.entries(sessionStorage),
        document.cookie,
      ]),
    );
    assert.doesNotMatch(stored, /eyJ|token|refresh/i);
    const cookies = await mira.context.cookies();
    assert.ok(cookies.length > 0, "there is no cookie");
    for (const cookie of cookies) {
      assert.ok(cookie.httpOnly, `${cookie.name} can be read by scripts`);
      assert.equal(cookie.sameSite, "Strict");
    }
  });

  test("a second tab of the same browser shows the same talk", async () => {
    const first = mira.page;
    await mira.open();
    await mira.enterChat();
    await mira.hears("still there?");
    await toren.say("to both tabs");
    await mira.hears("to both tabs");
    const second = mira.page;
    mira.page = first;
    await mira.hears("to both tabs");
    assert.equal(await mira.times("to both tabs"), 1);
    await second.close();
    await toren.say("after the second tab");
    await mira.hears("after the second tab");
  });

  test("sign out, sign in", async () => {
    await mira.page.goto(`${mira.url}/roster`);
    await mira.page.getByRole("button", { name: /^You/ }).first().click();
    await mira.button("Sign out").click();
    await mira.page.waitForURL("**/sign-in");
    await mira.page.reload();
    await mira.button("Sign in").waitFor();
    await mira.page.getByLabel("User name or e-mail", { exact: true }).fill(mira.name);
    await mira.page.getByLabel("Password", { exact: true }).fill("not the password");
    await mira.button("Sign in").click();
    await mira.page.getByRole("alert").first().waitFor();
    await mira.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await mira.button("Sign in").click();
    await mira.page.getByRole("heading", { name: `House of ${mira.name}` }).waitFor();
  });

  after(async () => {
    await mira.leave();
    await toren.leave();
  });
});

test("the same over TLS, where the cookie is Secure", async () => {
  const person = await Person.arrive("sail", { url: world.tls });
  await person.register();
  await person.create();
  await person.page.reload();
  await person.page.getByRole("heading", { name: `House of ${person.name}` }).waitFor();
  for (const cookie of await person.context.cookies()) assert.ok(cookie.secure);
  await person.leave();
});

test("wrong fields are named beside the field, and a taken name is told", async () => {
  const person = await Person.arrive("wrong");
  await person.page.goto(`${person.url}/register`);
  await person.page.getByLabel("User name", { exact: true }).fill("1x");
  await person.page.getByLabel("E-mail", { exact: true }).fill("nobody");
  await person.page.getByLabel("Password", { exact: true }).fill("short");
  await person.button("Create account").click();
  const name = person.page.getByLabel("User name", { exact: true });
  await person.page.waitForFunction(
    (field) => field.getAttribute("aria-invalid") === "true",
    await name.elementHandle(),
  );
  await person.register();
  const twin = await Person.arrive("wrong");
  twin.name = person.name;
  await twin.page.goto(`${twin.url}/register`);
  await twin.page.getByLabel("User name", { exact: true }).fill(person.name);
  await twin.page.getByLabel("E-mail", { exact: true }).fill(`${unique("e")}@example.org`);
  await twin.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await twin.button("Create account").click();
  await twin.page
    .getByText(/taken|in use|exists/i)
    .first()
    .waitFor();
  await twin.leave();
  await person.leave();
});

test("pages have no violation that axe knows of, by day and by night, on desktop and phone", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const person = await Person.arrive("axe", { colorScheme });
    const check = async (place) => {
      // Evaluated by the debugger, which the page's security policy does not bind.
      await person.page.evaluate(`${axeSource}; 0`);
      const found = await person.page.evaluate(async () => {
        const result = await globalThis.axe.run(document, {
          runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
        });
        return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
      });
      assert.deepEqual(found, [], `${place}, ${colorScheme}`);
    };
    await person.page.goto(`${person.url}/sign-in`);
    await person.button("Sign in").waitFor();
    await check("sign-in");
    await person.register();
    await check("empty roster");
    await person.create();
    await person.page.setViewportSize({ width: 390, height: 844 });
    await person.enterChat();
    await person.say("a line to look at");
    await person.hears("a line to look at");
    await check("chat on a phone");
    await person.shot(`phone-${colorScheme}`);
    await person.leave();
  }
});
