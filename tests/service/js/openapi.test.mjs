// The OpenAPI document: valid by the standard's own schema, true of the rules it restates, and
// kept by what a running server takes and answers.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { createFileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { PASSWORD, startWorld, unique } from "./stage.mjs";

const ROOT = join(import.meta.dirname, "../../..");
const DOCUMENTED = join(ROOT, "gen/testdata/documents/openapi.json.expected");

/** Compiled schemas of a document, by the name of their component. */
function schemasOf(document, validateFormats = true) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats, verbose: true });
  addFormats.default(ajv);
  for (const name of ["int32", "int64", "uint32", "uint64", "float", "double"])
    ajv.addFormat(name, true);
  ajv.addSchema({ $id: "openapi.json", ...document });
  return (name) => ajv.getSchema(`openapi.json#/components/schemas/${name}`);
}

function assertKeeps(check, value, what) {
  assert.ok(check(value), `${what}: ${JSON.stringify(check.errors)}\n${JSON.stringify(value)}`);
}

/** The same document with every message closed: a field it does not name is an error. */
function closed(document) {
  const copy = structuredClone(document);
  for (const schema of Object.values(copy.components.schemas))
    if (schema.type === "object" && schema.title) schema.additionalProperties = false;
  return copy;
}

async function assertIsOpenApi(document) {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.equal(validator.version, "3.1");
}

describe("rules as JSON Schema", () => {
  const document = JSON.parse(readFileSync(DOCUMENTED, "utf8"));

  test("the document of every rule is valid OpenAPI 3.1", () => assertIsOpenApi(document));

  test("every schema compiles", () => {
    const schema = schemasOf(document);
    for (const name of Object.keys(document.components.schemas)) assert.ok(schema(name), name);
  });

  // What a schema can say exactly. The others (64-bit bounds, times, bytes, forms) are told in
  // words, and schemas are wider than they are.
  const EXACT = new RegExp(
    `^(required|bool\\.const|enum\\.(const|in|not_in)|repeated\\.(min_items|max_items)|
      map\\.(min_pairs|max_pairs)|(u?int64|sint64)\\.(const|in|not_in)|
      (float|double|u?int32|sint32|s?fixed32)\\..*|
      string\\.(len|min_len|max_len|pattern|const|in|not_in|prefix|suffix|contains|not_contains))$`.replace(
      /\s+/g,
      "",
    ),
  );

  /** Messages of testdata/rules.proto and what protovalidate says of each: [message, broken]. */
  function recordedCases() {
    const folder = mkdtempSync(join(tmpdir(), "waystone-rules-"));
    const path = join(folder, "rules.pb");
    execFileSync("protoc", [
      `-I${ROOT}/api`,
      `-I${ROOT}/gen/testdata`,
      "-I/usr/include",
      "--include_imports",
      `-o${path}`,
      "rules.proto",
    ]);
    const files = fromBinary(FileDescriptorSetSchema, readFileSync(path));
    rmSync(folder, { recursive: true });
    const registry = createFileRegistry(files);
    const lines = readFileSync(join(ROOT, "tests/unit/gen/protovalidate_cases.txt"), "utf8");
    return lines
      .trim()
      .split("\n")
      .map((line) => {
        const [name, hex, ...violations] = line.split("\t");
        const type = registry.getMessage(name);
        const message = fromBinary(type, Buffer.from(hex, "hex"));
        // Later: messages that no document has need not have a JSON form.
        return { type, toJson: () => toJson(type, message, { registry }), violations };
      });
  }

  /** Top-level fields that a schema refuses; values of open enums without a name aside. */
  function refusedFields(check, json) {
    if (check(json)) return new Set();
    const fields = check.errors.flatMap((error) => {
      const [, field] = error.instancePath.split("/");
      const open =
        typeof error.data === "number" &&
        ["type", "enum"].includes(error.keyword) &&
        String(error.parentSchema?.title ?? "").length > 0;
      if (open || error.keyword === "uniqueItems") return [];
      if (field !== undefined) return [field];
      return error.schemaPath === "#/required" ? [error.params.missingProperty] : [];
    });
    return new Set(fields);
  }

  /** Undefined for what has no JSON form: an Any of an unknown type, odd paths of a FieldMask. */
  function jsonOf(toJson) {
    try {
      return toJson();
    } catch (error) {
      if (!/is not in the type registry|FieldMask/.test(error.message)) throw error;
      return undefined;
    }
  }

  test("schemas and protovalidate agree on recorded messages", () => {
    const schema = schemasOf(document, false);
    let exact = 0;
    for (const { type, toJson, violations } of recordedCases()) {
      const check = schema(type.typeName);
      if (!check) continue; // reached by no method of the document
      const json = jsonOf(toJson);
      if (json === undefined) continue;
      const refused = refusedFields(check, json);
      const jsonName = (path) => {
        const name = path.split(/[.[]/)[0];
        return type.fields.find((field) => field.name === name)?.jsonName ?? name;
      };
      const broken = new Set(violations.map((violation) => jsonName(violation.split("|")[0])));
      for (const field of refused)
        assert.ok(
          broken.has(field),
          `${type.typeName}.${field} keeps its rules, and its schema ` +
            `refuses it: ${JSON.stringify(json)}`,
        );
      for (const violation of violations) {
        const [path, rule] = violation.split("|");
        const field = type.fields.find((one) => one.name === path);
        if (!field || field.oneof || !EXACT.test(rule)) continue;
        exact += 1;
        assert.ok(
          refused.has(field.jsonName),
          `${type.typeName}: its schema allows ${violation}: ${JSON.stringify(json)}`,
        );
      }
    }
    assert.ok(exact > 300, `only ${exact} broken rules were compared`);
  });
});

describe("the server's own document", () => {
  let world, document, schema, token, character, channelId;
  const AUTH = "/waystone.auth.v1.AuthService/";
  const CHARACTERS = "/waystone.character.v1.CharacterService/";
  const CHAT = "/waystone.chat.v1.ChatService/";
  const META = "/waystone.meta.v1.MetaService/";

  const post = (path, body) =>
    fetch(world.plain + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });

  const referenceOf = (content) => content["application/json"].schema.$ref.split("/").at(-1);

  /** Calls a method; request and answer must keep the document's schemas. */
  async function call(path, body) {
    const { requestBody, responses } = document.paths[path].post;
    assertKeeps(schema(referenceOf(requestBody.content)), body, `request of ${path}`);
    const answer = await post(path, body);
    const json = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(json));
    assertKeeps(schema(referenceOf(responses[200].content)), json, `answer of ${path}`);
    return json;
  }

  /** A request that breaks a rule: refused by the schema, and by the server in the same place. */
  async function refused(path, body, field) {
    const { requestBody, responses } = document.paths[path].post;
    const check = schema(referenceOf(requestBody.content));
    assert.ok(!check(body), `the schema of ${path} allows ${JSON.stringify(body)}`);
    const answer = await post(path, body);
    const json = await answer.json();
    assert.equal(answer.status, 400, JSON.stringify(json));
    assert.equal(json.code, "invalid_argument");
    assertKeeps(schema(referenceOf(responses[400].content)), json, `error of ${path}`);
    const details = Buffer.concat(json.details.map(({ value }) => Buffer.from(value, "base64")));
    assert.ok(details.includes(field), `no detail names ${field}: ${JSON.stringify(json)}`);
  }

  before(async () => {
    world = await startWorld("js-openapi");
    const answer = await fetch(`${world.plain}/openapi.json`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/json");
    document = await answer.json();
    schema = schemasOf(closed(document));
    token = undefined;
    const userName = unique("open");
    const account = { userName, email: `${userName}@example.org`, password: PASSWORD };
    token = (await call(`${AUTH}Register`, account)).session.accessToken;
    ({ character } = await call(`${CHARACTERS}CreateCharacter`, {
      name: unique("Hero"),
      race: "RACE_NEREVI",
      faction: "FACTION_ORDER",
      idempotencyKey: "one",
    }));
    channelId = (await call(`${CHAT}ListChannels`, {})).channels[0].id;
  });
  after(() => world?.stop());

  test("is valid OpenAPI 3.1", () => assertIsOpenApi(document));

  test("has every method of the server's services, unary ones with GET if they may", () => {
    const source = execFileSync("grep", ["-rhoE", "^  rpc \\w+", "waystone", "grpc"], {
      cwd: join(ROOT, "api"),
    });
    const methods = source
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split(" ").at(-1));
    const documented = Object.keys(document.paths).map((path) => path.split("/").at(-1));
    assert.deepEqual(documented.sort(), methods.sort());
    assert.ok(document.paths[`${CHAT}ListChannels`].get);
    assert.equal(document.paths[`${CHAT}SendMessage`].get, undefined);
  });

  test("keeps its own schemas in its examples", () => {
    for (const [path, { post: operation }] of Object.entries(document.paths)) {
      const [media] = Object.values(operation.requestBody.content);
      const reference = operation["x-streaming"]?.requestMessage ?? media.schema;
      const example = media.example ?? media["x-example-message"];
      assertKeeps(schema(reference.$ref.split("/").at(-1)), example, `example of ${path}`);
    }
  });

  test("says that streams stream", () => {
    const operation = document.paths[`${CHAT}StreamMessages`].post;
    assert.deepEqual(Object.keys(operation.requestBody.content), ["application/connect+json"]);
    assert.deepEqual(
      { request: operation["x-streaming"].request, response: operation["x-streaming"].response },
      { request: false, response: true },
    );
    assert.match(operation.description, /streams/);
  });

  test("asks for a token where the server does, and nowhere else", async () => {
    const mine = token;
    token = undefined;
    for (const [path, { post: operation }] of Object.entries(document.paths)) {
      if (operation["x-streaming"]) continue;
      const { content } = operation.requestBody;
      const answer = await post(path, content["application/json"].example);
      const { code } = await answer.json();
      if (operation.security.length > 0) assert.equal(code, "unauthenticated", path);
      else assert.notEqual(code, "invalid_argument", path);
      assert.ok(answer.status === 200 || operation.responses[answer.status], `${path} ${code}`);
    }
    token = mine;
  });

  test("is kept by calls and their answers", async () => {
    await call(`${META}GetVersion`, {});
    await call(`${AUTH}GetSession`, {});
    await call(`${CHARACTERS}ListCharacters`, {});
    await call(`${CHARACTERS}GetCharacter`, { id: character.id });
    const text = "A line\nwith “quotes”, \u{1f30a} and \\.";
    await call(`${CHAT}SendMessage`, { channelId, characterId: character.id, text });
    await call(`${CHAT}ListMessages`, { channelId, beforeSequence: "0", pageSize: 200 });
  });

  test("is kept by GET", async () => {
    const path = `${CHAT}ListMessages`;
    const { parameters, responses } = document.paths[path].get;
    const names = parameters.filter((one) => one.in === "query").map((one) => one.name);
    assert.deepEqual(names, ["encoding", "message", "connect"]);
    const query = new URLSearchParams({
      encoding: "json",
      connect: "v1",
      message: JSON.stringify({ channelId, pageSize: 1 }),
    });
    const answer = await fetch(`${world.plain}${path}?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(answer.status, 200);
    assertKeeps(schema(referenceOf(responses[200].content)), await answer.json(), "GET");
  });

  test("refuses what the server refuses", async () => {
    const who = { userName: "reader", email: "reader@example.org", password: PASSWORD };
    const said = { channelId, characterId: character.id, text: "hello" };
    const hero = { name: "Reader", race: "RACE_NEREVI", faction: "FACTION_ORDER" };
    for (const [path, body, field] of [
      [`${AUTH}Register`, { ...who, userName: "ab" }, "user_name"],
      [`${AUTH}Register`, { ...who, userName: "a".repeat(25) }, "user_name"],
      [`${AUTH}Register`, { ...who, userName: "1reader" }, "user_name"],
      [`${AUTH}Register`, { ...who, email: "nobody" }, "email"],
      [`${AUTH}Register`, { ...who, password: "short" }, "password"],
      [`${AUTH}Register`, { userName: "reader", email: who.email }, "password"],
      [`${CHARACTERS}CreateCharacter`, { ...hero, race: "RACE_UNSPECIFIED" }, "race"],
      [`${CHARACTERS}CreateCharacter`, { name: "Reader", race: "RACE_NEREVI" }, "faction"],
      [`${CHARACTERS}CreateCharacter`, { ...hero, name: "R 2" }, "name"],
      [
        `${CHARACTERS}CreateCharacter`,
        { ...hero, idempotencyKey: "k".repeat(65) },
        "idempotency_key",
      ],
      [`${CHARACTERS}GetCharacter`, {}, "id"],
      [`${CHARACTERS}GetCharacter`, { id: "0" }, "id"],
      [`${CHARACTERS}GetCharacter`, { id: "-4" }, "id"],
      [`${CHAT}SendMessage`, { ...said, text: "" }, "text"],
      [`${CHAT}SendMessage`, { ...said, text: " \t\n" }, "text"],
      [`${CHAT}SendMessage`, { ...said, text: "x".repeat(501) }, "text"],
      [`${CHAT}ListMessages`, { channelId, pageSize: 201 }, "page_size"],
      [`${CHAT}ListMessages`, { channelId, pageSize: -1 }, "page_size"],
      [`${CHAT}ListMessages`, { channelId, beforeSequence: "-1" }, "before_sequence"],
    ])
      await refused(path, body, field);
  });

  test("allows what the server allows, up to the bounds", async () => {
    await call(`${CHAT}SendMessage`, {
      channelId,
      characterId: character.id,
      text: "\u{1f30a}".repeat(500),
      idempotencyKey: "k".repeat(64),
    });
    await call(`${CHAT}ListMessages`, {
      channelId,
      pageSize: 0,
      beforeSequence: "9223372036854775807",
    });
  });
});
