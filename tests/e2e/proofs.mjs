// What proves who somebody is, for tests: codes of an authenticator app, and the mail of a server
// that writes it to files.
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const STEP_S = 30;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The step of RFC 6238 that the present belongs to. */
export function totpStep() {
  return Math.floor(Date.now() / 1000 / STEP_S);
}

/** Six digits, as an authenticator app shows them in a step. */
export function totpCode(secret, step = totpStep()) {
  const bits = [...secret.replace(/\s/g, "")]
    .map((one) => ALPHABET.indexOf(one).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", key).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** The mails of a server with `mail.directory`, one file each. */
export class Mailbox {
  #seen = new Set();

  constructor(directory) {
    this.directory = directory;
  }

  /** The address of the next link to a path of the site in a mail to somebody. Waits for it. */
  async link(to, path, timeoutMs = 15000) {
    const untilMs = Date.now() + timeoutMs;
    for (;;) {
      for (const name of readdirSync(this.directory).filter((one) => one.endsWith(".eml"))) {
        if (this.#seen.has(name)) continue;
        const mail = readFileSync(join(this.directory, name), "utf8");
        if (!new RegExp(`^To:.*${to}`, "im").test(mail)) continue;
        const text = mail.replace(/=\r?\n/g, "").replace(/=3D/g, "=");
        const [, token] = text.match(new RegExp(`${path}#token=([\\w-]+)`)) ?? [];
        if (!token) continue;
        this.#seen.add(name);
        return `${path}#token=${token}`;
      }
      if (Date.now() > untilMs) throw new Error(`no mail to ${to} leads to ${path}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
