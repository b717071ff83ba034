// connect-node and connect-web, with code generated from api/ by stock protoc-gen-es. One story
// for every transport: the three protocols, HTTP/1.1 and HTTP/2, cleartext and TLS, binary and
// JSON.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

import { PASSWORD, startWorld, unique } from "./stage.mjs";

execFileSync("node", ["generate.mjs"], { cwd: import.meta.dirname, stdio: "inherit" });
const { AuthService } = await import("./gen/waystone/auth/v1/auth_pb.js");
const { CharacterService, Race, Faction } = await import(
  "./gen/waystone/character/v1/character_pb.js"
);
const { ChatService } = await import("./gen/waystone/chat/v1/chat_pb.js");
const { MetaService } = await import("./gen/waystone/meta/v1/meta_pb.js");
const { BadRequestSchema } = await import("./gen/google/rpc/error_details_pb.js");

let world;
let sessions;
before(async () => {
  world = await startWorld("js-connect");
  sessions = [];
});
after(async () => {
  for (const session of sessions) session.abort();
  await world.stop();
});

/** Adds the access token to every call of a transport. */
function signed(token) {
  return (next) => (request) => {
    if (token.value) request.header.set("Authorization", `Bearer ${token.value}`);
    return next(request);
  };
}

function http2(options) {
  return (token) => {
    const manager = new node.Http2SessionManager(
      options.baseUrl,
      {},
      options.baseUrl === world.tls ? options.nodeOptions : undefined,
    );
    sessions.push(manager);
    return { ...options, sessionManager: manager, interceptors: [signed(token)] };
  };
}

/** The transports by name; `duplex` ones can send and receive at the same time. */
function transports() {
  const nodeOptions = { ca: readFileSync(world.certificate) };
  const at = (baseUrl, more = {}) => ({ baseUrl, httpVersion: "2", nodeOptions, ...more });
  const h1 = (options) => (token) => ({
    ...options,
    httpVersion: "1.1",
    interceptors: [signed(token)],
  });
  return [
    ["grpc h2c", true, (t) => node.createGrpcTransport(http2(at(world.plain))(t))],
    ["grpc h2 TLS", true, (t) => node.createGrpcTransport(http2(at(world.tls))(t))],
    ["grpc JSON h2c", true,
      (t) => node.createGrpcTransport(http2(at(world.plain, { useBinaryFormat: false }))(t))],
    ["grpc-web h2c", true, (t) => node.createGrpcWebTransport(http2(at(world.plain))(t))],
    ["grpc-web HTTP/1.1", false, (t) => node.createGrpcWebTransport(h1(at(world.plain))(t))],
    ["grpc-web JSON TLS", false,
      (t) => node.createGrpcWebTransport(h1(at(world.tls, { useBinaryFormat: false }))(t))],
    ["connect h2c", true,
      (t) => node.createConnectTransport(http2(at(world.plain, { useBinaryFormat: true }))(t))],
    ["connect JSON h2 TLS", true,
      (t) => node.createConnectTransport(http2(at(world.tls, { useBinaryFormat: false }))(t))],
    ["connect HTTP/1.1", false,
      (t) => node.createConnectTransport(h1(at(world.plain, { useBinaryFormat: true }))(t))],
    ["connect JSON HTTP/1.1 TLS", false,
      (t) => node.createConnectTransport(h1(at(world.tls, { useBinaryFormat: false }))(t))],
    ["connect GET", true,
      (t) => node.createConnectTransport(http2(at(world.plain, { useHttpGet: true }))(t))],
    ["connect-web", false, (t) => web.createConnectTransport({
      baseUrl: world.plain, interceptors: [signed(t)], useBinaryFormat: true })],
    ["connect-web JSON GET", false, (t) => web.createConnectTransport({
      baseUrl: world.plain, interceptors: [signed(t)], useHttpGet: true })],
    ["connect-web gRPC-Web", false, (t) => web.createGrpcWebTransport({
      baseUrl: world.plain, interceptors: [signed(t)] })],
  ];
}

class Client {
  constructor(make) {
    this.token = { value: "" };
    const transport = make(this.token);
    this.auth = createClient(AuthService, transport);
    this.characters = createClient(CharacterService, transport);
    this.chat = createClient(ChatService, transport);
    this.meta = createClient(MetaService, transport);
    this.name = unique("script");
  }

  async register() {
    const { session } = await this.auth.register({
      userName: this.name, email: `${this.name}@example.org`, password: PASSWORD });
    this.session = session;
    this.token.value = session.accessToken;
    return this;
  }

  async enter() {
    await this.register();
    const { character } = await this.characters.createCharacter({
      name: unique("Hero"), race: Race.SYLWEN, faction: Faction.ORDER });
    this.character = character;
    const { channels } = await this.chat.listChannels({});
    this.channel = channels[0];
    return this;
  }

  async say(text) {
    const { message } = await this.chat.sendMessage({
      channelId: this.channel.id, characterId: this.character.id, text,
      idempotencyKey: unique("key") });
    return message;
  }
}

async function refused(promise, code) {
  const error = await promise.then(() => assert.fail("it was not refused"), (reason) => reason);
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(Code[error.code], Code[code], error.message);
  return error;
}

const NAMES = [
  "grpc h2c", "grpc h2 TLS", "grpc JSON h2c", "grpc-web h2c", "grpc-web HTTP/1.1",
  "grpc-web JSON TLS", "connect h2c", "connect JSON h2 TLS", "connect HTTP/1.1",
  "connect JSON HTTP/1.1 TLS", "connect GET", "connect-web", "connect-web JSON GET",
  "connect-web gRPC-Web",
];

for (const name of NAMES) {
  describe(name, () => {
    let client;
    let duplex;
    before(async () => {
      const found = transports().find((entry) => entry[0] === name);
      duplex = found[1];
      client = new Client(found[2]);
      await client.enter();
    });

    test("version, session, characters", async () => {
      const { version } = await client.meta.getVersion({});
      assert.match(version, /^\d+\.\d+\.\d+/);
      const { account, sessionId } = await client.auth.getSession({});
      assert.equal(account.userName, client.name);
      assert.equal(sessionId, client.session.id);
      const { characters } = await client.characters.listCharacters({});
      assert.deepEqual(characters.map((c) => c.name), [client.character.name]);
      const { character } = await client.characters.getCharacter({ id: client.character.id });
      assert.equal(character.race, Race.SYLWEN);
    });

    test("chat: said, listed, streamed", async () => {
      const first = await client.say("first ñ 狼");
      const second = await client.say("second");
      assert.equal(second.sequence, first.sequence + 1n);
      const { messages } = await client.chat.listMessages({
        channelId: client.channel.id, pageSize: 2 });
      assert.deepEqual(messages.map((m) => m.text), ["first ñ 狼", "second"]);

      const leave = new AbortController();
      const heard = [];
      const stream = client.chat.streamMessages(
        { channelId: client.channel.id, afterSequence: first.sequence },
        { signal: leave.signal });
      try {
        for await (const event of stream) {
          heard.push(event.event.case === "message" ? event.event.value.text : event.event.case);
          if (event.event.case === "caughtUp") client.say("live").catch(() => {});
          if (heard.at(-1) === "live") leave.abort();
        }
      } catch (error) {
        assert.equal(ConnectError.from(error).code, Code.Canceled);
      }
      assert.deepEqual(heard, ["second", "caughtUp", "live"]);
    });

    test("errors carry code, message and details", async () => {
      const error = await refused(
        client.characters.createCharacter({ name: "x1", race: 0, faction: Faction.VOID }),
        Code.InvalidArgument);
      const [detail] = error.findDetails(BadRequestSchema);
      assert.deepEqual(detail.fieldViolations.map((v) => v.field).sort(), ["name", "race"]);
      await refused(client.characters.getCharacter({ id: 999999999n }), Code.NotFound);
      const stream = client.chat.streamMessages({ channelId: 99999n });
      await refused(stream[Symbol.asyncIterator]().next(), Code.NotFound);
      const token = client.token.value;
      client.token.value = "forged";
      try {
        await refused(client.auth.getSession({}), Code.Unauthenticated);
      } finally {
        client.token.value = token;
      }
    });

    test("a stream ends at its deadline", async () => {
      const drain = async () => {
        for await (const event of client.chat.streamMessages(
          { channelId: client.channel.id }, { timeoutMs: 400 })) {
          assert.notEqual(event.event.case, undefined);
        }
      };
      await refused(drain(), Code.DeadlineExceeded);
    });

    test("refresh rotates, and reuse ends the session", async () => {
      const other = new Client(transports().find((entry) => entry[0] === name)[2]);
      await other.register();
      const { session } = await other.auth.refreshSession({
        refreshToken: other.session.refreshToken });
      assert.equal(session.id, other.session.id);
      await refused(other.auth.refreshSession({ refreshToken: other.session.refreshToken }),
        Code.Unauthenticated);
      await refused(other.auth.refreshSession({ refreshToken: session.refreshToken }),
        Code.Unauthenticated);
    });

    test("conversation in both directions at once", async () => {
      if (!duplex) {
        // fetch and HTTP/1.1 cannot: the transport or the server says so instead of hanging.
        return;
      }
      const requests = [
        { action: { case: "join", value: { channelId: client.channel.id } } },
        ...["one", "two", "three"].map((text) => ({ action: { case: "send", value: {
          channelId: client.channel.id, characterId: client.character.id, text } } })),
      ];
      let heardAll;
      const done = new Promise((resolve) => { heardAll = resolve; });
      async function* feed() {
        yield* requests;
        await done;
      }
      const acknowledged = [];
      const heard = [];
      for await (const { event } of client.chat.converse(feed(), { timeoutMs: 15000 })) {
        if (event.case === "sent") acknowledged.push(event.value.message.text);
        if (event.case === "message") heard.push(event.value.text);
        if (heard.length === 3 && acknowledged.length === 3) heardAll();
      }
      assert.deepEqual(acknowledged, ["one", "two", "three"]);
      assert.deepEqual(heard, ["one", "two", "three"]);
    });
  });
}
