// What no stock client sends: requests put together by hand, and the code that a client makes of the
// answer. The cases are those the conformance suite sends raw, and some of our own beside them.
import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

import { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";

const SERVICE = "/connectrpc.conformance.v1.ConformanceService/";

// --- one request and its answer: { status, headers, trailers, body } ---

function overHttp1(target, { verb, path, headers, body }) {
  const { request } = target.secure ? https : http;
  const length = body || verb === "POST" ? { "content-length": body?.length ?? 0 } : {};
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: target.port,
        method: verb,
        path,
        headers: { ...headers, ...length },
        ...target.tls,
      },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () =>
          resolve({
            status: answer.statusCode,
            headers: answer.headers,
            trailers: answer.trailers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

function overHttp2(target, { verb, path, headers, body }) {
  const authority = `${target.secure ? "https" : "http"}://127.0.0.1:${target.port}`;
  const session = http2.connect(authority, target.tls);
  const answered = new Promise((resolve, reject) => {
    session.once("error", reject);
    const stream = session.request(
      { ":method": verb, ":path": path, ...headers },
      { endStream: !body },
    );
    const answer = { trailers: {} };
    const chunks = [];
    stream.once("response", (head) => {
      answer.status = head[":status"];
      answer.headers = head;
    });
    stream.once("trailers", (trailers) => {
      answer.trailers = trailers;
    });
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.once("error", reject);
    stream.once("end", () => resolve({ ...answer, body: Buffer.concat(chunks) }));
    if (body) stream.end(body);
  });
  return answered.finally(() => session.close());
}

// --- the code of an answer, by the rules of each protocol ---

function codeOfHttp(status) {
  const codes = {
    400: Code.Internal,
    401: Code.Unauthenticated,
    403: Code.PermissionDenied,
    404: Code.Unimplemented,
    429: Code.Unavailable,
    502: Code.Unavailable,
    503: Code.Unavailable,
    504: Code.Unavailable,
  };
  return codes[status] ?? Code.Unknown;
}

function envelopes(body) {
  const found = [];
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1);
    assert.ok(at + 5 + length <= body.length, "an envelope is cut off");
    found.push({ flags: body[at], data: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return found;
}

function codeOfTrailers(trailers) {
  const status = trailers["grpc-status"];
  assert.notEqual(status, undefined, "no grpc-status");
  return Number(status);
}

function grpcCode(answer) {
  if (answer.status !== 200) return codeOfHttp(answer.status);
  if (!/^application\/grpc(\+|;|$)/.test(answer.headers["content-type"] ?? "")) return Code.Unknown;
  return codeOfTrailers({ ...answer.headers, ...answer.trailers });
}

function grpcWebCode(answer) {
  if (answer.status !== 200) return codeOfHttp(answer.status);
  const last = envelopes(answer.body).at(-1);
  if (last?.flags !== 0x80) return codeOfTrailers(answer.headers);
  const lines = last.data.toString().split("\r\n").filter(Boolean);
  return codeOfTrailers(Object.fromEntries(lines.map((line) => line.split(/: ?(.*)/, 2))));
}

function connectCode(answer) {
  const type = answer.headers["content-type"] ?? "";
  if (type.startsWith("application/connect+")) {
    const last = envelopes(answer.body).at(-1);
    assert.equal(last?.flags, 2, "no end of the stream");
    const { error } = JSON.parse(last.data.toString());
    return error ? codeFromString(error.code) : 0;
  }
  if (answer.status === 200) return 0;
  if (type !== "application/json") return codeOfHttp(answer.status);
  return codeFromString(JSON.parse(answer.body.toString()).code) ?? codeOfHttp(answer.status);
}

const CODE_OF = { connect: connectCode, grpc: grpcCode, "grpc-web": grpcWebCode };

// --- requests ---

function envelope(flags, data = Buffer.alloc(0)) {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

const EMPTY = envelope(0);
const VERSION = { "connect-protocol-version": "1" };

function post(method, type, more = {}) {
  const headers = { ...(type ? { "content-type": type } : {}), ...more.headers };
  return {
    verb: more.verb ?? "POST",
    path: more.path ?? SERVICE + method,
    headers,
    body: more.body,
  };
}

const UNKNOWN_PATH = "/connectrpc.conformance.v1.UnknownService/UnknownMethod";

/** Of gRPC and gRPC-Web, which differ in names only. */
function grpcCases(type, headers) {
  const request = (method, subtype, more) =>
    post(method, type + subtype, { ...more, headers: { ...headers, ...more.headers } });
  const unclear = [Code.Unknown, Code.Internal, Code.Unimplemented]; // nothing says which
  const cases = [];
  for (const method of ["Unary", "ServerStream"]) {
    cases.push(
      [`${method}, no message`, request(method, "+proto", {}), [Code.Unimplemented]],
      [
        `${method}, two messages`,
        request(method, "+proto", { body: Buffer.concat([EMPTY, EMPTY]) }),
        [Code.Unimplemented],
      ],
      [
        `${method}, flags nobody knows`,
        request(method, "+proto", { body: envelope(4) }),
        [Code.Internal],
      ],
      [
        `${method}, half a message`,
        request(method, "+proto", { body: envelope(0, Buffer.alloc(9)).subarray(0, 8) }),
        [Code.InvalidArgument, Code.Internal],
      ],
    );
  }
  cases.push(
    ["another verb", request("Unary", "", { verb: "DELETE", body: EMPTY }), unclear],
    [
      "another path",
      request("Unary", "", { path: UNKNOWN_PATH, body: EMPTY }),
      [Code.Unimplemented],
    ],
    ["another codec", request("Unary", "+foo", { body: EMPTY }), unclear],
    [
      "another compression",
      request("Unary", "", {
        headers: { "grpc-encoding": "foo" },
        body: envelope(1, Buffer.from("28b52ffd2000010000", "hex")),
      }),
      [Code.Unimplemented],
    ],
    [
      "compressed beside its head",
      request("Unary", "+proto", {
        headers: { "grpc-encoding": "identity" },
        body: envelope(1),
      }),
      [Code.Internal],
    ],
    [
      "a timeout without unit",
      request("Unary", "", { headers: { "grpc-timeout": "10" }, body: EMPTY }),
      [Code.Internal, Code.InvalidArgument],
    ],
    ["with +proto", request("Unary", "+proto", { body: EMPTY }), [0]],
    ["without +proto", request("Unary", "", { body: EMPTY }), [0]],
  );
  return cases;
}

/** Of Connect: [name, request, codes, HTTP status]. */
function connectCases() {
  const unary = (type, more = {}) =>
    post("Unary", type, { ...more, headers: { ...VERSION, ...more.headers } });
  const stream = (method, body, headers = {}) =>
    post(method, "application/connect+proto", { headers: { ...VERSION, ...headers }, body });
  const get = (query, method = "IdempotentUnary") => ({
    verb: "GET",
    path: `${SERVICE}${method}?${query}`,
    headers: {},
  });
  return [
    ["ServerStream, no message", stream("ServerStream"), [Code.Unimplemented], 200],
    [
      "ServerStream, two messages",
      stream("ServerStream", Buffer.concat([EMPTY, EMPTY])),
      [Code.Unimplemented],
      200,
    ],
    [
      "compressed beside its head",
      stream("ServerStream", envelope(1), { "connect-content-encoding": "identity" }),
      [Code.Internal],
      200,
    ],
    ["flags nobody knows", stream("ServerStream", envelope(4)), [Code.Internal], 200],
    ["a client's end of stream", stream("ServerStream", envelope(2)), [Code.Internal], 200],
    [
      "half a message",
      stream("ServerStream", envelope(0, Buffer.alloc(9)).subarray(0, 8)),
      [Code.InvalidArgument],
      200,
    ],
    ["another verb", unary("application/proto", { verb: "DELETE" }), [Code.Unknown], 405],
    ["another path", unary("application/proto", { path: UNKNOWN_PATH }), [Code.Unimplemented], 404],
    ["another codec", unary("application/foo"), [Code.Unknown], 415],
    ["a stream's type", unary("application/connect+proto", { body: EMPTY }), [Code.Unknown], 415],
    ["a call's type for a stream", post("ServerStream", "application/proto"), [Code.Unknown], 415],
    ["no type at all", unary(undefined), [Code.Unknown], 415],
    [
      "another compression",
      unary("application/proto", {
        headers: { "content-encoding": "foo" },
        body: Buffer.from("28b52ffd2000010000", "hex"),
      }),
      [Code.Unimplemented],
      501,
    ],
    [
      "what is said to be gzip",
      unary("application/proto", {
        headers: { "content-encoding": "gzip" },
        body: Buffer.from("no gzip"),
      }),
      [Code.InvalidArgument, Code.Internal],
    ],
    [
      "another version",
      post("Unary", "application/proto", { headers: { "connect-protocol-version": "2" } }),
      [Code.InvalidArgument],
      400,
    ],
    [
      "a timeout that is none",
      unary("application/proto", { headers: { "connect-timeout-ms": "soon" } }),
      [Code.InvalidArgument],
      400,
    ],
    [
      "what is no message",
      unary("application/proto", { body: Buffer.from([0xff, 0xff]) }),
      [Code.InvalidArgument],
      400,
    ],
    [
      "what is no JSON",
      unary("application/json", { body: Buffer.from("{") }),
      [Code.InvalidArgument],
      400,
    ],
    ["no JSON at all", unary("application/json"), [Code.InvalidArgument], 400],
    ["without a version", post("Unary", "application/proto"), [0], 200],
    ["GET", get("connect=v1&encoding=proto&message="), [0], 200],
    ["GET of JSON", get("encoding=json&message=%7B%7D"), [0], 200],
    ["GET without a message", get("encoding=proto"), [Code.InvalidArgument], 400],
    ["GET without an encoding", get("message="), [Code.InvalidArgument], 400],
    ["GET of another encoding", get("encoding=foo&message="), [Code.InvalidArgument], 400],
    [
      "GET of another version",
      get("connect=v2&encoding=proto&message="),
      [Code.InvalidArgument],
      400,
    ],
    ["GET of broken base64", get("encoding=proto&base64=1&message=!"), [Code.InvalidArgument], 400],
    ["GET of a broken escape", get("encoding=json&message=%7"), [Code.InvalidArgument], 400],
    [
      "GET of another compression",
      get("encoding=proto&compression=foo&message="),
      [Code.Unimplemented],
      501,
    ],
    ["GET of what has side effects", get("encoding=proto&message=", "Unary"), [Code.Unknown], 405],
  ];
}

const JPEG = post("Unary", "image/jpeg", { body: Buffer.from("12345678") });

const CASES = {
  connect: connectCases(),
  grpc: grpcCases("application/grpc", { te: "trailers" }),
  "grpc-web": grpcCases("application/grpc-web", {}),
};

/** Sends each request of a protocol and looks at what a client would make of the answer. */
export async function performRaw(protocol, httpVersion, target) {
  const send = httpVersion === "2" ? overHttp2 : overHttp1;
  const cases = [...CASES[protocol], ["another type", JPEG, [Code.Unknown], 415]];
  for (const [name, request, codes, status] of cases) {
    const answer = await send(target, request);
    const code = CODE_OF[protocol](answer);
    const told = `${name}: HTTP ${answer.status}, code ${code}\n${answer.body}`;
    assert.ok(codes.includes(code), told);
    if (status) assert.equal(answer.status, status, told);
  }
  return cases.length;
}
