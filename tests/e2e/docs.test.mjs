// The snippets of docs/clients.md, run as they stand: only the ports are those of this test.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

import { startWorld } from "../service/js/stage.mjs";

const TIMEOUT_MS = 60000;
const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(process.env.WAYSTONE_TEST_HOME, "docs-snippets");
// What the demo world's people say (tools/dev/world.py), in order.
const FIRST = "The stone at the ford is lit again. Who else saw it?";
const LAST = "Wait for me at the bridge. I bring the maps.";

/** A port nobody listens on at this moment. */
async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** { title: [{ language, code }] } of a Markdown text. */
function sections(markdown) {
  const found = {};
  for (const part of markdown.split(/^## /m).slice(1)) {
    found[part.split("\n", 1)[0]] = [...part.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
      ([, language, code]) => ({ language, code }),
    );
  }
  return found;
}

let world;
let pagePort;
let snippets;
before(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, "api"), join(folder, "api"));
  symlinkSync(join(root, "tests/service/js/node_modules"), join(folder, "node_modules"));
  pagePort = await freePort();
  world = await startWorld("docs", "--demo", `http.origins=http://localhost:${pagePort}`);
  const text = readFileSync(join(root, "docs/clients.md"), "utf8")
    .replaceAll("localhost:8080", new URL(world.plain).host)
    .replaceAll("localhost:8081", `localhost:${pagePort}`);
  snippets = sections(text);
});
after(() => world.stop());

/** Writes a section's files, then runs its shell blocks in one shell. Resolves to its output. */
async function shell(title, ...more) {
  assert.ok(snippets[title], `docs/clients.md has no section "${title}"`);
  for (const { language, code } of snippets[title]) {
    if (language === "sh") continue;
    const name = /^(?:#|\/\/|<!--) ([\w-]+\.\w+)/.exec(code)?.[1];
    assert.ok(name, `the first line of a ${language} snippet in "${title}" names no file`);
    writeFileSync(join(folder, name), code);
  }
  const script = snippets[title]
    .filter(({ language }) => language === "sh")
    .map(({ code }) => code);
  const { stdout } = await promisify(execFile)(
    "bash",
    ["--norc", "-euo", "pipefail", "-c", [...script, ...more].join("\n")],
    { cwd: folder, timeout: TIMEOUT_MS, killSignal: "SIGKILL" },
  );
  return stdout;
}

describe("docs/clients.md", () => {
  test("has a test for each section with snippets", () => {
    // The one in C is compiled by tests/service/client_library_test.py.
    const shown = Object.keys(snippets).filter((title) => snippets[title].length > 0);
    assert.deepEqual(shown, [
      "curl, with JSON",
      "Python: grpcio",
      "Node: @grpc/grpc-js",
      "Node: connect-node",
      "C",
      "Browser: connect-web",
    ]);
  });

  test("curl", async () => {
    const answers = (await shell("curl, with JSON")).split(/(?<=\})(?=\{)/).map(JSON.parse);
    assert.equal(answers.length, 2);
    assert.deepEqual(answers[0].messages.map((message) => message.text).at(-1), LAST);
    assert.equal(answers[0].messages.length, 2);
    assert.equal(answers[1].channels[0].id, "1");
  });

  test("Python", async () => {
    const lines = (await shell("Python: grpcio")).trim().split("\n");
    assert.equal(lines[0], `Mira Vell ${FIRST}`);
    assert.equal(lines.at(-1), `Toren Karr ${LAST}`);
  });

  test("grpc-js", async () => {
    const lines = (await shell("Node: @grpc/grpc-js", "node chat-grpc.mjs")).trim().split("\n");
    assert.deepEqual([lines[0], lines.at(-1)], [FIRST, LAST]);
  });

  test("connect-node", async () => {
    const lines = (await shell("Node: connect-node", "node chat-connect.mjs")).trim().split("\n");
    assert.deepEqual([lines[0], lines.at(-1)], [FIRST, LAST]);
  });

  test("connect-web in Chromium", async () => {
    await shell("Browser: connect-web");
    const files = spawn("/usr/bin/python3", ["-u", "-m", "http.server", String(pagePort)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    try {
      await once(files.stdout, "data");
      const page = await browser.newPage();
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("requestfailed", (request) => complaints.push(request.url()));
      await page.goto(`http://localhost:${pagePort}/chat.html`);
      await page
        .getByText(LAST)
        .waitFor({ timeout: 20000 })
        .catch((error) => assert.fail(`${error.message}\n${complaints.join("\n")}`));
      const lines = await page.locator("li").allInnerTexts();
      assert.deepEqual([lines[0], lines.at(-1)], [`Mira Vell: ${FIRST}`, `Toren Karr: ${LAST}`]);
    } finally {
      await browser.close();
      files.kill();
    }
  });
});
