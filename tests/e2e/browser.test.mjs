// Two people in a real Chromium: registration, creation, chat between two pages, and what a
// reload keeps.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { PASSWORD, unique } from "../service/js/stage.mjs";
import { openStage } from "./person.mjs";

let stage;
before(async () => {
  stage = await openStage("e2e");
});
after(() => stage.close());

describe("two people", () => {
  let mira;
  let toren;
  before(async () => {
    mira = await stage.arrive("mira");
    toren = await stage.arrive("toren");
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
  const person = await stage.arrive("sail", { url: stage.world.tls });
  await person.register();
  await person.create();
  await person.page.reload();
  await person.page.getByRole("heading", { name: `House of ${person.name}` }).waitFor();
  for (const cookie of await person.context.cookies()) assert.ok(cookie.secure);
  await person.leave();
});

test("wrong fields are named beside the field, and a taken name is told", async () => {
  const person = await stage.arrive("wrong");
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
  const twin = await stage.arrive("wrong");
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
    const person = await stage.arrive("axe", { colorScheme });
    const check = async (place) =>
      assert.deepEqual(await person.violations(), [], `${place}, ${colorScheme}`);
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
