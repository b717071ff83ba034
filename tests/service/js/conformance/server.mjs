// connect-server, started as the conformance suite starts a server under test: one message on its
// standard input says what to serve, one on its standard output where it listens.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

const BUILD = dirname(process.env.WAYSTONE_TEST_SERVER);

function framed(data) {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  return Buffer.concat([head, data]);
}

/** Starts a server. Resolves to { port, pem, stop }; stop() rejects when it did not end well. */
export async function startServer(schemas, wanted) {
  const child = spawn(join(BUILD, "tests/conformance/connect-server"), [], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const request = create(schemas.ServerCompatRequestSchema, wanted);
  child.stdin.end(framed(toBinary(schemas.ServerCompatRequestSchema, request)));
  let read = Buffer.alloc(0);
  const answer = await new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`connect-server ended with ${code}`)));
    child.stdout.on("data", (chunk) => {
      read = Buffer.concat([read, chunk]);
      if (read.length >= 4 && read.length === 4 + read.readUInt32BE(0)) resolve(read.subarray(4));
    });
  });
  const response = fromBinary(schemas.ServerCompatResponseSchema, answer);
  return {
    port: response.port,
    pem: Buffer.from(response.pemCert),
    async stop() {
      child.kill("SIGTERM");
      const code = await ended;
      if (code !== 0) throw new Error(`connect-server ended with ${code}`);
      if (read.length !== 4 + answer.length) throw new Error("more on standard output");
    },
  };
}
