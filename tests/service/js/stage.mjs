// A world for the JavaScript tests: harness.py starts the servers (cleartext and TLS, two
// instances on one database), this file waits for their addresses and tells it when to stop.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * Starts a world, with words of serve_world.py. Resolves to { plain, tls, certificate, psql, stop }.
 */
export async function startWorld(name, ...words) {
  const script = fileURLToPath(new URL("../serve_world.py", import.meta.url));
  const child = spawn("/usr/bin/python3", [script, name, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    new Promise((resolve) => lines.once("line", resolve)),
    ended.then((code) => Promise.reject(new Error(`the world did not start (code ${code})`))),
  ]);
  return {
    ...JSON.parse(first),
    /** Has the database carry out a statement, of one line. */
    async psql(statement) {
      const answer = new Promise((resolve) => lines.once("line", resolve));
      child.stdin.write(`${statement}\n`);
      return JSON.parse(
        await Promise.race([
          answer,
          ended.then((code) => Promise.reject(new Error(`the world ended (code ${code})`))),
        ]),
      );
    },
    /** Stops the servers; rejects when one of them ended badly or reported something. */
    async stop() {
      child.stdin.end();
      const code = await ended;
      if (code !== 0) throw new Error("a server did not end well; the reason is above");
    },
  };
}

let counter = Date.now() % 100000;

/** A name nobody has, of letters only. */
export function unique(prefix) {
  counter += 1;
  return prefix + [...String(counter)].map((digit) => "abcdefghij"[digit]).join("");
}

export const PASSWORD = "correct horse battery";
