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
  world = await startWorld("js-connect", "auth.refresh_grace_s=0");
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

/** The transports by name, each made for one holder of a token. */
function transports() {
  const nodeOptions = { ca: readFileSync(world.certificate) };
  const at = (baseUrl, more = {}) => ({ baseUrl, httpVersion: "2", nodeOptions, ...more });
  const h1 = (options) => (token) => ({
    ...options,
    httpVersion: "1.1",
    interceptors: [signed(token)],
  });
  const { createGrpcTransport, createGrpcWebTransport, createConnectTransport } = node;
  const json = { useBinaryFormat: false };
  const binary = { useBinaryFormat: true };
  return {
    "grpc h2c": (t) => createGrpcTransport(http2(at(world.plain))(t)),
    "grpc h2 TLS": (t) => createGrpcTransport(http2(at(world.tls))(t)),
    "grpc JSON h2c": (t) => createGrpcTransport(http2(at(world.plain, json))(t)),
    "grpc-web h2c": (t) => createGrpcWebTransport(http2(at(world.plain))(t)),
    "grpc-web HTTP/1.1": (t) => createGrpcWebTransport(h1(at(world.plain))(t)),
    "grpc-web JSON HTTP/1.1 TLS": (t) => createGrpcWebTransport(h1(at(world.tls, json))(t)),
    "connect h2c": (t) => createConnectTransport(http2(at(world.plain, binary))(t)),
    "connect JSON h2 TLS": (t) => createConnectTransport(http2(at(world.tls, json))(t)),
    "connect GET h2c": (t) =>
      createConnectTransport(http2(at(world.plain, { useHttpGet: true }))(t)),
    "connect HTTP/1.1": (t) => createConnectTransport(h1(at(world.plain, binary))(t)),
    "connect JSON HTTP/1.1 TLS": (t) => createConnectTransport(h1(at(world.tls, json))(t)),
    "connect-web": (t) =>
      web.createConnectTransport({
        baseUrl: world.plain,
        interceptors: [signed(t)],
        ...binary,
      }),
    "connect-web JSON GET": (t) =>
      web.createConnectTransport({
        baseUrl: world.plain,
        interceptors: [signed(t)],
        useHttpGet: true,
      }),
    "connect-web gRPC-Web": (t) =>
      web.createGrpcWebTransport({
        baseUrl: world.plain,
        interceptors: [signed(t)],
      }),
  };
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
      userName: this.name,
      email: `${this.name}@example.org`,
      password: PASSWORD,
    });
    this.session = session;
    this.token.value = session.accessToken;
    return this;
  }

  async enter() {
    await this.register();
    const { character } = await this.characters.createCharacter({
      name: unique("Hero"),
      race: Race.SYLWEN,
      faction: Faction.ORDER,
    });
    this.character = character;
    const { channels } = await this.chat.listChannels({});
    this.channel = channels[0];
    return this;
  }

  async say(text) {
    const { message } = await this.chat.sendMessage({
      channelId: this.channel.id,
      characterId: this.character.id,
      text,
      idempotencyKey: unique("key"),
    });
    return message;
  }
}

async function refused(promise, code) {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (reason) => reason,
  );
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(Code[error.code], Code[code], error.message);
  return error;
}

// Sending and receiving at the same time needs HTTP/2.
const DUPLEX = [
  "grpc h2c",
  "grpc h2 TLS",
  "grpc JSON h2c",
  "grpc-web h2c",
  "connect h2c",
  "connect JSON h2 TLS",
  "connect GET h2c",
];
const IN_TURNS = [
  "grpc-web HTTP/1.1",
  "grpc-web JSON HTTP/1.1 TLS",
  "connect HTTP/1.1",
  "connect JSON HTTP/1.1 TLS",
  "connect-web",
  "connect-web JSON GET",
  "connect-web gRPC-Web",
];

for (const name of [...DUPLEX, ...IN_TURNS]) {
  const duplex = DUPLEX.includes(name);
  describe(name, () => {
    let client;
    before(async () => {
      client = new Client(transports()[name]);
      await client.enter();
    });

    test("version, session, characters", async () => {
      const { version } = await client.meta.getVersion({});
      assert.match(version, /^\d+\.\d+\.\d+/);
      const { account, sessionId } = await client.auth.getSession({});
      assert.equal(account.userName, client.name);
      assert.equal(sessionId, client.session.id);
      const { characters } = await client.characters.listCharacters({});
      assert.deepEqual(
        characters.map((c) => c.name),
        [client.character.name],
      );
      const { character } = await client.characters.getCharacter({ id: client.character.id });
      assert.equal(character.race, Race.SYLWEN);
    });

    test("chat: said, listed, streamed", async () => {
      const first = await client.say("first ñ 狼");
      const second = await client.say("second");
      assert.equal(second.sequence, first.sequence + 1n);
      const { messages } = await client.chat.listMessages({
        channelId: client.channel.id,
        pageSize: 2,
      });
      assert.deepEqual(
        messages.map((m) => m.text),
        ["first ñ 狼", "second"],
      );

      const leave = new AbortController();
      const heard = [];
      const stream = client.chat.streamMessages(
        { channelId: client.channel.id, afterSequence: first.sequence },
        { signal: leave.signal },
      );
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
        Code.InvalidArgument,
      );
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
          { channelId: client.channel.id },
          { timeoutMs: 400 },
        )) {
          assert.notEqual(event.event.case, undefined);
        }
      };
      await refused(drain(), Code.DeadlineExceeded);
    });

    test("refresh rotates, and reuse ends the session", async () => {
      const other = new Client(transports()[name]);
      await other.register();
      const { session } = await other.auth.refreshSession({
        refreshToken: other.session.refreshToken,
      });
      assert.equal(session.id, other.session.id);
      await refused(
        other.auth.refreshSession({ refreshToken: other.session.refreshToken }),
        Code.Unauthenticated,
      );
      await refused(
        other.auth.refreshSession({ refreshToken: session.refreshToken }),
        Code.Unauthenticated,
      );
    });

    const lines = ["one", "two", "three"];
    const join = () => ({ action: { case: "join", value: { channelId: client.channel.id } } });
    const send = (text) => ({
      action: {
        case: "send",
        value: {
          channelId: client.channel.id,
          characterId: client.character.id,
          text,
        },
      },
    });

    if (duplex) {
      test("conversation in both directions at once", async () => {
        let heardAll;
        const done = new Promise((resolve) => {
          heardAll = resolve;
        });
        async function* feed() {
          yield join();
          for (const text of lines) yield send(text);
          await done;
        }
        const acknowledged = [];
        const heard = [];
        for await (const { event } of client.chat.converse(feed(), { timeoutMs: 15000 })) {
          if (event.case === "sent") acknowledged.push(event.value.message.text);
          if (event.case === "message") heard.push(event.value.text);
          if (heard.length === 3 && acknowledged.length === 3) heardAll();
        }
        assert.deepEqual(acknowledged, lines);
        assert.deepEqual(heard, lines);
      });
    } else if (name.startsWith("connect-web")) {
      test("conversation is refused by fetch, which cannot send a stream", async () => {
        async function* feed() {
          yield join();
        }
        const stream = client.chat.converse(feed(), { timeoutMs: 15000 });
        await assert.rejects(stream[Symbol.asyncIterator]().next(), ConnectError);
      });
    } else {
      test("conversation in turns: HTTP/1.1 answers when all is said", async () => {
        async function* feed() {
          yield join();
          for (const text of lines) yield send(text);
        }
        const acknowledged = [];
        for await (const { event } of client.chat.converse(feed(), { timeoutMs: 15000 })) {
          if (event.case === "sent") acknowledged.push(event.value.message.text);
        }
        assert.deepEqual(acknowledged, lines);
      });
    }
  });
}
