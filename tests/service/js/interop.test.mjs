// gRPC's interoperability cases, run by grpc-js against interop-server, on cleartext and TLS: the
// fourteen that grpc-go runs, and those about compression.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const HERE = import.meta.dirname;
const BUILD = dirname(process.env.WAYSTONE_TEST_SERVER);
const HOME = process.env.WAYSTONE_TEST_HOME;
const CERTIFICATE = join(HOME, "interop.pem");
const KEY = join(HOME, "interop.key");
const LARGE_REQUEST = 271828;
const LARGE_RESPONSE = 314159;
const SIZES = [31415, 9, 2653, 58979];
const REQUEST_SIZES = [27182, 8, 1828, 45904];

const definition = grpc.loadPackageDefinition(
  loadSync("grpc/testing/test.proto", {
    includeDirs: [join(HERE, "../../conformance"), join(HERE, "../../../api"), "/usr/include"],
    longs: Number,
    enums: String,
    defaults: true,
  }),
);
const { TestService } = definition.grpc.testing;

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function startServer(extra) {
  const port = await freePort();
  const child = spawn(join(BUILD, "tests/conformance/interop-server"), ["--port", port, ...extra], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let said = "";
  await new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`interop-server ended with ${code}: ${said}`)));
    child.stderr.on("data", (chunk) => {
      said += chunk;
      if (said.includes('"ready"')) resolve();
    });
  });
  return {
    address: `localhost:${port}`,
    async stop() {
      child.kill("SIGTERM");
      assert.equal(await ended, 0, said);
    },
  };
}

const payload = (size) => ({ body: Buffer.alloc(size) });

/** A unary call: { response, headers, trailers }, or rejects with the error. */
function unary(client, method, request, { metadata = new grpc.Metadata(), ...options } = {}) {
  return new Promise((resolve, reject) => {
    const result = {};
    const call = client[method](request, metadata, options, (error, response) => {
      result.response = response;
      if (error) reject(error);
      else setImmediate(() => resolve(result));
    });
    call.on("metadata", (headers) => {
      result.headers = headers;
    });
    call.on("status", (status) => {
      result.trailers = status.metadata;
    });
  });
}

/** Everything a stream of answers gives, with its status. */
function collect(call) {
  return new Promise((resolve) => {
    const result = { answers: [] };
    call.on("metadata", (headers) => {
      result.headers = headers;
    });
    call.on("data", (answer) => result.answers.push(answer));
    call.on("error", () => {});
    call.on("status", (status) => resolve({ ...result, status }));
  });
}

const sizesOf = (answers) => answers.map((answer) => answer.payload.body.length);
const parameters = (sizes) => sizes.map((size) => ({ size }));

function clientStream(client) {
  let call;
  const done = new Promise((resolve, reject) => {
    call = client.streamingInputCall((error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
  return { call, done };
}

const CASES = {
  async empty_unary(client) {
    await unary(client, "emptyCall", {});
  },

  async large_unary(client) {
    const { response } = await unary(client, "unaryCall", {
      responseSize: LARGE_RESPONSE,
      payload: payload(LARGE_REQUEST),
    });
    assert.equal(response.payload.body.length, LARGE_RESPONSE);
  },

  async cacheable_unary(client) {
    const { response } = await unary(client, "cacheableUnaryCall", { responseSize: 10 });
    assert.equal(response.payload.body.length, 10);
  },

  async client_streaming(client) {
    const { call, done } = clientStream(client);
    for (const size of REQUEST_SIZES) call.write({ payload: payload(size) });
    call.end();
    assert.equal((await done).aggregatedPayloadSize, 74922);
  },

  async server_streaming(client) {
    const { answers, status } = await collect(
      client.streamingOutputCall({ responseParameters: parameters(SIZES) }),
    );
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(sizesOf(answers), SIZES);
  },

  async ping_pong(client) {
    const call = client.fullDuplexCall();
    const result = collect(call);
    for (const [i, size] of SIZES.entries()) {
      const answer = new Promise((resolve) => call.once("data", resolve));
      call.write({ responseParameters: parameters([size]), payload: payload(REQUEST_SIZES[i]) });
      assert.equal((await answer).payload.body.length, size);
    }
    call.end();
    assert.equal((await result).status.code, grpc.status.OK);
  },

  async half_duplex(client) {
    const call = client.halfDuplexCall();
    const result = collect(call);
    for (const size of SIZES) call.write({ responseParameters: parameters([size]) });
    call.end();
    assert.deepEqual(sizesOf((await result).answers), SIZES);
  },

  async empty_stream(client) {
    const call = client.fullDuplexCall();
    call.end();
    const { answers, status } = await collect(call);
    assert.deepEqual([answers.length, status.code], [0, grpc.status.OK]);
  },

  async timeout_on_sleeping_server(client) {
    const call = client.fullDuplexCall({ deadline: Date.now() + 200 });
    call.write({
      responseParameters: [{ size: 1, intervalUs: 5_000_000 }],
      payload: payload(27182),
    });
    assert.equal((await collect(call)).status.code, grpc.status.DEADLINE_EXCEEDED);
  },

  async cancel_after_begin(client) {
    const { call, done } = clientStream(client);
    call.cancel();
    await assert.rejects(done, { code: grpc.status.CANCELLED });
  },

  async cancel_after_first_response(client) {
    const call = client.fullDuplexCall();
    const result = collect(call);
    call.once("data", () => call.cancel());
    call.write({ responseParameters: parameters([31415]), payload: payload(27182) });
    assert.equal((await result).status.code, grpc.status.CANCELLED);
  },

  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.set("x-grpc-test-echo-initial", "test_initial_metadata_value");
    metadata.set("x-grpc-test-echo-trailing-bin", Buffer.from([0xab, 0xab, 0xab]));
    const expect = (headers, trailers) => {
      assert.deepEqual(headers.get("x-grpc-test-echo-initial"), ["test_initial_metadata_value"]);
      assert.deepEqual(trailers.get("x-grpc-test-echo-trailing-bin"), [
        Buffer.from([0xab, 0xab, 0xab]),
      ]);
    };
    const one = await unary(client, "unaryCall", { responseSize: 1 }, { metadata });
    expect(one.headers, one.trailers);
    const call = client.fullDuplexCall(metadata);
    const result = collect(call);
    call.write({ responseParameters: parameters([1]) });
    call.end();
    const { headers, status } = await result;
    expect(headers, status.metadata);
  },

  async status_code_and_message(client) {
    const responseStatus = { code: 2, message: "test status message" };
    const expected = { code: 2, details: "test status message" };
    await assert.rejects(unary(client, "unaryCall", { responseStatus }), expected);
    const call = client.fullDuplexCall();
    const result = collect(call);
    call.write({ responseStatus });
    call.end();
    const { status } = await result;
    assert.deepEqual({ code: status.code, details: status.details }, expected);
  },

  async special_status_message(client) {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n";
    await assert.rejects(unary(client, "unaryCall", { responseStatus: { code: 2, message } }), {
      code: 2,
      details: message,
    });
  },

  async unimplemented_method(client) {
    await assert.rejects(
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          "/grpc.testing.TestService/UnimplementedCall",
          (v) => v,
          (v) => v,
          Buffer.alloc(0),
          (error) => (error ? reject(error) : resolve()),
        );
      }),
      { code: grpc.status.UNIMPLEMENTED },
    );
  },

  async unimplemented_service(client) {
    await assert.rejects(
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          "/grpc.testing.UnimplementedService/UnimplementedCall",
          (v) => v,
          (v) => v,
          Buffer.alloc(0),
          (error) => (error ? reject(error) : resolve()),
        );
      }),
      { code: grpc.status.UNIMPLEMENTED },
    );
  },

  async server_compressed_unary(client) {
    for (const value of [true, false]) {
      const { response } = await unary(client, "unaryCall", {
        responseSize: LARGE_RESPONSE,
        payload: payload(LARGE_REQUEST),
        responseCompressed: { value },
      });
      assert.equal(response.payload.body.length, LARGE_RESPONSE);
    }
  },

  async server_compressed_streaming(client) {
    const { answers, status } = await collect(
      client.streamingOutputCall({
        responseParameters: [
          { size: 31415, compressed: { value: true } },
          { size: 92653, compressed: { value: false } },
        ],
      }),
    );
    assert.equal(status.code, grpc.status.OK);
    assert.deepEqual(sizesOf(answers), [31415, 92653]);
  },
};

/** With a channel of its own that compresses. */
const COMPRESSING_CASES = {
  async client_compressed_unary(client) {
    const { response } = await unary(client, "unaryCall", {
      expectCompressed: { value: true },
      responseSize: LARGE_RESPONSE,
      payload: payload(LARGE_REQUEST),
    });
    assert.equal(response.payload.body.length, LARGE_RESPONSE);
  },

  async client_compressed_streaming(client) {
    const { call, done } = clientStream(client);
    call.write({ expectCompressed: { value: true }, payload: payload(27182) });
    call.end();
    assert.equal((await done).aggregatedPayloadSize, 27182);
  },
};

const servers = {};
before(async () => {
  servers.cleartext = await startServer([]);
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      KEY,
      "-out",
      CERTIFICATE,
    ],
    { stdio: "ignore" },
  );
  servers.TLS = await startServer(["--tls", CERTIFICATE, KEY]);
});
after(async () => {
  for (const server of Object.values(servers)) await server.stop();
});

function open(security, options) {
  const credentials =
    security === "TLS"
      ? grpc.credentials.createSsl(readFileSync(CERTIFICATE))
      : grpc.credentials.createInsecure();
  return new TestService(servers[security].address, credentials, options);
}

for (const security of ["cleartext", "TLS"]) {
  describe(`interoperability, ${security}`, () => {
    for (const [name, run] of Object.entries(CASES)) {
      test(name, { timeout: 20_000 }, async () => {
        const client = open(security);
        try {
          await run(client);
        } finally {
          client.close();
        }
      });
    }
    for (const [name, run] of Object.entries(COMPRESSING_CASES)) {
      test(name, { timeout: 20_000 }, async () => {
        const client = open(security, { "grpc.default_compression_algorithm": 2 });
        try {
          await run(client);
        } finally {
          client.close();
        }
      });
    }
    test("client_compressed_unary, told and not done", { timeout: 20_000 }, async () => {
      const client = open(security);
      try {
        await assert.rejects(unary(client, "unaryCall", { expectCompressed: { value: true } }), {
          code: grpc.status.INVALID_ARGUMENT,
        });
      } finally {
        client.close();
      }
    });
  });
}
