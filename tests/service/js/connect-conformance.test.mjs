// The server cases of the Connect conformance suite, run by connect-node against connect-server:
// three protocols, HTTP/1.1 and HTTP/2, binary and JSON, identity and gzip, cleartext, TLS, and
// TLS with client certificates.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { createRegistry } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";

import { GET_CASES, SIZE_CASES, SUITES } from "./conformance/cases.mjs";
import { performRaw } from "./conformance/raw.mjs";
import { check, perform } from "./conformance/run.mjs";
import { startServer } from "./conformance/server.mjs";

execFileSync("node", ["generate.mjs"], { cwd: import.meta.dirname, stdio: "inherit" });
const schemas = await import("./gen/connectrpc/conformance/v1/conformance_pb.js");

const registry = createRegistry(schemas.file_connectrpc_conformance_v1_conformance, EmptySchema);

const LIMIT = 204800; // what the suite gives its servers
const KEYS = join(process.env.WAYSTONE_TEST_HOME, "conformance-client");

/** A certificate of its own for the client. */
function clientCertificate() {
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
      "/CN=client",
      "-keyout",
      `${KEYS}.key`,
      "-out",
      `${KEYS}.pem`,
    ],
    { stdio: "ignore" },
  );
  return { cert: readFileSync(`${KEYS}.pem`), key: readFileSync(`${KEYS}.key`) };
}

const CREATE = {
  connect: node.createConnectTransport,
  grpc: node.createGrpcTransport,
  "grpc-web": node.createGrpcWebTransport,
};

const CONFIGURATIONS = [];
for (const protocol of ["connect", "grpc", "grpc-web"]) {
  for (const httpVersion of protocol === "grpc" ? ["2"] : ["1.1", "2"]) {
    for (const codec of ["proto", "json"]) {
      for (const compression of ["identity", "gzip"]) {
        for (const security of ["cleartext", "tls", "client certificate"]) {
          CONFIGURATIONS.push({ protocol, httpVersion, codec, compression, security });
        }
      }
    }
  }
}

const servers = {};
let identity;
before(async () => {
  identity = clientCertificate();
  servers.cleartext = await startServer(schemas, { messageReceiveLimit: LIMIT });
  servers.tls = await startServer(schemas, { useTls: true, messageReceiveLimit: LIMIT });
  servers["client certificate"] = await startServer(schemas, {
    useTls: true,
    messageReceiveLimit: LIMIT,
    clientTlsCert: identity.cert,
  });
});
after(async () => {
  for (const server of Object.values(servers)) await server.stop();
});

function transport(configuration, more = {}) {
  const { protocol, httpVersion, codec, compression, security } = configuration;
  const server = servers[security];
  const secure = security !== "cleartext";
  const nodeOptions = secure ? { ca: server.pem } : {};
  if (security === "client certificate") Object.assign(nodeOptions, identity);
  const baseUrl = `${secure ? "https" : "http"}://127.0.0.1:${server.port}`;
  const gzip = compression === "gzip";
  const options = {
    baseUrl,
    httpVersion,
    nodeOptions,
    useBinaryFormat: codec === "proto",
    acceptCompression: gzip ? [node.compressionGzip] : [],
    sendCompression: gzip ? node.compressionGzip : undefined,
    compressMinBytes: 0,
    jsonOptions: { registry },
    ...more,
  };
  if (httpVersion === "2") {
    options.sessionManager = new node.Http2SessionManager(baseUrl, {}, nodeOptions);
  }
  return { transport: CREATE[protocol](options), close: () => options.sessionManager?.abort() };
}

/** Half-duplex streams are all that HTTP/1.1 can carry. */
function fits(configuration, shape) {
  return !(configuration.httpVersion === "1.1" && shape === "full");
}

async function runCases(configuration, cases, more) {
  const { transport: made, close } = transport(configuration, more);
  const client = createClient(schemas.ConformanceService, made);
  const chosen = cases.filter((item) => fits(configuration, item.shape));
  try {
    await Promise.all(
      chosen.map(async (item) => {
        const result = await perform(client, schemas, item, LIMIT);
        try {
          check(schemas, item, result, more?.useHttpGet === true);
        } catch (error) {
          error.message = `${item.name}: ${error.message}`;
          throw error;
        }
      }),
    );
  } finally {
    close();
  }
}

for (const configuration of CONFIGURATIONS) {
  describe(Object.values(configuration).join(", "), () => {
    for (const [name, cases] of Object.entries(SUITES)) {
      test(name, { timeout: 30_000 }, () => runCases(configuration, cases));
    }
    if (configuration.codec === "proto") {
      test("message size", { timeout: 30_000 }, () => runCases(configuration, SIZE_CASES));
    }
    if (configuration.protocol === "connect") {
      test("GET", { timeout: 30_000 }, () =>
        runCases(configuration, GET_CASES, { useHttpGet: true }),
      );
    }
  });
}

/** Where raw requests go: { port, secure, tls }. */
function target(security) {
  const tls = security === "cleartext" ? {} : { ca: servers[security].pem };
  if (security === "client certificate") Object.assign(tls, identity);
  return { port: servers[security].port, secure: security !== "cleartext", tls };
}

describe("unexpected requests", () => {
  for (const { protocol, httpVersion, codec, compression, security } of CONFIGURATIONS) {
    if (codec !== "proto" || compression !== "identity") continue;
    test(`${protocol}, ${httpVersion}, ${security}`, { timeout: 30_000 }, () =>
      performRaw(protocol, httpVersion, target(security)),
    );
  }
});

test("a client without a certificate is refused", async () => {
  const server = servers["client certificate"];
  const made = node.createConnectTransport({
    baseUrl: `https://127.0.0.1:${server.port}`,
    httpVersion: "1.1",
    nodeOptions: { ca: server.pem },
  });
  const client = createClient(schemas.ConformanceService, made);
  await assert.rejects(client.unary({}));
});
