// grpc.health.v1 and grpc.reflection.v1 as load balancers and tools use them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";

import { startWorld } from "./stage.mjs";

execFileSync("node", ["generate.mjs"], { cwd: import.meta.dirname, stdio: "inherit" });
const { Health, HealthCheckResponse_ServingStatus: State } = await import(
  "./gen/grpc/health/v1/health_pb.js"
);
const { ServerReflection } = await import("./gen/grpc/reflection/v1/reflection_pb.js");

const CHAT = "waystone.chat.v1.ChatService";
const CHAT_SOURCE = "../../../api/waystone/chat/v1/chat.proto";

let world;
let manager;
let transport;
before(async () => {
  world = await startWorld("js-health");
  manager = new node.Http2SessionManager(world.plain);
  transport = node.createGrpcTransport({ baseUrl: world.plain, sessionManager: manager });
});
after(async () => {
  manager.abort();
  await world.stop();
});

describe("health", () => {
  test("the server and each of its services serve", async () => {
    const health = createClient(Health, transport);
    for (const service of ["", CHAT, "grpc.health.v1.Health"]) {
      assert.equal((await health.check({ service })).status, State.SERVING, service);
    }
  });

  test("an unknown service is not found", async () => {
    const health = createClient(Health, transport);
    await assert.rejects(health.check({ service: "none.v1.None" }), { code: Code.NotFound });
  });

  test("a watch tells the state at once, of unknown services too", async () => {
    const health = createClient(Health, transport);
    for (const [service, state] of [
      [CHAT, State.SERVING],
      ["none.v1.None", State.SERVICE_UNKNOWN],
    ]) {
      for await (const answer of health.watch({ service })) {
        assert.equal(answer.status, state);
        break;
      }
    }
  });
});

/** One question to one service; the answer's oneof. */
async function ask(service, messageRequest) {
  async function* questions() {
    yield { host: "here", messageRequest };
  }
  for await (const answer of createClient(service, transport).serverReflectionInfo(questions())) {
    assert.equal(answer.validHost, "here");
    assert.equal(answer.originalRequest.messageRequest.case, messageRequest.case);
    return answer.messageResponse;
  }
  return undefined;
}

/** The same service under its older name. */
const alpha = {
  ...ServerReflection,
  typeName: "grpc.reflection.v1alpha.ServerReflection",
};
alpha.method = {
  serverReflectionInfo: { ...ServerReflection.method.serverReflectionInfo, parent: alpha },
};
alpha.methods = [alpha.method.serverReflectionInfo];

describe("reflection", () => {
  for (const service of [ServerReflection, alpha]) {
    test(`${service.typeName} gives what a tool needs to call`, async () => {
      const answer = await ask(service, { case: "fileContainingSymbol", value: CHAT });
      assert.equal(answer.case, "fileDescriptorResponse");
      const file = answer.value.fileDescriptorProto.map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
      const names = new Set(file.map((one) => one.name));
      for (const one of file) {
        for (const needed of one.dependency) assert.ok(names.has(needed), `${needed} is missing`);
      }
      const known = createFileRegistry(create(FileDescriptorSetSchema, { file: sorted(file) }));
      const found = known.getService(CHAT);
      const source = readFileSync(new URL(CHAT_SOURCE, import.meta.url), "utf8");
      const written = [...source.matchAll(/^ {2}rpc (\w+)\(/gm)].map((match) => match[1]);
      assert.ok(written.length > 10, "the schema is not read");
      assert.deepEqual(
        found.methods.map((method) => method.name),
        written,
      );
    });
  }

  test("services are listed", async () => {
    const answer = await ask(ServerReflection, { case: "listServices", value: "" });
    const names = answer.value.service.map((one) => one.name);
    for (const name of [CHAT, "waystone.auth.v1.AuthService", "grpc.health.v1.Health"]) {
      assert.ok(names.includes(name), name);
    }
  });

  test("files, methods, nested types and extensions are found", async () => {
    const found = async (question) => {
      const answer = await ask(ServerReflection, question);
      assert.equal(answer.case, "fileDescriptorResponse", JSON.stringify(question.value));
      return fromBinary(FileDescriptorProtoSchema, answer.value.fileDescriptorProto[0]).name;
    };
    const chat = "waystone/chat/v1/chat.proto";
    assert.equal(await found({ case: "fileByFilename", value: chat }), chat);
    assert.equal(await found({ case: "fileContainingSymbol", value: `${CHAT}.SendMessage` }), chat);
    assert.equal(
      await found({
        case: "fileContainingSymbol",
        value: "grpc.health.v1.HealthCheckResponse.ServingStatus",
      }),
      "grpc/health/v1/health.proto",
    );
    assert.equal(
      await found({
        case: "fileContainingExtension",
        value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 51001 },
      }),
      "waystone/options/v1/options.proto",
    );
  });

  test("numbers of extensions", async () => {
    const answer = await ask(ServerReflection, {
      case: "allExtensionNumbersOfType",
      value: "google.protobuf.MethodOptions",
    });
    assert.ok(answer.value.extensionNumber.includes(51001));
  });

  test("what is not there is an error in the answer", async () => {
    for (const question of [
      { case: "fileByFilename", value: "none.proto" },
      { case: "fileContainingSymbol", value: "none.None" },
      { case: "allExtensionNumbersOfType", value: "none.None" },
    ]) {
      const answer = await ask(ServerReflection, question);
      assert.equal(answer.case, "errorResponse");
      assert.equal(answer.value.errorCode, Code.NotFound);
    }
  });
});

/** Files in the order in which a registry takes them: those depended on first. */
function sorted(files) {
  const byName = new Map(files.map((file) => [file.name, file]));
  const done = new Set();
  const result = [];
  const add = (file) => {
    if (done.has(file.name)) return;
    done.add(file.name);
    for (const needed of file.dependency) add(byName.get(needed));
    result.push(file);
  };
  for (const file of files) add(file);
  return result;
}
