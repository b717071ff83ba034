// Compares our encodings with @bufbuild/protobuf on random messages, both ways:
//   theirs to binary -> ours to JSON   -> theirs reads the JSON and compares
//   theirs to JSON   -> ours to binary -> theirs reads the binary and compares
//
// node json_roundtrip.mjs CODEC_TOOL SCHEMA_FOLDER [COUNT [SEED]]
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [tool, schemaFolder, countText = "2000", seedText = "1"] = process.argv.slice(2);

// From wherever the tests' npm packages are, so that this file needs none of its own.
const base = process.env.NODE_PACKAGES ?? new URL("./js/", import.meta.url).pathname;
const require = createRequire(join(base, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const protobuf = await load("@bufbuild/protobuf");
const { anyPack, FileDescriptorSetSchema, ValueSchema } = await load("@bufbuild/protobuf/wkt");

function schema() {
  const folder = mkdtempSync(join(tmpdir(), "waystone-roundtrip-"));
  try {
    const file = join(folder, "set.bin");
    execFileSync("protoc", [
      `-I${schemaFolder}`,
      "-I/usr/include",
      "--include_imports",
      `--descriptor_set_out=${file}`,
      "codec_test.proto",
    ]);
    return protobuf.createFileRegistry(
      protobuf.fromBinary(FileDescriptorSetSchema, readFileSync(file)),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const registry = schema();
const prefix = "waystone.testing.codec.v1.";
const everything = registry.getMessage(`${prefix}Everything`);

// A small generator, so that a seed gives the same messages again (mulberry32).
let state = Number(seedText);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (limit) => Math.floor(random() * limit);
const pick = (items) => items[below(items.length)];
const bits64 = () => (BigInt(below(4294967296)) << 32n) | BigInt(below(4294967296));

const texts = [
  "",
  "a",
  "plain text",
  "café",
  "\u{1f600}",
  '"quoted" \\ /',
  "line\nbreak\ttab",
  "\u007f\u0001",
  "\u2028",
  "x".repeat(300),
];
// No -0: JSON.stringify() writes it as 0.
const reals = [
  0,
  1,
  -1.5,
  0.1,
  1e21,
  1e-7,
  123456789.125,
  Number.MAX_VALUE,
  5e-324,
  NaN,
  Infinity,
  -Infinity,
  1 / 3,
];

function scalar(type) {
  const S = protobuf.ScalarType;
  switch (type) {
    case S.STRING:
      return pick(texts);
    case S.BOOL:
      return random() < 0.5;
    case S.BYTES:
      return Uint8Array.from({ length: below(20) }, () => below(256));
    case S.DOUBLE:
      return random() < 0.7 ? pick(reals) : (random() - 0.5) * 10 ** (below(600) - 300);
    case S.FLOAT:
      return Math.fround(
        random() < 0.7
          ? pick(reals.filter((x) => Math.abs(x) < 3e38))
          : (random() - 0.5) * 10 ** (below(70) - 35),
      );
    case S.INT32:
    case S.SINT32:
    case S.SFIXED32:
      return pick([0, 1, -1, 2147483647, -2147483648, below(4294967296) | 0]);
    case S.UINT32:
    case S.FIXED32:
      return pick([0, 1, 4294967295, below(4294967296)]);
    case S.UINT64:
    case S.FIXED64:
      return pick([0n, 1n, 2n ** 64n - 1n, bits64()]);
    default:
      return pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt.asIntN(64, bits64())]);
  }
}

const enumValue = (desc) =>
  desc.typeName === "google.protobuf.NullValue"
    ? 0
    : random() < 0.8
      ? pick(desc.values).number
      : below(1000);

function jsonValue(depth) {
  switch (below(depth > 2 ? 4 : 6)) {
    case 0:
      return null;
    case 1:
      return pick(reals.filter(Number.isFinite));
    case 2:
      return pick(texts);
    case 3:
      return random() < 0.5;
    case 4:
      return Array.from({ length: below(4) }, () => jsonValue(depth + 1));
    default:
      return jsonObject(depth);
  }
}
const jsonObject = (depth) =>
  Object.fromEntries(
    Array.from({ length: below(4) }, (_, i) => [
      `${pick(["a", "b c", "é"])}${i}`,
      jsonValue(depth + 1),
    ]),
  );

function message(desc, depth) {
  const make = (init) => protobuf.create(desc, init);
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return make({
        seconds: BigInt(below(315537897600)) - 62135596800n,
        nanos: pick([0, 500000000, 1000, 1, 999999999]),
      });
    case "google.protobuf.Duration": {
      const sign = random() < 0.5 ? -1 : 1;
      return make({
        seconds: BigInt(sign * below(315576000000)),
        nanos: sign * pick([0, 500000000, 1000, 1, 999999999]),
      });
    }
    case "google.protobuf.FieldMask":
      return make({
        paths: Array.from({ length: below(3) }, () => pick(["a", "user_name", "x.y_z"])),
      });
    case "google.protobuf.Value":
      return protobuf.fromJson(ValueSchema, jsonValue(depth));
    // Fields of type Struct are plain objects in protobuf-es.
    case "google.protobuf.Struct":
      return jsonObject(depth);
    case "google.protobuf.ListValue":
      return protobuf.fromJson(desc, jsonValueList(depth));
    case "google.protobuf.Any": {
      const inner = registry.getMessage(
        pick([
          `${prefix}Node`,
          `${prefix}Scalars`,
          "google.protobuf.Duration",
          "google.protobuf.Int64Value",
          "google.protobuf.Empty",
        ]),
      );
      return anyPack(inner, message(inner, depth + 1));
    }
    default:
      return ordinary(desc, depth);
  }
}
const jsonValueList = (depth) => Array.from({ length: below(4) }, () => jsonValue(depth + 1));

function single(field, depth) {
  if (field.message) return message(field.message, depth + 1);
  return field.enum ? enumValue(field.enum) : scalar(field.scalar);
}

function mapKey(field) {
  const key = scalar(field.mapKey);
  return typeof key === "string" ? key : String(key);
}

function mapValue(field, depth) {
  if (field.mapKind === "message") return message(field.message, depth + 1);
  return field.mapKind === "enum" ? enumValue(field.enum) : scalar(field.scalar);
}

function ordinary(desc, depth) {
  const result = protobuf.create(desc);
  for (const member of desc.members) {
    if (random() < (depth > 4 ? 0.9 : 0.4)) continue;
    if (member.kind === "oneof") {
      const field = pick(member.fields);
      result[member.localName] = { case: field.localName, value: single(field, depth) };
    } else if (member.fieldKind === "list") {
      const item = { ...member, fieldKind: undefined };
      item.message = member.message;
      item.enum = member.enum;
      item.scalar = member.scalar;
      result[member.localName] = Array.from({ length: below(5) }, () => single(item, depth));
    } else if (member.fieldKind === "map") {
      for (let i = below(4); i > 0; i--)
        result[member.localName][mapKey(member)] = mapValue(member, depth);
    } else {
      result[member.localName] = single(member, depth);
      // Wrapper fields are the bare value in protobuf-es.
      const wrapper = member.message?.typeName.match(/^google\.protobuf\.(\w+)Value$/);
      if (wrapper && !["", "List"].includes(wrapper[1]))
        result[member.localName] = result[member.localName].value;
    }
  }
  return result;
}

// --- the other side ---

const child = spawn(tool, [], { stdio: ["pipe", "pipe", "inherit"] });
let received = Buffer.alloc(0);
let wake = () => {};
child.stdout.on("data", (data) => {
  received = Buffer.concat([received, data]);
  wake();
});
child.on("exit", (code, signal) => {
  if (code !== 0) {
    console.error(`codec-tool ended with ${code ?? signal}`);
    process.exit(1);
  }
});

async function convert(direction, content) {
  const head = Buffer.alloc(5);
  head.write(direction, 0, "latin1");
  head.writeUInt32LE(content.length, 1);
  child.stdin.write(head);
  child.stdin.write(content);
  while (received.length < 5 || received.length < 5 + received.readUInt32LE(1))
    await new Promise((resolve) => {
      wake = resolve;
    });
  const length = received.readUInt32LE(1);
  const ok = received[0] === "+".charCodeAt(0);
  const answer = received.subarray(5, 5 + length);
  received = received.subarray(5 + length);
  if (!ok) throw new Error(`refused: ${answer}`);
  return answer;
}

// Any.value is bytes, and maps have no order on the wire: both sides are compared as JSON whose
// members are sorted.
const sorted = (value) =>
  Array.isArray(value)
    ? value.map(sorted)
    : value !== null && typeof value === "object"
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sorted(inner)]),
        )
      : value;
const canonical = (instance) =>
  JSON.stringify(sorted(protobuf.toJson(everything, instance, { registry })));

let compared = 0;
for (let i = 0; i < Number(countText); i++) {
  const original = ordinary(everything, 0);
  const expected = canonical(original);
  const ourJson = await convert("b", protobuf.toBinary(everything, original));
  // Through binary, since protobuf-es keeps a float's text as a double.
  const fromOurJson = protobuf.fromBinary(
    everything,
    protobuf.toBinary(
      everything,
      protobuf.fromJsonString(everything, ourJson.toString("utf8"), { registry }),
    ),
  );
  const theirJson = protobuf.toJsonString(everything, original, { registry });
  const ourBinary = await convert("j", Buffer.from(theirJson, "utf8"));
  const fromOurBinary = protobuf.fromBinary(everything, ourBinary);
  for (const [way, got] of [
    ["JSON", fromOurJson],
    ["binary", fromOurBinary],
  ]) {
    if (canonical(got) === expected) {
      compared++;
      continue;
    }
    const actual = canonical(got);
    let at = 0;
    while (actual[at] === expected[at]) at++;
    const around = (text) => text.slice(Math.max(0, at - 60), at + 60);
    console.error(
      `message ${i} of seed ${seedText} differs after our ${way}\n` +
        `expected ... ${around(expected)}\n     got ... ${around(actual)}`,
    );
    process.exit(1);
  }
}
child.stdin.end();
console.log(`${compared} comparisons, all equal`);
