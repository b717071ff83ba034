// People at browsers of their own, for the tests that drive the page. Parts are found by their
// accessible names (web/README.md).
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { PASSWORD, startWorld, unique } from "../service/js/stage.mjs";

const SHOTS = join(process.env.WAYSTONE_TEST_HOME, "screenshots");
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

/** A world, with words of serve_world.py, and a Chromium; `close` ends both. */
export async function openStage(name, ...words) {
  mkdirSync(SHOTS, { recursive: true });
  const world = await startWorld(name, ...words);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // The sandbox cannot run as root, and containers have a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    world,
    arrive: (prefix, options) => Person.arrive({ world, browser }, prefix, options),
    async close() {
      await browser.close();
      await world.stop();
    },
  };
}

/** Someone at a browser of their own, who notes everything that goes wrong in the page. */
export class Person {
  static async arrive({ world, browser }, prefix, { url = world.plain, ...options } = {}) {
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

  /** Opens a screen by its path, and waits for its heading. */
  async visit(path, heading) {
    await this.page.goto(this.url + path);
    await this.page.getByRole("heading", { name: heading, exact: true }).first().waitFor();
  }

  async signOut() {
    await this.page.getByRole("button", { name: /^You/ }).first().click();
    await this.button("Sign out").click();
    await this.page.waitForURL("**/sign-in");
  }

  /** Fills in the form on the sign-in screen; what follows is the caller's to see. */
  async enterPassword(password = PASSWORD, login = this.name) {
    await this.page.goto(`${this.url}/sign-in`);
    await this.page.getByLabel("User name or e-mail", { exact: true }).fill(login);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.button("Sign in").click();
  }

  atHome() {
    return this.page.getByRole("heading", { name: `House of ${this.name}` }).waitFor();
  }

  /** An element with this text, for all to read. */
  sees(text) {
    return this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** What axe finds on the screen in all six themes. */
  async checkThemes(place) {
    for (const mode of ["night", "day"]) {
      for (const faction of ["order", "chaos", "void"]) {
        await this.page.evaluate(
          ([m, f]) => Object.assign(document.documentElement.dataset, { mode: m, faction: f }),
          [mode, faction],
        );
        // Colours fade over a moment; what axe measures is where they end.
        await this.page.evaluate(() =>
          Promise.all(
            document
              .getAnimations()
              .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
              .map((one) => one.finished.catch(() => {})),
          ),
        );
        assert.deepEqual(await this.violations(), [], `${place} in ${mode} ${faction}`);
      }
    }
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

  log(channel = "Global") {
    return this.page.getByRole("log", { name: `${channel} chat`, exact: true });
  }

  /** The row of a message with this text. */
  line(text) {
    const words = this.page.locator(".chat-text", { hasText: text });
    return this.page.getByRole("log").getByRole("article").filter({ has: words }).last();
  }

  /** The way to a channel in the list, which stands beside the conversation on the chat's screen. */
  channel(name) {
    return this.page
      .getByRole("navigation", { name: "Channels" })
      .getByRole("button", { name: new RegExp(`^${name}( |$)`) });
  }

  async openChannel(name) {
    await this.channel(name).click();
    await this.log(name).waitFor();
  }

  /** Chooses from the menu of a message. */
  async act(text, item) {
    const line = this.line(text);
    await line.hover();
    await line.getByRole("button", { name: "More", exact: true }).click();
    await this.page.getByRole("menuitem", { name: item, exact: true }).click();
  }

  /** What axe knows of that is wrong with the page. */
  async violations() {
    // Evaluated by the debugger, which the page's security policy does not bind.
    await this.page.evaluate(`${axeSource}; 0`);
    return this.page.evaluate(async () => {
      const result = await globalThis.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
      });
      return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
    });
  }

  async say(text) {
    const box = this.page.getByRole("textbox", { name: "Message" });
    await box.fill(text);
    await box.press("Enter");
  }

  hears(text) {
    return this.page.getByRole("log").getByText(text, { exact: true }).first().waitFor();
  }

  times(text) {
    return this.page.getByRole("log").getByText(text, { exact: true }).count();
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, [], "the page complained");
  }
}
