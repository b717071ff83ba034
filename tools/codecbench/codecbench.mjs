// The same as codecbench.c, by @bufbuild/protobuf: CPU time of each encoding of a message.
//
// node codecbench.mjs PACKAGES NAME TYPE FILE
// PACKAGES is a folder with the npm packages, and gen/ with the schemas as protoc-gen-es makes them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const WARM_UP_US = 1e6;
const MEASURED_US = 1e6;
const BATCH = 100;

const [packages, name, typeName, file] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const protobuf = await import(pathToFileURL(require.resolve("@bufbuild/protobuf")).href);
const chat = await import(pathToFileURL(join(packages, "gen/waystone/chat/v1/chat_pb.js")).href);
const schema = protobuf.createRegistry(chat.file_waystone_chat_v1_chat).getMessage(typeName);

const text = readFileSync(file, "utf8");
const message = protobuf.fromJsonString(schema, text);
const binary = protobuf.toBinary(schema, message);

/** Calls for a while; returns the microseconds of CPU for one call, the collector's included. */
function time(call, limit) {
  const start = process.cpuUsage();
  let count = 0;
  for (;;) {
    for (let i = 0; i < BATCH; i++) call();
    count += BATCH;
    const { user, system } = process.cpuUsage(start);
    if (user + system >= limit) return (user + system) / count;
  }
}

function measure(what, call) {
  time(call, WARM_UP_US);
  const value = Number(time(call, MEASURED_US).toFixed(3));
  console.log(JSON.stringify({ figure: `${name}_${what}_us`, value, unit: "us" }));
}

measure("encode", () => protobuf.toBinary(schema, message));
measure("decode", () => protobuf.fromBinary(schema, binary));
measure("json_encode", () => protobuf.toJsonString(schema, message));
measure("json_decode", () => protobuf.fromJsonString(schema, text));
