// Records protovalidate_cases.txt: random messages of gen/testdata/rules.proto and what
// protovalidate says of them. Needs the npm packages @bufbuild/protobuf and
// @bufbuild/protovalidate, which are no part of the build:
//
//   protoc -Iapi -Igen/testdata --include_imports -o rules.pb rules.proto
//   node tests/unit/gen/record_cases.mjs rules.pb [seed [count]] > tests/unit/gen/protovalidate_cases.txt
import fs from "node:fs";
import { create, createFileRegistry, fromBinary, ScalarType, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";

const [schema, seedText = "1", countText = "500"] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, fs.readFileSync(schema)));
const validator = createValidator({ registry });

let state = Number(seedText);

function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

const pick = (values) => values[Math.floor(random() * values.length)];
const times = (most) => Array.from({ length: Math.floor(random() * (most + 1)) });

const texts = [
  "",
  "a",
  "ab",
  "abc",
  "abcd",
  "abcde",
  "é",
  "éé",
  "ααα",
  "αα",
  "12",
  "q",
  "b",
  'a"b?',
  "abmmyz",
  "abxmmyz",
  "aé",
  "aa",
  "a😀",
  "x@y.z",
  "foo@bar",
  "foo@",
  "foo@-a.b",
  "a.b",
  "example.com",
  "example.com.",
  "1.2.3",
  "a-.b",
  "-a",
  "127.0.0.1",
  "256.1.1.1",
  "01.1.1.1",
  "::1",
  "::",
  "1::2::3",
  "fe80::1%eth0",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:1.2.3.4",
  "::ffff:1.2.3.4",
  ":::",
  "1:",
  "http://a/b?c#d",
  "http://[::1]:80/",
  "http://[::1%25eth]/x",
  "http://[v1.x]/",
  "mailto:a@b",
  "a:b",
  "//host/p",
  "/p/q",
  "p:q",
  "p/q:r",
  "?x",
  "#y",
  "http://%e4/",
  "http://%c3%a4/x",
  "http://a b",
  "http://u:p@h:99/",
  "http://h:9x/",
  "http://h//x",
  "//",
  "///x",
  "urn:x:y",
  ":x",
  "1a:b",
  "a%20b",
  "a%2",
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "81ARZ3NDEKTSV4RRFFQ69G5FAV",
  "01ARZ3NDEKTSV4RRFFQ69G5FAI",
  "550e8400-e29b-41d4-a716-446655440000",
  "550E8400E29B41D4A716446655440000",
  "550e8400-e29b-41d4-a716-44665544000g",
  `${"x".repeat(64)}.com`,
  `${"a".repeat(63)}.com`,
  "http://a.b:",
  "http:",
  "http://",
  "x:/",
  "x:/a//b",
  "x://a/%zz",
];
const integers = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, -1, -2, -3, -5, 100, 1000, 2147483647, -2147483648,
];
const reals = [0, 1, 1.5, 1.6, 2, 5, 10, 10.5, -2, -2.5, NaN, Infinity, -Infinity, -0];
const blobs = [[], [97], [98, 99], [1, 97, 255], [1, 255], [113], [1, 2, 3, 4]];
// Far from now on either side, so that the verdict does not depend on when it is asked for.
const seconds = [0, 1, 2, 5, 6, 99, 100, 101, 999, 1000, 1999, 2000, 32503680000];

function scalar(type) {
  switch (type) {
    case ScalarType.STRING:
      return pick(texts);
    case ScalarType.BYTES:
      return new Uint8Array(pick(blobs));
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return pick(reals);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return BigInt(pick([...integers, "9223372036854775807", "-9223372036854775808"]));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt(pick([0, 3, 4, 5, 6, "18446744073709551615", "18446744073709551614"]));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return pick([0, 1, 7, 8, 4294967295]);
    default:
      return pick(integers);
  }
}

const isWrapper = (type) => /^google\.protobuf\..*Value$/.test(type.typeName);

function value(field, depth) {
  if (field.message) {
    return isWrapper(field.message)
      ? scalar(field.message.fields[0].scalar)
      : message(field.message, depth + 1);
  }
  return field.enum ? pick([0, 1, 2, -5, 7, 9]) : scalar(field.scalar);
}

function element(kind, field, depth) {
  if (kind === "message") return message(field.message, depth + 1);
  return kind === "enum" ? pick([0, 1, 2, 9, -5]) : scalar(field.scalar);
}

function time(type) {
  const made = create(type);
  made.seconds = BigInt(pick(seconds));
  made.nanos = pick([0, 0, 5, 500000000, 500000001]);
  if (type.name === "Duration" && made.seconds === 0n && random() < 0.5) made.nanos = -5;
  return made;
}

function fillField(made, field, depth) {
  if (field.fieldKind === "list") {
    for (const _ of times(3)) made[field.localName].push(element(field.listKind, field, depth));
  } else if (field.fieldKind === "map") {
    for (const _ of times(3)) {
      made[field.localName][String(scalar(field.mapKey))] = element(field.mapKind, field, depth);
    }
  } else {
    made[field.localName] = value(field, depth);
  }
}

function message(type, depth) {
  if (type.typeName.startsWith("google.protobuf.")) return time(type);
  const made = create(type);
  for (const oneof of type.oneofs) {
    const field = pick(oneof.fields);
    if (random() < 0.8)
      made[oneof.localName] = { case: field.localName, value: value(field, depth) };
  }
  for (const field of type.fields) {
    const skipped = random() < 0.35 || (depth > 1 && field.message);
    if (!field.oneof && !skipped) fillField(made, field, depth);
  }
  return made;
}

function pathText(violation) {
  let text = "";
  for (const step of violation.field) {
    if (step.kind === "list_sub") text += `[${step.index}]`;
    else if (step.kind === "map_sub") text += `[${keyText(step.key)}]`;
    else text += (text ? "." : "") + step.name;
  }
  return text;
}

// The server cuts keys after 64 bytes.
function keyText(key) {
  return typeof key === "string"
    ? JSON.stringify(Buffer.from(key).subarray(0, 64).toString())
    : String(key);
}

const names = ["Numbers", "Texts", "Forms", "Bytes", "Others", "Inner", "Lists", "Times"];
for (let recorded = 0; recorded < Number(countText); ) {
  const type = registry.getMessage(`rules.v1.${pick(names)}`);
  const made = message(type, 0);
  const result = validator.validate(type, made);
  if (result.kind === "error") throw result.error;
  const violations = (result.violations ?? []).map((one) => `${pathText(one)}|${one.ruleId}`);
  if (violations.length >= 20) continue; // the server stops there
  const hex = Buffer.from(toBinary(type, made)).toString("hex");
  const sorted = violations.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  console.log([type.typeName, hex, ...sorted].join("\t"));
  recorded++;
}
