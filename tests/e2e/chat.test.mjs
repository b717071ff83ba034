// Everything the chat can do, between people in real browsers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { unique } from "../service/js/stage.mjs";
import { openStage } from "./person.mjs";

let stage;
let mira;
let toren;
before(async () => {
  stage = await openStage("e2e-chat");
  mira = await stage.arrive("mira");
  toren = await stage.arrive("toren");
  for (const [person, race, faction] of [
    [mira, "Aurelin", "Order"],
    [toren, "Kharad", "Chaos"],
  ]) {
    await person.register();
    await person.create(race, faction);
    await person.enterChat();
  }
});
after(async () => {
  await mira?.leave();
  await toren?.leave();
  await stage?.close();
});

/** Waits until something on the page is so. */
async function eventually(check, what, timeoutMs = 10000) {
  const untilMs = Date.now() + timeoutMs;
  while (!(await check())) {
    assert.ok(Date.now() < untilMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("the list has the family first and the world after faction and people", async () => {
  const names = await mira.page
    .getByRole("navigation", { name: "Channels" })
    .locator(".channel-name")
    .allInnerTexts();
  assert.equal(names.length, 4, names.join());
  assert.equal(names[3], "Global");
  assert.match(await mira.page.locator(".channel").first().getAttribute("class"), /channel-family/);
});

describe("one event stream for a browser", () => {
  test("a second tab opens none, and takes over when the first closes", async () => {
    const opened = [];
    mira.context.on("request", (request) => {
      if (request.url().endsWith("/Subscribe")) opened.push(request);
    });
    const first = mira.page;
    await mira.open();
    await mira.enterChat();
    await toren.say("to whoever leads");
    await mira.hears("to whoever leads");
    assert.equal(opened.length, 0, "the second tab opened a stream of its own");

    const second = mira.page;
    await first.close();
    await eventually(() => opened.length === 1, "nobody took the lead");
    mira.page = second;
    await mira.isLive();
    await toren.say("to the new leader");
    await mira.hears("to the new leader");
    assert.equal(await mira.times("to whoever leads"), 1);
  });

  test("offline is said at once, and coming back misses nothing and doubles nothing", async () => {
    await mira.context.setOffline(true);
    await mira.page
      .getByRole("status")
      .filter({ hasText: /offline since \d\d:\d\d/ })
      .waitFor();
    for (let i = 0; i < 3; i += 1) await toren.say(`missed ${i}`);
    await toren.hears("missed 2");
    const backMs = Date.now();
    await mira.context.setOffline(false);
    await mira.hears("missed 2");
    const tookMs = Date.now() - backMs;
    await mira.isLive();
    for (let i = 0; i < 3; i += 1) assert.equal(await mira.times(`missed ${i}`), 1);
    assert.ok(tookMs < 5000, `it took ${tookMs} ms`);
    mira.complaints = mira.complaints.filter((one) => !/ERR_INTERNET_DISCONNECTED/.test(one));
  });
});

describe("what is unread", () => {
  test("is counted in the list, has a line of its own, and is read by looking", async () => {
    await mira.page.locator(".channel-family").click();
    await toren.say("while mira looks elsewhere");
    await toren.say("twice even");
    await mira.channel("Global").getByText("2 unread messages").waitFor();
    await mira.openChannel("Global");
    await mira.hears("twice even");
    await mira.page.getByRole("log").getByText("New", { exact: true }).waitFor();
    await eventually(
      async () =>
        (await mira
          .channel("Global")
          .getByText(/unread/)
          .count()) === 0,
      "it stays unread",
    );
    await mira.page.reload();
    await mira.isLive();
    await mira.hears("twice even");
    assert.equal(
      await mira
        .channel("Global")
        .getByText(/unread/)
        .count(),
      0,
    );
  });

  test("what is taken back before it was read counts no more", async () => {
    await mira.page.locator(".channel-family").click();
    await toren.say("said in haste");
    await toren.say("said with care");
    await mira.channel("Global").getByText("2 unread messages").waitFor();
    await toren.act("said in haste", "Take back");
    await toren.button("Take it back").click();
    await mira.channel("Global").getByText("1 unread message", { exact: true }).waitFor();
    await mira.openChannel("Global");
  });

  test("a muted channel stays silent", async () => {
    await mira.page.getByRole("button", { name: "About this channel" }).click();
    await mira.page.getByRole("menuitem", { name: "Mute this channel" }).click();
    await mira.channel("Global").getByText("muted").waitFor();
    await mira.page.locator(".channel-family").click();
    await toren.say("into the void");
    await mira.channel("Global").getByText("1 unread message").waitFor();
    assert.doesNotMatch(await mira.channel("Global").getAttribute("class"), /channel-news/);
    await mira.openChannel("Global");
    await mira.page.getByRole("button", { name: "About this channel" }).click();
    await mira.page.getByRole("menuitem", { name: "Hear this channel again" }).click();
  });
});

describe("a message", () => {
  test("is answered, changed, reacted to and taken back, for all to see", async () => {
    await mira.say("a thing to talk about");
    await toren.hears("a thing to talk about");
    await toren.line("a thing to talk about").hover();
    await toren.line("a thing to talk about").getByRole("button", { name: "Reply" }).click();
    await toren.page.keyboard.type("an answer to it");
    await toren.page.keyboard.press("Enter");
    await mira.hears("an answer to it");
    await mira.line("an answer to it").getByText("In reply to").waitFor({ state: "attached" });

    await toren.line("a thing to talk about").hover();
    await toren.line("a thing to talk about").getByRole("button", { name: "React" }).click();
    await toren.page.getByRole("button", { name: "Star", exact: true }).click();
    const star = mira.page.getByRole("button", { name: "⭐, 1 person" });
    await star.waitFor();
    await star.click();
    await toren.page.getByRole("button", { name: "⭐, 2 people", pressed: true }).waitFor();

    await mira.act("a thing to talk about", "Change");
    const box = mira.page.getByRole("textbox", { name: "Message" });
    await box.fill("a better thing");
    await box.press("Enter");
    await toren.line("a better thing").getByText("changed").waitFor();

    await mira.act("a better thing", "Take back");
    await mira.button("Take it back").click();
    await eventually(
      async () => (await toren.line("a better thing").count()) === 0,
      "it is still shown",
    );
    await toren.page.getByRole("log").getByText("Taken back.", { exact: true }).last().waitFor();
  });

  test("all of that by keyboard alone", async () => {
    await mira.say("for the keyboard");
    await toren.hears("for the keyboard");
    await toren.log().focus();
    await toren.page.keyboard.press("ArrowUp");
    await toren.page.waitForFunction(() => document.activeElement.tagName === "ARTICLE");
    assert.match(
      await toren.page.evaluate(() => document.activeElement.innerText),
      /for the keyboard/,
    );
    await toren.page.keyboard.press("Tab");
    await toren.page.keyboard.press("Enter");
    await toren.page.waitForFunction(
      () => document.activeElement.getAttribute("aria-label") === "Thumbs up",
    );
    await toren.page.keyboard.press("ArrowRight");
    await toren.page.keyboard.press("Enter");
    await mira.page.getByRole("button", { name: "❤️, 1 person" }).waitFor();
  });

  test("that names somebody becomes a notice that leads to it", async () => {
    const box = toren.page.getByRole("textbox", { name: "Message" });
    await box.fill("");
    await box.pressSequentially(`look here @${mira.character.slice(0, 5)}`);
    // Both names may begin so: the arrow goes on until hers is chosen.
    const hers = toren.page.getByRole("option", { name: mira.character });
    await hers.waitFor();
    while ((await hers.getAttribute("aria-selected")) !== "true") await box.press("ArrowDown");
    await box.press("Enter");
    assert.equal(await box.inputValue(), `look here @${mira.character} `);
    await box.press("Enter");
    const way = mira.page.getByRole("link", { name: /Notices/ });
    await way.getByText(/unread notice/).waitFor();
    await way.click();
    const notice = mira.page.getByRole("button", { name: /^Mention unread/ });
    await notice.waitFor();
    await mira.shot("notices");
    await notice.click();
    await mira.page.locator(".chat-target").getByText("look here").waitFor();
    await eventually(async () => (await notice.count()) === 0, "the notice stays unread");
    await mira.enterChat();
  });

  test("whose answer was lost is sent again under the same key, and stands there once", async () => {
    let lost = 0;
    await mira.page.route("**/SendMessage", async (route) => {
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    await toren.page.locator(".channel-family").click();
    await mira.say("said into a hole");
    await mira.page.unroute("**/SendMessage", { behavior: "ignoreErrors" }).catch(() => {});
    await toren.openChannel("Global");
    await toren.hears("said into a hole");
    await eventually(async () => (await mira.times("said into a hole")) === 1, "it is doubled");
    assert.equal(lost, 1);
    mira.complaints = mira.complaints.filter((one) => !/ERR_FAILED/.test(one));
  });

  test("that never left stays with Send again", async () => {
    await mira.page.route("**/SendMessage", (route) => route.abort());
    await mira.say("once more with feeling");
    await mira.button("Send again").waitFor();
    await mira.page.unroute("**/SendMessage");
    await mira.button("Send again").click();
    await toren.hears("once more with feeling");
    await eventually(
      async () => (await mira.button("Send again").count()) === 0,
      "it still offers to send",
    );
    assert.equal(await toren.times("once more with feeling"), 1);
    mira.complaints = mira.complaints.filter((one) => !/ERR_FAILED/.test(one));
  });

  test("is found by its words and shown where it stands", async () => {
    await mira.page.getByRole("button", { name: "Search messages" }).click();
    const words = mira.page.getByRole("searchbox", { name: "Words to find" });
    await words.fill("keyboard");
    await words.press("Enter");
    await mira.page.getByText("One message found.").waitFor();
    await mira.page.locator(".find").click();
    await mira.page.locator(".chat-target").getByText("for the keyboard").waitFor();
  });

  test("stays in sight while one searches, and Escape leads back to where one was", async () => {
    const way = mira.button("Search messages");
    await way.focus();
    await mira.page.keyboard.press("Enter");
    await mira.page.getByRole("searchbox", { name: "Words to find" }).waitFor();
    const panel = await mira.page.locator(".chat-panel").boundingBox();
    const send = await mira.button("Send message").boundingBox();
    assert.ok(send.x + send.width <= panel.x, "the panel covers the way to send");
    await mira.page.keyboard.press("Escape");
    await mira.page.locator(".chat-panel").waitFor({ state: "detached" });
    assert.ok(await way.evaluate((button) => button === document.activeElement));
  });

  test("has its buttons under its words where fingers need them large", async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const finger = await stage.arrive("finger", phone);
    await finger.register();
    await finger.create();
    await finger.enterChat();
    await finger.line("for the keyboard").tap();
    const reply = finger.line("for the keyboard").getByRole("button", { name: "Reply" });
    const words = await finger
      .line("for the keyboard")
      .locator(".chat-text")
      .evaluate((text) => text.getBoundingClientRect().bottom);
    const { y, height } = await reply.boundingBox();
    assert.ok(y >= words, "the buttons cover the words");
    assert.ok(height >= 44, `a target of ${height} px`);
    await finger.leave();
  });
});

describe("channels of one's own", () => {
  const name = unique("Lanterns ");

  test("are made, found and joined, and have members with roles", async () => {
    await mira.button("Make a channel").click();
    await mira.page.getByLabel("Name", { exact: true }).fill(name);
    await mira.page.getByLabel("What it is about").fill("Light in the dark");
    await mira.button("Make the channel").click();
    await mira.log(name).waitFor();

    await toren.button("Find a channel").click();
    await toren.page.getByRole("searchbox", { name: "Part of its name" }).fill(name.slice(0, 12));
    await toren.button(`Join ${name}`).click();
    await toren.log(name).waitFor();
    await toren.say("I brought a candle");
    await mira.hears("I brought a candle");

    await mira.button("About this channel").click();
    await mira.page.getByRole("menuitem", { name: "People" }).click();
    await mira.page.getByText("owner", { exact: true }).waitFor();
    await mira.button(`What to do about ${toren.character}`).click();
    await mira.page.getByRole("menuitem", { name: "Make a moderator" }).click();
    await mira.page.getByText("moderator", { exact: true }).waitFor();
    await mira.shot("members");
    await mira.button("Close").click();
  });

  test("are changed by those who keep them", async () => {
    await mira.button("About this channel").click();
    await mira.page.getByRole("menuitem", { name: "Change this channel" }).click();
    const dialog = mira.page.getByRole("dialog", { name: "Change this channel" });
    await dialog.getByLabel("What it is about").fill("Light against the dark");
    await dialog.getByLabel("Slow mode").selectOption("30");
    await dialog.getByRole("checkbox", { name: "Anyone may find and join it" }).uncheck();
    assert.deepEqual(await mira.violations(), []);
    await dialog.getByRole("button", { name: "Save the channel" }).click();
    await dialog.waitFor({ state: "detached" });
    for (const person of [mira, toren]) await person.sees("Light against the dark");
    await toren.sees("One message every 30 seconds");

    await mira.button("Find a channel").click();
    await mira.page.getByRole("searchbox", { name: "Part of its name" }).fill(name.slice(0, 12));
    await mira.sees("No open channel has such a name.");
    await mira.button("Close").click();
  });

  test("are left", async () => {
    await toren.button("About this channel").click();
    await toren.page.getByRole("menuitem", { name: "Leave this channel" }).click();
    await eventually(async () => (await toren.channel(name).count()) === 0, "it is still listed");
  });

  test("one whispers by name, and the other hears of it at once", async () => {
    await mira.button("Whisper to somebody").click();
    await mira.page.getByLabel("Character", { exact: true }).fill(toren.character.toLowerCase());
    await mira.button("Open the whisper").click();
    await mira.log(toren.character).waitFor();
    await mira.say("between us");
    await toren.channel(mira.character).getByText("1 unread message").waitFor();
    await toren.openChannel(mira.character);
    await toren.hears("between us");
  });

  test("who is there is told in words", async () => {
    await mira.openChannel("Global");
    await mira.page.getByRole("button", { name: "2 here" }).click();
    await mira.page.locator(".people").getByText(toren.character).waitFor();
    await mira.button("Close").click();
  });
});

describe("peace", () => {
  let judge;
  before(async () => {
    judge = await stage.arrive("judge");
    await judge.register();
    await judge.create("Durnhal", "Void");
    await stage.world.psql(
      `UPDATE accounts SET role = 3 WHERE user_name = '${judge.name}' RETURNING id`,
    );
    await judge.page.getByRole("button", { name: /^You/ }).first().click();
    await judge.button("Sign out").click();
    await judge.page.getByLabel("User name or e-mail", { exact: true }).fill(judge.name);
    await judge.page.getByLabel("Password", { exact: true }).fill("correct horse battery");
    await judge.button("Sign in").click();
    await judge.page.getByRole("link", { name: "Peace" }).waitFor();
  });
  after(() => judge?.leave());

  test("a player has no way to the moderators' table", async () => {
    assert.equal(await mira.page.getByRole("link", { name: "Peace" }).count(), 0);
    await mira.page.goto(`${mira.url}/moderation`);
    await mira.page.getByText("This plate is for moderators.").waitFor();
    await mira.enterChat();
    await mira.openChannel("Global");
  });

  test("a report is filed, decided with a sanction, and its speaker told in words", async () => {
    await toren.openChannel("Global");
    await toren.say("buy cheap gold from me");
    await mira.hears("buy cheap gold from me");
    await mira.act("buy cheap gold from me", "Report to the moderators");
    await mira.page.getByLabel("What is wrong with it").selectOption("fraud");
    await mira.page.getByLabel("In your own words").fill("sells gold");
    await mira.button("Send the report").click();
    await mira.page.getByText("The moderators will look at it.").waitFor();
    await mira.button("Done").click();

    await judge.page.getByRole("link", { name: "Peace" }).click();
    await judge.page.getByRole("button", { name: /buy cheap gold/ }).click();
    await judge.page.getByRole("heading", { name: "What was said" }).waitFor();
    await judge.page.getByText("sells gold").waitFor();
    await judge.shot("report");
    await judge.page.getByLabel(`And ${toren.character}`).selectOption("mute");
    await judge.page.getByLabel("Why", { exact: true }).fill("No selling for money.");
    await judge.button("Uphold and do this").click();
    await judge.page.getByText("Upheld.").first().waitFor();

    await mira.page.getByRole("log").getByText("Taken back.").last().waitFor();
    // A server hears of a sanction within a second; until then it may still let words pass.
    const refused = toren.page.getByRole("log").getByText(/^Not sent: /);
    for (let tries = 0; (await refused.count()) === 0; tries += 1) {
      assert.ok(tries < 5, "the sanction does not hold");
      await toren.say(`but why ${tries}`);
      await refused.waitFor({ timeout: 1000 }).catch(() => {});
    }
    assert.equal(await toren.button("Send again").count(), 0, "it offers what cannot help");
    await toren.button("Discard").click();
    await toren.page.goto(`${toren.url}/standing`);
    await toren.page.getByText("No selling for money.").waitFor();
    await toren.shot("standing");
  });

  test("a sanction is appealed, and lifted", async () => {
    await toren.button("Appeal").click();
    await toren.page.getByLabel("Why this is wrong").fill("It was a joke.");
    await toren.button("Send the appeal").click();
    await toren.page.getByText("You have appealed").waitFor();

    await judge.page.getByRole("link", { name: "Appeals" }).click();
    await judge.page.getByText("It was a joke.").waitFor();
    await judge.page.getByLabel("Your answer").fill("Let us believe it.");
    await judge.button("Grant: lift the sanction").click();
    await judge.page.getByText("No appeal waits.").waitFor();

    await toren.enterChat();
    await toren.openChannel("Global");
    await toren.say("thank you");
    await mira.hears("thank you");
  });

  test("words are filtered", async () => {
    await judge.page.getByRole("link", { name: "Word filters" }).click();
    await judge.page.getByLabel("Words", { exact: true }).fill("moonrot");
    await judge.page.getByLabel("Where", { exact: true }).selectOption("global");
    await judge.button("Add the filter").click();
    await judge.button("Remove moonrot").waitFor();
    await judge.sees(/the world's channel:\s*the message is refused/);
    await judge.shot("filters");
  });

  test("a message that was refused is changed, not sent again as it was", async () => {
    const box = mira.page.getByRole("textbox", { name: "Message" });
    const refused = mira.page.getByText("Not sent: these words are not said here");
    // A server hears of a filter within a second; until then it may still let the words pass.
    for (let tries = 0; (await refused.count()) === 0; tries += 1) {
      assert.ok(tries < 5, "the filter does not hold");
      await mira.say(`a ring of moonrot ${tries}`);
      await refused.waitFor({ timeout: 1000 }).catch(() => {});
    }
    assert.equal(await mira.button("Send again").count(), 0, "it offers what cannot help");
    await mira.shot("refused");
    await box.fill("and a second line");
    await mira.button("Change the words").click();
    assert.match(await box.inputValue(), /^a ring of moonrot \d\nand a second line$/);
    assert.ok(await box.evaluate((one) => one === document.activeElement), "one writes elsewhere");
    assert.equal(await refused.count(), 0, "it stays");
    await box.fill("a ring of moonstone");
    await box.press("Enter");
    await toren.hears("a ring of moonstone");
  });

  test("somebody blocked is not heard, until unblocked", async () => {
    await mira.line("thank you").hover();
    await mira.line("thank you").getByRole("button", { name: "Reply" }).click();
    await mira.say("you are welcome");
    await mira.line("you are welcome").getByText("thank you").waitFor();
    await mira.act("thank you", `Block ${toren.character}`);
    await mira.page.getByText(`${toren.character} is blocked`).waitFor();
    await eventually(async () => (await mira.times("thank you")) === 0, "it is still shown");
    await mira.line("you are welcome").getByText("A message you are not shown.").waitFor();
    await mira.page.goto(`${mira.url}/standing`);
    await mira.button(`Hear ${toren.character} again`).click();
    await mira.page.getByText("You block nobody.").waitFor();
    await mira.enterChat();
    await mira.hears("thank you");
  });

  test("a report may be dismissed, and is found among those closed", async () => {
    await toren.say("a harmless thing");
    await mira.hears("a harmless thing");
    await mira.act("a harmless thing", "Report to the moderators");
    await mira.button("Send the report").click();
    await mira.button("Done").click();
    await judge.page.goto(`${judge.url}/moderation`);
    await judge.page.getByRole("button", { name: /a harmless thing/ }).click();
    await judge.page.getByLabel("Why", { exact: true }).fill("Nothing is wrong with it.");
    await judge.button("Dismiss: nothing was wrong").click();
    await judge.sees("Dismissed.");
    await judge.page.getByRole("link", { name: "Closed" }).click();
    await judge.page.getByRole("button", { name: /buy cheap gold/ }).waitFor();
    await judge.page.getByLabel("Outcome").selectOption("dismissed");
    await judge.page.getByRole("button", { name: /a harmless thing/ }).waitFor();
  });

  test("a moderator sets the pace of a channel", async () => {
    await judge.enterChat();
    await judge.openChannel("Global");
    const set = async (seconds) => {
      await judge.button("About this channel").click();
      await judge.page.getByRole("menuitem", { name: "Set its pace" }).click();
      await judge.page.getByLabel("Slow mode").selectOption(String(seconds));
      await judge.button("Set the pace").click();
    };
    await set(10);
    await mira.sees("One message every 10 seconds");

    // What was said before a reload, only the server knows.
    await mira.say("slowly now");
    await judge.hears("slowly now");
    await mira.page.reload();
    await mira.isLive();
    await mira.say("in good time");
    const later = mira.page.getByRole("button", { name: /^Send again in \d+ seconds?$/ });
    await later.waitFor();
    assert.equal(await later.getAttribute("aria-disabled"), "true");
    await mira.shot("later");
    await mira.button("Send again").click();
    await judge.hears("in good time");

    await set(0);
    await eventually(
      async () => (await mira.page.getByText("One message every 10 seconds").count()) === 0,
      "it stays slow",
    );
  });

  test("what is in force on somebody stands where one puts more, and is lifted there", async () => {
    const dialog = judge.page.getByRole("dialog", { name: `Sanction ${toren.character}` });
    await toren.say("look at my shop");
    await judge.hears("look at my shop");
    await judge.act("look at my shop", `Sanction ${toren.character}`);
    await dialog.getByText("No sanction is in force.").waitFor();
    await dialog.getByLabel("For", { exact: true }).selectOption("week");
    await dialog.getByLabel("Why", { exact: true }).fill("Sells in the open.");
    await dialog.getByRole("button", { name: "Put the sanction" }).click();
    await dialog.waitFor({ state: "detached" });

    await judge.act("look at my shop", `Sanction ${toren.character}`);
    const inForce = dialog.getByRole("list", { name: "Sanctions in force" });
    await inForce.getByText("May not speak: Global").waitFor();
    await inForce.getByText("Sells in the open.").waitFor();
    assert.equal(await inForce.getByRole("listitem").count(), 1);
    assert.deepEqual(await judge.violations(), []);
    await judge.shot("in-force");
    await inForce.getByRole("button", { name: "Lift it" }).click();
    await inForce.getByLabel("Why it is lifted").fill("A week was too much.");
    await inForce.getByRole("button", { name: "Lift the sanction" }).click();
    await dialog.getByText("No sanction is in force.").waitFor();
    await judge.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    // A server hears of it within a second.
    const said = judge.page.getByRole("log").getByText("I will not sell", { exact: true });
    for (let tries = 0; (await said.count()) === 0; tries += 1) {
      assert.ok(tries < 5, "the sanction still holds");
      await toren.say("I will not sell");
      await said.waitFor({ timeout: 1000 }).catch(() => {});
    }
  });

  test("a ban needs no report, and is appealed from the refused sign-in", async () => {
    await toren.say("you all are fools");
    await judge.hears("you all are fools");
    await judge.act("you all are fools", `Sanction ${toren.character}`);
    await judge.page.getByLabel(`And ${toren.character}`).selectOption("banEverywhere");
    await judge.page.getByLabel("For", { exact: true }).selectOption("week");
    await judge.button("Put the sanction").click();
    await judge.sees("Write at least three characters.");
    await judge.page.getByLabel("Why", { exact: true }).fill("Attacks on everybody.");
    assert.deepEqual(await judge.violations(), []);
    await judge.shot("sanction");
    await judge.button("Put the sanction").click();

    await toren.page.waitForURL("**/sign-in");
    await toren.enterPassword();
    await toren.sees(/This account is banned .*Attacks on everybody/);
    await toren.button("Send the appeal").click();
    await toren.sees("Write at least three characters.");
    await toren.page.getByLabel("Why the ban is wrong").fill("It was a line of a play.");
    await toren.checkThemes("the appeal of a ban");
    await toren.shot("banned");
    await toren.button("Send the appeal").click();
    await toren.sees("The moderators have your appeal.");

    await judge.page.goto(`${judge.url}/moderation?view=appeals`);
    await judge.sees("It was a line of a play.");
    await judge.page.getByLabel("Your answer").fill("So it was.");
    await judge.button("Grant: lift the sanction").click();
    await judge.page.getByText("No appeal waits.").waitFor();
    await toren.enterPassword();
    await toren.atHome();
  });

  test("axe finds nothing on any of these screens, in all six themes", async () => {
    const screens = [
      [mira, "/chat", "textbox"],
      [mira, "/notices", "list"],
      [mira, "/standing", "heading"],
      [judge, "/moderation", "navigation"],
    ];
    for (const [person, path, role] of screens) {
      await person.page.goto(person.url + path);
      await person.isLive();
      await person.page.getByRole(role).first().waitFor();
      await person.checkThemes(path);
    }
  });
});
