// Accounts and their security, each screen by the hands of somebody at a browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { PASSWORD, unique } from "../service/js/stage.mjs";
import { openStage } from "./person.mjs";
import { Mailbox, totpCode, totpStep } from "./proofs.mjs";
import { startProvider } from "./provider.mjs";

const PHONE = { viewport: { width: 390, height: 844 } };

let stage;
let mailbox;
let provider;
let folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "waystone-account-"));
  const mails = join(folder, "mail");
  const providers = join(folder, "providers.json");
  provider = await startProvider();
  writeFileSync(providers, JSON.stringify({ providers: [provider.entry] }));
  stage = await openStage("e2e-account", `mail.directory=${mails}`, `auth.providers=${providers}`);
  provider.game = stage.world.plain;
  mailbox = new Mailbox(mails);
});
after(async () => {
  await stage?.close();
  provider?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Somebody with an account, at a browser of their own. */
async function settle(prefix, options) {
  const person = await stage.arrive(prefix, options);
  await person.register();
  return person;
}

/** Lets the person's proofs grow too old for calls that need a fresh one. */
function ageProofs(person) {
  return stage.world.psql(
    "UPDATE sessions SET stepped_up_at = now() - interval '1 hour' " +
      `FROM accounts a WHERE a.id = account_id AND a.user_name = '${person.name}' RETURNING 1`,
  );
}

/** Sets up an authenticator app; resolves to its secret and the recovery codes. */
async function setUpApp(person) {
  await person.visit("/account/factors", "Authenticator app");
  await person.button("Set up an app").click();
  const secret = await person.page.locator(".secret code").innerText();
  const step = totpStep();
  await person.page.getByLabel("Code the app shows now").fill(totpCode(secret, step));
  await person.button("Finish").click();
  await person.page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
  const codes = await person.page.locator(".codes code").allInnerTexts();
  assert.equal(codes.length, 10);
  return { secret, step, codes };
}

describe("an authenticator app", () => {
  let mira;
  let app;
  before(async () => {
    mira = await settle("mira");
  });
  after(() => mira?.leave());

  test("is set up by its first code, and brings recovery codes to keep", async () => {
    await mira.visit("/account", "Account and security");
    await mira.sees("Only a password stands before this account.");
    app = await setUpApp(mira);
    await mira.checkThemes("recovery codes");
    await mira.shot("account-codes");
    const [download] = await Promise.all([
      mira.page.waitForEvent("download"),
      mira.button("Download").click(),
    ]);
    assert.equal(download.suggestedFilename(), "waystone-recovery-codes.txt");
    await mira.button("I have kept them").click();
    await mira.sees("An app is set up.");
    await mira.sees("10 left");
  });

  test("is asked for after the password, and a wrong code is told", async () => {
    await mira.signOut();
    await mira.enterPassword();
    await mira.page.getByRole("heading", { name: "One more proof" }).waitFor();
    await mira.checkThemes("second factor");
    await mira.page.getByLabel("Code", { exact: true }).fill("12");
    await mira.button("Sign in").click();
    await mira.sees("Six digits.");
    await mira.page.getByLabel("Code", { exact: true }).fill("000000");
    await mira.button("Sign in").click();
    await mira.page.getByRole("alert").filter({ hasText: "fit" }).waitFor();
    // The next step's code is accepted as well, and the first one was used up.
    await mira.page.getByLabel("Code", { exact: true }).fill(totpCode(app.secret, app.step + 1));
    await mira.button("Sign in").click();
    await mira.atHome();
  });

  test("a recovery code takes its place, once", async () => {
    await mira.signOut();
    await mira.enterPassword();
    await mira.button("Use a recovery code").click();
    await mira.page.getByLabel("Recovery code").fill(app.codes[0]);
    await mira.button("Sign in").click();
    await mira.atHome();
    await mira.visit("/account/factors", "Recovery codes");
    await mira.sees("9 left");
  });

  test("a reload forgets a sign-in that waits for its second factor", async () => {
    const other = await stage.arrive("mira");
    await other.enterPassword(PASSWORD, mira.name);
    await other.page.getByRole("heading", { name: "One more proof" }).waitFor();
    await other.page.reload();
    await other.page.waitForURL("**/sign-in");
    await other.leave();
  });

  test("a call that needs a fresh proof asks for it and goes on", async () => {
    await ageProofs(mira);
    await mira.visit("/account/factors", "Recovery codes");
    await mira.button("Make new codes").click();
    const dialog = mira.page.getByRole("dialog", { name: "Is it you?" });
    await dialog.getByRole("button", { name: "Use a recovery code" }).click();
    await dialog.getByLabel("Recovery code").fill("wrong-wrong-wrong");
    await dialog.getByRole("button", { name: "Go on" }).click();
    await dialog.getByRole("alert").filter({ hasText: "This does not fit." }).waitFor();
    await mira.checkThemes("step-up");
    await dialog.getByLabel("Recovery code").fill(app.codes[1]);
    await dialog.getByRole("button", { name: "Go on" }).click();
    await mira.page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
    const codes = await mira.page.locator(".codes code").allInnerTexts();
    assert.equal(codes.length, 10);
    assert.ok(!codes.some((code) => app.codes.includes(code)), "an old code is among the new");
    await mira.button("I have kept them").click();
  });

  test("who does not prove it changes nothing", async () => {
    await ageProofs(mira);
    await mira.visit("/account/factors", "Authenticator app");
    await mira.button("Remove the app").click();
    const dialog = mira.page.getByRole("dialog", { name: "Is it you?" });
    await dialog.waitFor();
    await mira.page.keyboard.press("Escape");
    await mira.page.getByRole("alert").filter({ hasText: "Not done" }).waitFor();
    await mira.sees("An app is set up.");
  });
});

describe("a passkey", () => {
  let toren;
  // The device says yes at once, also to what the form offers; without a challenge none is offered.
  const OFFER = "**/StartPasskeySignIn";
  before(async () => {
    toren = await settle("toren");
    const device = await toren.page.context().newCDPSession(toren.page);
    await device.send("WebAuthn.enable");
    await device.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  });
  after(() => toren?.leave());

  test("is made under a name, and brings recovery codes", async () => {
    await toren.visit("/account/factors", "Passkeys");
    await toren.button("Add a passkey").click();
    await toren.page.getByLabel("Name", { exact: true }).fill("Phone");
    await toren.button("Make the passkey").click();
    await toren.page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
    await toren.button("I have kept them").click();
    await toren.button("Rename Phone").click();
    await toren.page.getByLabel("Name", { exact: true }).fill("Tablet");
    await toren.button("Rename").click();
    await toren.button("Remove Tablet").waitFor();
    await toren.visit("/account", "Account and security");
    await toren.sees("A second factor or a passkey protects this account.");
  });

  test("proves again who one is", async () => {
    await ageProofs(toren);
    await toren.visit("/account/factors", "Recovery codes");
    await toren.button("Make new codes").click();
    const dialog = toren.page.getByRole("dialog", { name: "Is it you?" });
    await dialog.getByRole("button", { name: "Use a passkey" }).click();
    await toren.page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
    await toren.button("I have kept them").click();
  });

  test("is the second factor of a password", async () => {
    await toren.page.route(OFFER, (route) => route.abort());
    await toren.signOut();
    await toren.enterPassword();
    await toren.button("Use a passkey").click();
    await toren.atHome();
  });

  test("signs in without a password, by its button", async () => {
    const failed = toren.page.waitForEvent("requestfailed", (request) =>
      request.url().endsWith("/StartPasskeySignIn"),
    );
    await toren.signOut();
    await failed;
    await toren.page.unroute(OFFER);
    toren.complaints = toren.complaints.filter((one) => !/ERR_FAILED/.test(one));
    await toren.button("Sign in with a passkey").click();
    await toren.atHome();
    await toren.visit("/account/sessions", "Sessions");
    await toren.sees(/by passkey/);
  });

  test("signs in from among what the browser fills into the form", async () => {
    await toren.signOut();
    await toren.atHome();
  });

  test("is taken off the account", async () => {
    await toren.visit("/account/factors", "Passkeys");
    await toren.button("Remove Tablet").click();
    await toren.sees("None yet.");
    await toren.sees("They come with the first app or passkey.");
  });
});

describe("mail", () => {
  let ada;
  let address;
  before(async () => {
    ada = await settle("ada");
    address = `${ada.name}@example.org`;
  });
  after(() => ada?.leave());

  test("has a link that verifies the address, once", async () => {
    await ada.sees(`A mail to ${address} has a link`);
    const link = await mailbox.link(address, "/verify-email");
    await ada.page.goto(ada.url + link);
    await ada.button("This address is mine").waitFor();
    assert.doesNotMatch(ada.page.url(), /token/, "the token stays in the address");
    await ada.checkThemes("verify");
    await ada.button("This address is mine").click();
    await ada.sees(`${address} is verified.`);
    await ada.visit("/roster", `House of ${ada.name}`);
    await ada.page.goto(ada.url + link);
    await ada.button("This address is mine").click();
    await ada.sees("This link was used already, or is too old.");
    await ada.visit("/roster", `House of ${ada.name}`);
    assert.equal(await ada.page.getByText("has a link that verifies").count(), 0);
  });

  test("leads to another address", async () => {
    const other = `${ada.name}@north.example`;
    await ada.visit("/account", "Account and security");
    await ada.button("Change the address").click();
    await ada.page.getByLabel("New address").fill("nobody");
    await ada.button("Send the mail").click();
    await ada.sees("This is not a complete e-mail address.");
    await ada.page.getByLabel("New address").fill(other);
    await ada.button("Send the mail").click();
    await ada.sees(`A mail is on its way to ${other}.`);
    await ada.sees(`${other} waits to be verified`);
    await ada.page.goto(ada.url + (await mailbox.link(other, "/verify-email")));
    await ada.button("This address is mine").click();
    await ada.sees(`${other} is verified.`);
    address = other;
    await ada.visit("/account", "Account and security");
    await ada.sees(other);
  });

  test("recovers an account whose password is forgotten", async () => {
    await ada.signOut();
    await ada.page.getByRole("link", { name: "Password forgotten?" }).click();
    await ada.page.getByLabel("E-mail").fill(address);
    await ada.checkThemes("recover");
    await ada.button("Send the link").click();
    await ada.sees("a mail with a link is under way");
    await ada.page.goto(ada.url + (await mailbox.link(address, "/recover")));
    await ada.page.getByLabel("New password", { exact: true }).fill("password123");
    await ada.button("Set the password").click();
    await ada.page.locator(".field-error[role=alert]").waitFor();
    await ada.page.getByLabel("New password", { exact: true }).fill("wholly another sentence");
    await ada.checkThemes("new password");
    await ada.button("Set the password").click();
    await ada.sees(`The password of ${ada.name} is set`);
    await ada.page.getByRole("link", { name: "Sign in" }).click();
    await ada.enterPassword(PASSWORD, address);
    await ada.sees("The user name or the password is wrong.");
    await ada.enterPassword("wholly another sentence", address);
    await ada.atHome();
  });

  test("is promised for an address that nobody has, in the same words", async () => {
    const stranger = await stage.arrive("stranger", PHONE);
    await stranger.page.goto(`${stranger.url}/recover`);
    await stranger.page.getByLabel("E-mail").fill(`${unique("nobody")}@example.org`);
    await stranger.button("Send the link").click();
    await stranger.sees("a mail with a link is under way");
    await stranger.shot("recover-phone");
    await stranger.leave();
  });
});

describe("sessions and passwords", () => {
  let kael;
  let elsewhere;
  before(async () => {
    kael = await settle("kael");
    elsewhere = await stage.arrive("kael");
    elsewhere.name = kael.name;
    await elsewhere.enterPassword();
    await elsewhere.atHome();
  });
  after(async () => {
    await elsewhere?.leave();
    await kael?.leave();
  });

  test("a session elsewhere is seen, and ended from here", async () => {
    await kael.visit("/account/sessions", "Sessions");
    await kael.page.getByText("this one").waitFor();
    assert.equal(await kael.page.locator(".case").count(), 2);
    await kael.checkThemes("sessions");
    await kael.shot("account-sessions");
    await kael.page.getByRole("button", { name: /^End (?!all)/ }).click();
    await elsewhere.sees("Your session has ended. Sign in again.");
    await elsewhere.enterPassword();
    await elsewhere.atHome();
  });

  test("another password ends the other sessions", async () => {
    await kael.visit("/account", "Account and security");
    await kael.button("Change the password").click();
    await kael.page.getByLabel("New password", { exact: true }).fill("password");
    await kael.button("Save the password").click();
    await kael.page.locator(".field-error[role=alert]").waitFor();
    await kael.page.getByLabel("New password", { exact: true }).fill("a long walk to the ford");
    await kael.sees("23 characters: long enough to be hard to guess.");
    await kael.button("Save the password").click();
    await kael.sees("The password is changed. One other session has ended.");
    await elsewhere.page.waitForURL("**/sign-in");
  });

  test("all of it is in the log", async () => {
    await kael.visit("/account/log", "What happened");
    for (const what of ["Account created", "Signed in", "Password changed", "A session ended"])
      await kael.sees(what);
    await kael.checkThemes("log");
    await kael.shot("account-log");
  });
});

describe("an API key", () => {
  let tamsin;
  let key;
  before(async () => {
    tamsin = await settle("tamsin");
  });
  after(() => tamsin?.leave());

  const whoAmI = () =>
    tamsin.context.request.post(`${tamsin.url}/waystone.auth.v1.AuthService/GetSession`, {
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      data: "{}",
    });

  test("is made for what it may do, shown once, and works", async () => {
    await tamsin.visit("/account/keys", "API keys");
    await tamsin.button("Make a key").click();
    await tamsin.button("Make the key").click();
    await tamsin.sees("1 to 64 characters.");
    await tamsin.sees("Choose at least one.");
    await tamsin.page.getByLabel("Name", { exact: true }).fill("Ledger");
    await tamsin.page.getByRole("checkbox", { name: /account\.read/ }).check();
    await tamsin.checkThemes("a new key");
    await tamsin.button("Make the key").click();
    key = await tamsin.page.locator(".secret code").innerText();
    assert.match(key, /^wsk_\w+$/);
    await tamsin.button("I have kept it").click();
    assert.equal(await tamsin.page.getByText(key).count(), 0);
    const answer = await whoAmI();
    assert.equal(answer.status(), 200, await answer.text());
  });

  test("is revoked", async () => {
    await tamsin.button("Revoke Ledger").click();
    await tamsin.sees("revoked");
    const untilMs = Date.now() + 5000;
    while ((await whoAmI()).status() !== 401) {
      assert.ok(Date.now() < untilMs, "the key works on");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await tamsin.shot("account-keys");
  });
});

describe("an account elsewhere", () => {
  let wren;
  before(async () => {
    wren = await stage.arrive("wren");
    provider.subject = wren.name;
  });
  after(async () => {
    // The way to the provider's page and back is the one that leaves the site.
    wren.complaints = wren.complaints.filter((one) => !one.includes(provider.issuer));
    await wren.leave();
  });

  test("makes an account without a password", async () => {
    await wren.page.goto(`${wren.url}/sign-in`);
    await wren.button("Continue with Guildhall").click();
    const name = wren.page.getByLabel("User name", { exact: true });
    await name.waitFor();
    assert.equal(await name.inputValue(), wren.name);
    assert.match(wren.page.url(), /\/sign-in\/provider$/, "the code stays in the address");
    await wren.sees(`Account mail goes to ${wren.name}@guildhall.example.`);
    await wren.checkThemes("newcomer");
    await wren.button("Create account").click();
    await wren.atHome();
    await wren.visit("/account", "Account and security");
    await wren.sees("This account has no password; it opens by other ways.");
  });

  test("opens the account again, and cannot be taken off while nothing else does", async () => {
    await wren.signOut();
    await wren.button("Continue with Guildhall").click();
    await wren.atHome();
    await wren.visit("/account/factors", "Accounts elsewhere");
    await wren.button("Remove Guildhall").click();
    await wren.page.getByRole("alert").filter({ hasText: "Nothing else would open" }).waitFor();
  });

  test("keeps an account that was closed", async () => {
    await wren.visit("/account/data", "Close the account");
    await wren.button("Close the account").click();
    await wren.page.getByLabel("Your user name").fill(wren.name);
    await wren.button("Close it and sign out").click();
    await wren.page.waitForURL("**/sign-in");
    await wren.button("Continue with Guildhall").click();
    await wren.sees("This account is being closed.");
    await wren.button("Keep the account and sign in").click();
    await wren.atHome();
  });

  test("is called off there, and the sign-in stays", async () => {
    await wren.signOut();
    provider.declines = true;
    await wren.button("Continue with Guildhall").click();
    await wren.sees("The sign-in was called off at the provider.");
    provider.declines = false;
    await wren.page.getByRole("link", { name: "Sign in" }).click();
    await wren.button("Sign in").waitFor();
  });

  test("is added to an account that has a password, and taken off", async () => {
    const other = await settle("other");
    provider.subject = other.name;
    await other.visit("/account/factors", "Accounts elsewhere");
    await other.button("Add Guildhall").click();
    await other.button("Remove Guildhall").click();
    await other.button("Add Guildhall").waitFor();
    other.complaints = other.complaints.filter((one) => !one.includes(provider.issuer));
    await other.leave();
  });
});

describe("an account's end", () => {
  let orla;
  before(async () => {
    orla = await settle("orla");
    await orla.create();
  });
  after(() => orla?.leave());

  test("a copy of everything is an archive of JSON files", async () => {
    await orla.visit("/account/data", "A copy of everything");
    await orla.checkThemes("data");
    const [download] = await Promise.all([
      orla.page.waitForEvent("download"),
      orla.button("Download the copy").click(),
    ]);
    assert.equal(download.suggestedFilename(), `waystone-${orla.name}.zip`);
    const script =
      "import json,sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; " +
      "print(json.dumps({n: json.loads(z.read(n)) for n in z.namelist()}))";
    const files = JSON.parse(
      execFileSync("/usr/bin/python3", ["-c", script, await download.path()], { encoding: "utf8" }),
    );
    assert.ok(Object.keys(files).length > 1, Object.keys(files).join());
    assert.match(JSON.stringify(files), new RegExp(orla.character));
  });

  test("is asked for by name, and called off by signing in", async () => {
    await orla.visit("/account/data", "Close the account");
    await orla.button("Close the account").click();
    await orla.page.getByLabel("Your user name").fill("somebody");
    await orla.button("Close it and sign out").click();
    await orla.sees("This is not your user name.");
    await orla.page.getByLabel("Your user name").fill(orla.name);
    await orla.button("Close it and sign out").click();
    await orla.page.waitForURL("**/sign-in");
    await orla.sees(/The account is closed\. Until .* signing in opens it again/);
    await orla.shot("account-closed");
    await orla.enterPassword();
    await orla.sees("This account is being closed.");
    await orla.button("Keep the account and sign in").click();
    await orla.atHome();
  });
});

test("the account's pages have no violation that axe knows of, on a phone as well", async () => {
  const person = await settle("axe", PHONE);
  for (const path of ["", "/factors", "/sessions", "/log", "/keys", "/data"]) {
    await person.visit(`/account${path}`, "Account and security");
    await person.page.locator(".part").first().waitFor();
    await person.checkThemes(`/account${path}`);
    await person.shot(`phone-account${path.replace("/", "-")}`);
  }
  await person.leave();
});
