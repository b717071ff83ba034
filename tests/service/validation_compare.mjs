// Compares our validation with protovalidate, the one of the browser:
//   random messages of gen/testdata/rules.proto: fields, rules, ids and for_key of each violation
//   forms (mail addresses, IP addresses, URIs ...) on a list of edge cases and random changes of it
//   patterns: random regular expressions against RE2
//   api/buf/validate: what it declares has the published numbers and types
//
// node validation_compare.mjs VALIDATE_TOOL ROOT [COUNT [SEED]]
// node validation_compare.mjs --record ROOT [COUNT [SEED]]   what protovalidate says, as lines for
//                                                            tests/unit/gen/protovalidate_cases.txt
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [tool, root, countText = "4000", seedText = "1"] = process.argv.slice(2);
const count = Number(countText);

// From wherever the tests' npm packages are, so that this file needs none of its own.
const base = process.env.NODE_PACKAGES ?? new URL("./js/", import.meta.url).pathname;
const require = createRequire(join(base, "package.json"));
const load = (name, from = require) => import(pathToFileURL(from.resolve(name)).href);
const { create, createFileRegistry, fromBinary, getOption, ScalarType, toBinary, toJson } =
  await load("@bufbuild/protobuf");
const { reflect } = await load("@bufbuild/protobuf/reflect");
const { FileDescriptorSetSchema } = await load("@bufbuild/protobuf/wkt");
const { createValidator, violationsToProto } = await load("@bufbuild/protovalidate");
// The engine that protovalidate itself depends on.
const { RE2JS } = await load(
  "@bufbuild/re2",
  createRequire(require.resolve("@bufbuild/protovalidate")),
);

function readSchema(...files) {
  const folder = mkdtempSync(join(tmpdir(), "waystone-validation-"));
  try {
    const file = join(folder, "set.bin");
    execFileSync("protoc", [
      `-I${root}/api`,
      `-I${root}/gen/testdata`,
      "-I/usr/include",
      "--include_imports",
      `--descriptor_set_out=${file}`,
      ...files,
    ]);
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const registry = readSchema("rules.proto");
const validator = createValidator({ registry });
const [, violationsSchema] = violationsToProto([]);
const published = violationsSchema.file;
const violationSchema = violationsSchema.fields[0].message;
const fieldExtension = published.extensions.find((one) => one.name === "field");

// --- chance: a seed gives the same messages again (mulberry32) ---

let state = Number(seedText);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const below = (limit) => Math.floor(random() * limit);
const pick = (values) => values[below(values.length)];
const times = (most) => Array.from({ length: below(most + 1) });

// --- texts ---

const words = [
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
  "😀",
  "bbc",
  "bb\n",
  "/*",
  "a b",
  "\t",
  "\r\n",
  "\u007f",
  "\u0001",
  "x\u2028y",
  "b".repeat(70),
  "é".repeat(40),
];
const label = "a".repeat(63);
const longHost = `${label}.${label}.${label}.${"b".repeat(60)}`;
const uuid = "550e8400-e29b-41d4-a716-446655440000";
const forms = [
  // mail
  "a@b",
  "x@y.z",
  "foo@bar",
  "foo@",
  "foo@-a.b",
  "@b",
  "a@b.",
  "a@.b",
  "a@b-",
  "a@b..c",
  "a@@b",
  "first.last+tag@example.com",
  ".a.@b-c.d",
  "!#$%&'*+/=?^_`{|}~-@x",
  "a b@c",
  "a@b c",
  '"a"@b',
  "a@[127.0.0.1]",
  "a@1.2",
  `a@${label}.com`,
  `a@${label}x.com`,
  "é@b",
  "a@é",
  "a@b\n",
  "a@b_c",
  `${"a".repeat(300)}@b`,
  "a,b@c",
  "a@b@c",
  "a@xn--4ca.de",
  // hosts
  "a.b",
  "example.com",
  "example.com.",
  "example.com..",
  ".",
  "..",
  ".a",
  "-a",
  "a-",
  "a-.b",
  "a.-b",
  "a_b",
  "1",
  "a.1",
  "a.1.",
  "1.a",
  "1a",
  "a.1a",
  longHost,
  `${longHost}c`,
  `${longHost}.`,
  `${label}x`,
  "EXAMPLE.Com",
  "a..b",
  "localhost",
  "xn--4ca",
  "a b.c",
  "é.com",
  "1.2.3.4.5",
  // IPv4
  "0.0.0.0",
  "255.255.255.255",
  "127.0.0.1",
  "256.1.1.1",
  "1.2.3",
  "1.2.3.4.",
  ".1.2.3.4",
  "01.1.1.1",
  "00.0.0.0",
  "1.1.1.1 ",
  " 1.1.1.1",
  "1..1.1",
  "1.1.1.1000",
  "1.1.1.-1",
  "0x1.1.1.1",
  "１.1.1.1",
  "1.2.3.4/24",
  "1.2.3.0/24",
  "1.2.3.4/32",
  "1.2.3.4/33",
  "1.2.3.4/0",
  "0.0.0.0/0",
  "128.0.0.0/1",
  "1.2.3.4/",
  "1.2.3.4/024",
  "1.2.3.4/2 ",
  "1.2.3.4/-1",
  "1.2.3.4//24",
  "1.2.3/24",
  "192.168.1.128/25",
  "192.168.1.128/24",
  "1.2.3.4/1000",
  "1.2.3.4/00",
  "10.0.0.0/8",
  "10.0.0.1/8",
  "1.2.3.4/24/24",
  // IPv6
  "::",
  "::1",
  "1::",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "1::8",
  "1::2::3",
  ":::",
  ":",
  "1:",
  ":1",
  "1:2:3:4:5:6:7:",
  ":1:2:3:4:5:6:7",
  "12345::",
  "g::",
  "2001:DB8::0",
  "fe80::1%eth0",
  "fe80::1%",
  "fe80::1%%",
  "%eth0",
  "::%1",
  "::ffff:1.2.3.4",
  "1:2:3:4:5:6:1.2.3.4",
  "1:2:3:4:5:6:7:1.2.3.4",
  "1:2:3:4:5:1.2.3.4",
  "1:2:3:4:5:6:7::1.2.3.4",
  "1:2:3:4:5:6::1.2.3.4",
  "1:2:3:4:5::1.2.3.4",
  "::1.2.3.4",
  "::1.2.3",
  "::1.2.3.256",
  "::01.2.3.4",
  "::1.2.3.4:5",
  "::1.2.3.4%a",
  "1.2.3.4::",
  "::1 ",
  "0:0:0:0:0:0:0:0",
  "::1/128",
  "::1/129",
  "::1/0",
  "::/0",
  "2001:db8::/32",
  "2001:db8::1/32",
  "2001:db8::/31",
  "2001:db9::/31",
  "fe80::%a/64",
  "fe80::/64%a",
  "::/",
  "::/0128",
  "::/1280",
  "1::2/16",
  "1::/16",
  "8000::/1",
  "::ffff:1.2.3.4/96",
  "::ffff:0.0.0.0/96",
  "::1.2.3.0/120",
  "1:2:3:4:5:6:7::1.2.3.4/1",
  "1:2:3:4:5:6:7:8/127",
  "1:2:3:4:5:6:7:8/128",
  "[::1]",
  "[::1]/64",
  "0::0::0",
  "::g",
  // host and port
  "localhost:80",
  "localhost:",
  "localhost:0",
  "localhost:65535",
  "localhost:65536",
  "localhost:080",
  "localhost:99999999999",
  ":80",
  "a:b",
  "1.2.3.4:80",
  "1.2.3.400:80",
  "[::1]:80",
  "[::1]:",
  "[::1]80",
  "[::1",
  "[1.2.3.4]:80",
  "[fe80::1%a]:80",
  "[fe80::1%]:80",
  "[::1]]:80",
  "[[::1]]:80",
  "::1:80",
  "a.b.:1",
  "a.1:1",
  "a:1:2",
  "[a]:1",
  "[]:1",
  "localhost:+1",
  "localhost: 1",
  "localhost:1 ",
  "[::1]:65535",
  // URIs
  "http://a/b?c#d",
  "http://[::1]:80/",
  "http://[::1%25eth]/x",
  "http://[v1.x]/",
  "mailto:a@b",
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
  "a%",
  "a%zz",
  "http://a.b:",
  "http:",
  "http://",
  "x:/",
  "x:/a//b",
  "x://a/%zz",
  "x://a?%zz",
  "x://a#%zz",
  "x:a#b#c",
  "http://h/é",
  "http://é/",
  "http://<h>",
  "x:^",
  "http://[::1%25]/",
  "http://u@v@h/",
  "./a:b",
  "a/b:c",
  "1a:b/c",
  "//h:x",
  "%",
  "\\",
  "a\nb",
  "http://[1.2.3.4]/",
  "http://[::1.2.3.4]/",
  "http://[::1]x/",
  "http://[v.x]/",
  "http://[v1.]/",
  "http://[vg.x]/",
  "http://[V1.x]/",
  "http://[v1.a:b]/",
  "http://[]/",
  "http://[fe80::1%25a%20b]/",
  "http://[fe80::1%a]/",
  "http://%80/",
  "http://%f0%9f%98%80/",
  "http://%ed%a0%80/",
  "http://%c3/",
  "http://%c3%28/",
  "http://a%c3%a4b.c/",
  "x://u%zz@h/",
  "x://u:@h",
  "x://@h",
  "x://:@",
  "x://h:",
  "x://h:99999999",
  "x://h?q#f",
  "x://h?/?#/?",
  "a+b-c.d:e",
  "a_b:c",
  "file:///etc",
  "x:%20",
  "data:,a",
  "HTTP://A",
  "x:[",
  "x:a[b]",
  "x?[",
  "x#[",
  "//[::1]",
  "//u@h:1/p?q#f",
  "/:a",
  "a:",
  "a://b:c@d",
  "x:a:b",
  "x://h/;p=1,2",
  "x:'()*",
  "x:`",
  'x:"',
  "x:{}",
  "x:|",
  "x:~",
  "..",
  "../a",
  ".",
  "//h",
  "/a//b",
  "",
  "a//b",
  "http://a/b c",
  "\u00a0",
  // identifiers
  uuid,
  uuid.toUpperCase(),
  uuid.replaceAll("-", ""),
  uuid.slice(1),
  `${uuid}0`,
  `{${uuid}}`,
  uuid.replace("-", "x"),
  uuid.replace(/0$/, "g"),
  "550E8400E29B41D4A716446655440000",
  `${uuid}\n`,
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "81ARZ3NDEKTSV4RRFFQ69G5FAV",
  "01ARZ3NDEKTSV4RRFFQ69G5FAI",
  "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
  "01arz3ndektsv4rrffq69g5fav",
  "01ARZ3NDEKTSV4RRFFQ69G5FA",
  "01ARZ3NDEKTSV4RRFFQ69G5FAU",
  "01ARZ3NDEKTSV4RRFFQ69G5FAO",
  "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
  // names
  "a.b.C",
  ".a.b.C",
  "a..b",
  "a.",
  "_a._1",
  "a.1b",
  "1a.b",
  "..a",
  "a-b",
  "a.é",
  "A_1",
  // headers
  ":authority",
  "::a",
  ":",
  "content-type",
  "X-Y",
  "a,b",
  "a+b",
  "a/b",
  "a(b",
  "a^b`c|d~e",
  "a\tb",
  "a\nb",
  "a\u007fb",
  "a\u0001",
  "text/html; q=1",
  "é",
];
const texts = [...words, ...forms];

/** Changes a text a little. */
function mutate(text) {
  const at = below(text.length + 1);
  const other = pick(forms);
  switch (below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + pick([..."0129afgAZ.:/-_@%[]#?+ ~é"]) + text.slice(at);
    case 2:
      return text.slice(0, at) + other.slice(below(other.length + 1));
    case 3:
      return text.slice(0, at) + text.slice(at).repeat(2);
    default:
      return text.slice(0, at) + pick([..."0129afgAZ.:/-_@%[]#?+ ~é"]) + text.slice(at + 1);
  }
}
const wellFormed = (text) => text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text);
function changedText(steps) {
  let text = pick(forms);
  for (let i = steps; i > 0; i--) text = mutate(text);
  return wellFormed(text) ? text : "";
}
const anyText = () => (random() < 0.8 ? pick(texts) : changedText(2));

// --- values: those of a field's own rules, what is beside them, and the edges of the type ---

const integers = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, -1, -2, -3, -5, 100, 1000, 2147483647, -2147483648,
];
const reals = [0, 1, 1.5, 1.6, 2, 5, 10, 10.5, -2, -2.5, NaN, Infinity, -Infinity, -0];
const blobs = [
  [],
  [97],
  [98, 99],
  [1, 97, 255],
  [1, 255],
  [113],
  [1, 2, 3, 4],
  [97, 98, 0xc3, 0xa9],
  [0xc3],
  [0xed, 0xa0, 0x80],
  Array(16).fill(7),
  Array(15).fill(7),
];
// Far from now on either side, so that the verdict does not depend on when it is asked for.
const seconds = [0, 1, 2, 3, 5, 6, 99, 100, 101, 999, 1000, 1001, 1999, 2000, 32503680000, -1];
const typeUrls = [
  "type.googleapis.com/google.protobuf.Duration",
  "x/y",
  "",
  "type.googleapis.com/x",
];
const paths = ["a", "b", "b.c", "b.cd", "b.c.d", "a.b", "ab", "", "a."];

const isTime = (type) =>
  ["google.protobuf.Duration", "google.protobuf.Timestamp"].includes(type.typeName);

const near = new Map();
function collect(message, into) {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const value = message.get(field);
    if (field.fieldKind === "message" && isTime(field.message)) into.push(value.message);
    else if (field.fieldKind === "message") collect(value, into);
    else if (field.fieldKind === "list" && field.message && isTime(field.message))
      into.push(...[...value].map((one) => one.message));
    else if (field.fieldKind === "list" && field.listKind === "scalar") into.push(...value);
    else if (field.fieldKind === "scalar") into.push(value);
  }
}
/** Literals in the rules of a field. */
function literals(field) {
  if (!near.has(field)) {
    const found = [];
    collect(reflect(fieldExtension.message, getOption(field, fieldExtension)), found);
    near.set(
      field,
      found.filter((value) => typeof value !== "boolean"),
    );
  }
  return near.get(field);
}

function scalar(type, field) {
  const own = random() < 0.4 ? literals(field) : [];
  const numbers = own.filter((value) => ["number", "bigint"].includes(typeof value)).map(Number);
  const number = numbers.length > 0 ? pick(numbers) : 0;
  const integer = numbers.length > 0 && Number.isSafeInteger(number) ? number + below(3) - 1 : null;
  switch (type) {
    case ScalarType.STRING: {
      const strings = own.filter((value) => typeof value === "string");
      return strings.length > 0
        ? pick(["", "a", "mm"]) + pick(strings) + pick(["", "z", "yz"])
        : anyText();
    }
    case ScalarType.BYTES: {
      const found = own.filter((value) => value instanceof Uint8Array);
      return found.length > 0 ? pick(found) : new Uint8Array(pick(blobs));
    }
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return Math.fround(numbers.length > 0 ? number + pick([0, 0, 0.5, -0.5]) : pick(reals));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return BigInt(integer ?? pick([...integers, "9223372036854775807", "-9223372036854775808"]));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return BigInt(
        integer !== null && integer >= 0
          ? integer
          : pick([0, 1, 2, 3, 4, 5, 6, "18446744073709551615", "18446744073709551614"]),
      );
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return (integer ?? pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 4294967295])) >>> 0;
    default:
      return (integer ?? pick(integers)) | 0;
  }
}

const isWrapper = (type) => /^google\.protobuf\..+Value$/.test(type.typeName);
const number = () => pick([0, 1, 2, -5, 7, 9]);

function value(field, depth) {
  if (field.message) {
    return isWrapper(field.message)
      ? scalar(field.message.fields[0].scalar, field)
      : message(field.message, depth + 1, field);
  }
  return field.enum ? number() : scalar(field.scalar, field);
}

function element(kind, field, depth) {
  if (kind === "message") return message(field.message, depth + 1, field);
  return kind === "enum" ? number() : scalar(field.scalar, field);
}

function wellKnown(type, field) {
  const made = create(type);
  switch (type.typeName) {
    case "google.protobuf.Any":
      made.typeUrl = pick(typeUrls);
      return made;
    case "google.protobuf.FieldMask":
      made.paths = random() < 0.3 ? ["a", "b"] : times(3).map(() => pick(paths));
      return made;
    case "google.protobuf.Duration":
    case "google.protobuf.Timestamp": {
      const times = literals(field).filter((one) => typeof one === "object" && "nanos" in one);
      if (times.length > 0 && random() < 0.5) {
        const one = pick(times);
        made.seconds = one.seconds;
        made.nanos = one.nanos + (one.seconds > 0n ? pick([0, 0, 1]) : 0);
        return made;
      }
      made.seconds = BigInt(pick(seconds));
      made.nanos = pick([0, 0, 4, 5, 6, 500000000, 500000001]);
      if (type.name === "Duration" && made.seconds <= 0n && random() < 0.7) made.nanos *= -1;
      else if (type.name === "Duration" && made.seconds < 0n) made.nanos = 0;
      return made;
    }
    default:
      made.value = scalar(type.fields[0].scalar, field);
      return made;
  }
}

function fillField(made, field, depth) {
  if (field.fieldKind === "list") {
    const length = random() < 0.05 ? 20 : 3;
    for (const _ of times(length))
      made[field.localName].push(element(field.listKind, field, depth));
  } else if (field.fieldKind === "map") {
    for (const _ of times(3))
      made[field.localName][String(scalar(field.mapKey, field))] = element(
        field.mapKind,
        field,
        depth,
      );
  } else {
    made[field.localName] = value(field, depth);
  }
}

function message(type, depth, field) {
  if (type.typeName.startsWith("google.protobuf.")) return wellKnown(type, field);
  const made = create(type);
  // Of large messages few fields, and sometimes hardly any, so that not all break many rules.
  const skipping = Math.max(0.35, 1 - (random() < 0.3 ? 2 : 12) / type.fields.length);
  for (const oneof of type.oneofs) {
    const member = pick(oneof.fields);
    if (random() < 0.8)
      made[oneof.localName] = { case: member.localName, value: value(member, depth) };
  }
  for (const member of type.fields) {
    const skipped = random() < skipping || (depth > 2 && member.message);
    if (!member.oneof && !skipped) fillField(made, member, depth);
  }
  return made;
}

const types =
  registry.getFile?.("rules.proto")?.messages ??
  [...registry].filter((one) => one.kind === "message" && one.file.name === "rules");

// --- what protovalidate says ---

/** The violations as messages; null when it has no verdict, as of a time no calendar has. */
function theirs(type, made) {
  const result = validator.validate(type, made);
  if (result.kind === "error") {
    // A rule that does not compile would be a mistake in the schema.
    if (result.error.name === "CompilationError") throw result.error;
    return null;
  }
  return violationsToProto(result.violations ?? [])[0].violations;
}

/** The server sends 64 bytes of a key at most, and no half characters. */
function cutKey(text) {
  let bytes = Buffer.from(text).subarray(0, 64).toString();
  while (bytes.endsWith("\ufffd") && !text.startsWith(bytes)) bytes = bytes.slice(0, -1);
  return bytes;
}

function keyText(step) {
  switch (step.subscript.case) {
    case undefined:
      return "";
    case "stringKey":
      return `[${JSON.stringify(cutKey(step.subscript.value))}]`;
    default:
      return `[${step.subscript.value}]`;
  }
}
const pathText = (path) =>
  (path?.elements ?? []).map((step) => step.fieldName + keyText(step)).join(".");

/** All of a violation but its sentence, as text. */
function canonical(violation) {
  const copy = fromBinary(violationSchema, toBinary(violationSchema, violation));
  for (const step of copy.field?.elements ?? [])
    if (step.subscript.case === "stringKey") step.subscript.value = cutKey(step.subscript.value);
  const json = toJson(violationSchema, copy);
  delete json.message;
  if (!json.forKey) delete json.forKey;
  return JSON.stringify(json);
}

// --- recording ---

if (tool === "--record") {
  for (let recorded = 0; recorded < count; ) {
    const type = pick(types);
    const made = message(type, 0);
    const found = theirs(type, made);
    if (found === null || found.length >= 12) continue; // the server stops at some number
    const hex = Buffer.from(toBinary(type, made)).toString("hex");
    const lines = found
      .map((one) => `${pathText(one.field)}|${one.ruleId}`)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    console.log([type.typeName, hex, ...lines].join("\t"));
    recorded++;
  }
  process.exit(0);
}

// --- our side ---

const child = spawn(tool, [], { stdio: ["pipe", "pipe", "inherit"] });
let received = Buffer.alloc(0);
let wake = () => {};
child.stdout.on("data", (data) => {
  received = Buffer.concat([received, data]);
  wake();
});
child.on("exit", (code, signal) => {
  if (code !== 0) {
    console.error(`validate-tool ended with ${code ?? signal}`);
    process.exit(1);
  }
});

/** The answer's content; throws what the tool refuses. */
async function ask(kind, content) {
  const head = Buffer.alloc(5);
  head.write(kind, 0, "latin1");
  head.writeUInt32LE(content.length, 1);
  child.stdin.write(Buffer.concat([head, content]));
  while (received.length < 5 || received.length < 5 + received.readUInt32LE(1))
    await new Promise((resolve) => {
      wake = resolve;
    });
  const length = received.readUInt32LE(1);
  const ok = received[0] === "+".charCodeAt(0);
  const answer = received.subarray(5, 5 + length);
  received = received.subarray(5 + length);
  if (!ok) throw new Error(answer.toString());
  return answer;
}

async function ours(type, bytes) {
  const content = Buffer.concat([Buffer.from(`${type.typeName}\0`), bytes]);
  return fromBinary(violationsSchema, await ask("m", content)).violations;
}

let failures = 0;
function fail(text) {
  console.error(text);
  if (++failures >= 20) {
    console.error("... and so on");
    process.exit(1);
  }
}

/** What VIOLATIONS_BYTES_MAX counts of a violation. */
function weight(violation) {
  const length = (text) => Buffer.byteLength(text ?? "");
  return (
    2 * (length(pathText(violation.field)) + length(violation.ruleId) + length(violation.message)) +
    length((violation.rule?.elements ?? []).map((step) => step.fieldName).join(".")) +
    12 * (violation.field?.elements.length ?? 0) +
    40
  );
}

const brokenIds = new Set();
const brokenRules = new Set();
let kept = 0;
let broken = 0;
let undecided = 0;

/** Ours are a part of theirs when there are too many for one answer. */
function isCut(expected, got) {
  const all = new Set(expected);
  const full = got.length >= 16 || got.reduce((sum, one) => sum + weight(one), 0) > 3000;
  return expected.length > got.length && full && got.every((one) => all.has(canonical(one)));
}

async function compare(type, bytes) {
  const wanted = theirs(type, fromBinary(type, bytes));
  if (wanted === null) {
    undecided++;
    return;
  }
  const expected = wanted.map(canonical).sort();
  const got = await ours(type, bytes);
  const actual = got.map(canonical).sort();
  for (const one of got) {
    brokenIds.add(one.ruleId);
    const rule = one.rule?.elements
      .slice(-2)
      .map((step) => step.fieldName)
      .join(".");
    brokenRules.add(rule ?? one.ruleId);
  }
  if (wanted.length > 0) broken++;
  else kept++;
  if (actual.join("\n") === expected.join("\n") || isCut(expected, got)) return;
  const only = (some, others) => some.filter((one) => !others.includes(one)).slice(0, 5);
  fail(
    `${type.typeName} ${Buffer.from(bytes).toString("hex")}\n` +
      only(expected, actual)
        .map((one) => `  only theirs ${one}\n`)
        .join("") +
      only(actual, expected)
        .map((one) => `  only ours   ${one}\n`)
        .join(""),
  );
}

// --- messages ---

for (let i = 0; i < count; i++) {
  const type = types[i % types.length];
  const bytes = toBinary(type, message(type, 0));
  await compare(type, bytes);
  // Twice in a row is a message too: the second one is merged into the first.
  if (i % 8 === 0) await compare(type, Buffer.concat([bytes, toBinary(type, message(type, 0))]));
}
// Entries of maps without a key, without a value, without both, and with a key twice.
const lists = registry.getMessage("rules.v1.Lists");
for (const hex of [
  "52040a026162",
  "5200",
  "5a00",
  "5a020805",
  "5a021200",
  "6200",
  "62020801",
  "6a021009",
  "52021200",
  "5a0508011201615a0708011203616263",
  "5a07080112036162635a050801120161",
])
  await compare(lists, Buffer.from(hex, "hex"));
console.log(
  `${kept + broken} messages compared, ${kept} of them valid; ${undecided} without verdict`,
);

// --- forms: one message has a text in all of its fields ---

const formTypes = ["Empties", "Names"].map((name) => registry.getMessage(`rules.v1.${name}`));
const formTexts = new Set([
  ...texts,
  ...Array.from({ length: count }, () => changedText(1 + below(3))),
]);
for (const text of formTexts) {
  for (const type of formTypes) {
    const made = create(type);
    for (const field of type.fields) made[field.localName] = text;
    await compare(type, toBinary(type, made));
  }
}
console.log(
  `${formTexts.size} texts compared as ${formTypes.flatMap((one) => one.fields).length} forms`,
);

// --- every rule that is declared was broken by some message ---

const declared = readSchema("buf/validate/validate.proto");
const noRule = new Set(["example", "strict", "items", "keys", "values"]);
for (const field of declared.getMessage("buf.validate.FieldRules").fields) {
  for (const rule of field.message?.fields ?? []) {
    const name = `${field.name}.${rule.name}`;
    if (!noRule.has(rule.name) && !brokenRules.has(name)) fail(`no message broke ${name}`);
  }
}
for (const id of ["required", "message.oneof"])
  if (!brokenIds.has(id)) fail(`no message broke ${id}`);
console.log(`${brokenIds.size} rule ids seen`);

// --- declared as published ---

let same = 0;
const signature = (field) =>
  [
    field.number,
    field.name,
    field.proto.label,
    field.proto.type,
    field.proto.typeName,
    field.oneof?.name,
  ].join(" ");
for (const file of [declared.getFile("buf/validate/validate.proto")]) {
  for (const own of file.messages) {
    const other = published.messages.find((one) => one.typeName === own.typeName);
    for (const field of own.fields) {
      const match = other?.fields.find((one) => one.number === field.number);
      if (match === undefined || signature(match) !== signature(field))
        fail(`${own.typeName}.${field.name} is not what is published`);
      else same++;
    }
  }
  for (const own of file.extensions) {
    const other = published.extensions.find((one) => one.name === own.name);
    if (other?.number !== own.number || other.extendee.typeName !== own.extendee.typeName)
      fail(`the extension ${own.name} is not what is published`);
  }
}
console.log(`${same} fields declared as published`);

// --- patterns ---

const atoms = [
  "a",
  "b",
  "c",
  "é",
  "α",
  "😀",
  ".",
  "\\d",
  "\\D",
  "\\w",
  "\\W",
  "\\s",
  "\\S",
  "[a-c]",
  "[^a]",
  "[^\\d]",
  "[α-ω]",
  "[a\\-z]",
  "[\\w.]",
  "[^a-z\\n]",
  "\\.",
  "\\n",
  "\\t",
  "\\x41",
  "\\/",
  "[.]",
  "[$^]",
  "[😀-😎]",
  "-",
  "_",
  "1",
  "\\\\",
  "\\[",
  "[\\]]",
  "[\\^a]",
  " ",
];
function expression(depth) {
  switch (below(depth > 3 ? 3 : 10)) {
    case 0:
    case 1:
    case 2:
      return pick(atoms);
    case 3:
      return `(${expression(depth + 1)})`;
    case 4:
      return `(?:${expression(depth + 1)})`;
    case 5:
      return `(?:${expression(depth + 1)})${pick(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{0}"])}`;
    case 6:
      return `${expression(depth + 1)}|${expression(depth + 1)}`;
    case 7:
      return pick(["^", ""]) + expression(depth + 1) + pick(["$", ""]);
    default:
      return expression(depth + 1) + expression(depth + 1);
  }
}
const letters = [..."abcdAZ1 9_-.\\/[]$^\n\t\r\u000b\u000céαωλ😀😎\u00a0\u2028"];
const subject = () =>
  times(8)
    .map(() => pick(letters))
    .join("");

let matched = 0;
let refused = 0;
for (let i = 0; i < count / 4; i++) {
  const pattern = expression(0);
  const subjects = ["", "a", "ab\n", ...Array.from({ length: 30 }, subject)];
  let answer;
  try {
    answer = (
      await ask("p", Buffer.from([pattern, ...subjects].map((one) => `${one}\0`).join("")))
    ).toString();
  } catch (error) {
    // Too large, or matches nothing: said when the build runs.
    if (!/too large|matches no text|cannot be repeated/.test(error.message))
      fail(`${pattern}: ${error.message}`);
    refused++;
    continue;
  }
  const engine = RE2JS.compile(pattern);
  for (const [at, text] of subjects.entries()) {
    matched++;
    if ((answer[at] === "1") !== engine.test(text))
      fail(`${pattern} on ${JSON.stringify(text)}: ours ${answer[at]}`);
  }
}
console.log(`${matched} matches compared; ${refused} patterns refused`);

child.stdin.end();
if (failures > 0) process.exit(1);
console.log("all equal");
