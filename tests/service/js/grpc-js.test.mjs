// @grpc/grpc-js with the schema loaded at run time by @grpc/proto-loader.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

import { PASSWORD, startWorld, unique } from "./stage.mjs";

const api = join(dirname(fileURLToPath(import.meta.url)), "../../../api");
const schema = grpc.loadPackageDefinition(
  loader.loadSync(
    ["auth", "character", "chat", "meta"].map((name) => `waystone/${name}/v1/${name}.proto`),
    { includeDirs: [api, "/usr/include"], longs: String, enums: String, oneofs: true },
  ),
);
const { status } = grpc;

let world;
before(async () => {
  world = await startWorld("js-grpc");
});
after(() => world.stop());

class Client {
  constructor(target, credentials) {
    const make = (Service) => new Service(target, credentials);
    this.auth = make(schema.waystone.auth.v1.AuthService);
    this.characters = make(schema.waystone.character.v1.CharacterService);
    this.chat = make(schema.waystone.chat.v1.ChatService);
    this.meta = make(schema.waystone.meta.v1.MetaService);
    this.metadata = new grpc.Metadata();
    this.name = unique("grpcjs");
  }

  call(service, method, request, options = { deadline: Date.now() + 20000 }) {
    return new Promise((resolve, reject) => {
      this[service][method](request, this.metadata, options, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  }

  async enter() {
    const { session } = await this.call("auth", "Register", {
      userName: this.name,
      email: `${this.name}@example.org`,
      password: PASSWORD,
    });
    this.session = session;
    this.metadata.set("authorization", `Bearer ${session.accessToken}`);
    const { character } = await this.call("characters", "CreateCharacter", {
      name: unique("Hero"),
      race: "RACE_ISHARI",
      faction: "FACTION_ORDER",
    });
    this.character = character;
    const { channels } = await this.call("chat", "ListChannels", {});
    this.channel = channels[0];
    return this;
  }

  async say(text) {
    const { message } = await this.call("chat", "SendMessage", {
      channelId: this.channel.id,
      characterId: this.character.id,
      text,
    });
    return message;
  }

  close() {
    for (const service of ["auth", "characters", "chat", "meta"]) this[service].close();
  }
}

function connect(kind) {
  const address = new URL(world[kind]).host;
  return new Client(
    address,
    kind === "tls"
      ? grpc.credentials.createSsl(readFileSync(world.certificate))
      : grpc.credentials.createInsecure(),
  );
}

async function refused(promise, code) {
  const error = await promise.then(
    () => assert.fail("it was not refused"),
    (reason) => reason,
  );
  assert.equal(status[error.code], status[code], error.message);
  return error;
}

/** Events of a stream until `enough` says so; then the stream is cancelled. */
function collect(stream, enough) {
  const events = [];
  return new Promise((resolve, reject) => {
    stream.on("data", (event) => {
      events.push(event);
      if (enough(events)) {
        stream.cancel();
        resolve(events);
      }
    });
    stream.on("error", (error) => {
      if (error.code !== status.CANCELLED) reject(error);
    });
    stream.on("end", () => reject(new Error("the stream ended early")));
  });
}

for (const kind of ["plain", "tls"]) {
  describe(`grpc-js ${kind}`, () => {
    let client;
    before(async () => {
      client = await connect(kind).enter();
    });
    after(() => client.close());

    test("unary calls", async () => {
      const { version } = await client.call("meta", "GetVersion", {});
      assert.match(version, /^\d+\.\d+\.\d+/);
      const { account } = await client.call("auth", "GetSession", {});
      assert.equal(account.userName, client.name);
      const { characters } = await client.call("characters", "ListCharacters", {});
      assert.equal(characters[0].race, "RACE_ISHARI");
      await client.call("characters", "GetCharacter", { id: client.character.id });
    });

    test("a stream gives what was missed, then what is said", async () => {
      const first = await client.say("first");
      await client.say("second");
      const stream = client.chat.StreamMessages(
        { channelId: client.channel.id, afterSequence: first.sequence },
        client.metadata,
      );
      const events = await collect(stream, (all) => {
        if (all.at(-1).event === "caughtUp") client.say("third").catch(() => {});
        return all.at(-1).message?.text === "third";
      });
      assert.deepEqual(
        events.map((e) => e.message?.text ?? e.event),
        ["second", "caughtUp", "third"],
      );
    });

    test("conversation in both directions", async () => {
      const talk = client.chat.Converse(client.metadata);
      talk.write({ join: { channelId: client.channel.id } });
      for (const text of ["one", "two"]) {
        talk.write({
          send: {
            channelId: client.channel.id,
            characterId: client.character.id,
            text,
          },
        });
      }
      const heard = [];
      const acknowledged = [];
      const outcome = await new Promise((resolve, reject) => {
        talk.on("data", (event) => {
          if (event.event === "message") heard.push(event.message.text);
          if (event.event === "sent") acknowledged.push(event.sent.message.text);
          if (heard.length === 2 && acknowledged.length === 2) talk.end();
        });
        talk.on("error", reject);
        talk.on("status", resolve);
      });
      assert.equal(outcome.code, status.OK);
      assert.deepEqual(
        [heard, acknowledged],
        [
          ["one", "two"],
          ["one", "two"],
        ],
      );
    });

    test("errors", async () => {
      const error = await refused(
        client.call("characters", "CreateCharacter", { name: "x1" }),
        status.INVALID_ARGUMENT,
      );
      assert.ok(error.metadata.get("grpc-status-details-bin").length > 0);
      await refused(client.call("characters", "GetCharacter", { id: 999999999 }), status.NOT_FOUND);
      await refused(
        client.call("auth", "SignIn", { login: "nobody", password: "wrong" }),
        status.UNAUTHENTICATED,
      );
      await refused(
        new Promise((resolve, reject) => {
          client.auth.GetSession({}, new grpc.Metadata(), (e, a) => (e ? reject(e) : resolve(a)));
        }),
        status.UNAUTHENTICATED,
      );
    });

    test("deadline of a stream", async () => {
      const stream = client.chat.StreamMessages({ channelId: client.channel.id }, client.metadata, {
        deadline: Date.now() + 400,
      });
      const error = await new Promise((resolve) => {
        stream.on("data", () => {});
        stream.on("error", resolve);
      });
      assert.equal(error.code, status.DEADLINE_EXCEEDED);
    });

    test("hundreds of calls on one connection", async () => {
      const answers = await Promise.all(
        Array.from({ length: 300 }, () => client.call("auth", "GetSession", {})),
      );
      assert.equal(new Set(answers.map((a) => a.account.id)).size, 1);
    });
  });
}

test("two instances: said over TLS on one, heard in cleartext on the other", async () => {
  const speaker = await connect("tls").enter();
  const listener = await connect("plain").enter();
  const stream = listener.chat.StreamMessages(
    { channelId: listener.channel.id },
    listener.metadata,
  );
  const events = await collect(stream, (all) => {
    if (all.at(-1).event === "caughtUp") {
      (async () => {
        for (let i = 0; i < 20; i += 1) await speaker.say(`across ${i}`);
      })().catch(() => {});
    }
    return all.at(-1).message?.text === "across 19";
  });
  const texts = events.filter((e) => e.event === "message").map((e) => e.message.text);
  assert.deepEqual(
    texts,
    Array.from({ length: 20 }, (_, i) => `across ${i}`),
  );
  speaker.close();
  listener.close();
});
