// Runs one case through a stock client and compares with what its request describes.
import assert from "node:assert/strict";

import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";

const METHODS = {
  unary: ["unary", "UnaryRequestSchema"],
  idempotent: ["idempotentUnary", "IdempotentUnaryRequestSchema"],
  clientStream: ["clientStream", "ClientStreamRequestSchema"],
  serverStream: ["serverStream", "ServerStreamRequestSchema"],
  half: ["bidiStream", "BidiStreamRequestSchema"],
  full: ["bidiStream", "BidiStreamRequestSchema"],
};

/** A request padded until its encoding has `size` bytes. */
function grown(schema, request, size) {
  let message = create(schema, request);
  for (let missing = size - toBinary(schema, message).length; missing > 0; ) {
    const padding = (message.requestData?.length ?? 0) + missing;
    message = create(schema, { ...request, requestData: new Uint8Array(padding).fill(1) });
    missing = size - toBinary(schema, message).length;
    if (missing < 0) {
      message = create(schema, {
        ...request,
        requestData: new Uint8Array(padding + missing).fill(1),
      });
      break;
    }
  }
  return message;
}

function encode(schemas, test, limit) {
  const schema = schemas[METHODS[test.shape][1]];
  return test.requests.map((request, i) =>
    test.grow ? grown(schema, request, limit + test.grow[i]) : create(schema, request),
  );
}

/** What is received, as it is received. */
function observe() {
  const seen = { payloads: [], headers: new Headers(), trailers: new Headers() };
  seen.options = {
    onHeader: (headers) => {
      seen.headers = headers;
    },
    onTrailer: (trailers) => {
      seen.trailers = trailers;
    },
  };
  return seen;
}

async function callUnary(method, messages, options, seen) {
  seen.payloads.push((await method(messages[0], options)).payload);
}

async function callClientStream(method, messages, options, seen) {
  async function* all() {
    yield* messages;
  }
  seen.payloads.push((await method(all(), options)).payload);
}

async function callServerStream(method, messages, options, seen) {
  for await (const response of method(messages[0], options)) seen.payloads.push(response.payload);
}

async function callHalf(method, messages, options, seen) {
  async function* all() {
    yield* messages;
  }
  for await (const response of method(all(), options)) seen.payloads.push(response.payload);
}

/** Sends the next request once the answer to the one before is there. */
async function callFull(method, messages, options, seen) {
  let answered = () => {};
  async function* paced() {
    for (const message of messages) {
      const answer = new Promise((resolve) => {
        answered = resolve;
      });
      yield message;
      await answer;
    }
  }
  try {
    for await (const response of method(paced(), options)) {
      seen.payloads.push(response.payload);
      answered();
    }
  } finally {
    answered();
  }
}

const CALLS = {
  unary: callUnary,
  idempotent: callUnary,
  clientStream: callClientStream,
  serverStream: callServerStream,
  half: callHalf,
  full: callFull,
};

/** Calls, and gives { payloads, headers, trailers, error }. */
export async function perform(client, schemas, test, limit) {
  const messages = encode(schemas, test, limit);
  const seen = observe();
  const headers = new Headers();
  for (const { name, value } of test.headers ?? []) {
    for (const item of value) headers.append(name, item);
  }
  const options = { ...seen.options, headers, timeoutMs: test.timeoutMs };
  const method = client[METHODS[test.shape][0]];
  try {
    await CALLS[test.shape](method, messages, options, seen);
  } catch (error) {
    seen.error = ConnectError.from(error);
  }
  return { ...seen, messages };
}

function assertMetadata(list, got, name) {
  for (const { name: key, value } of list) {
    assert.equal(got.get(key), value.join(", "), `${name} ${key}`);
  }
}

function assertInfo(schemas, test, info, requests, whole, isGet) {
  const schema = schemas[METHODS[test.shape][1]];
  assert.equal(info.requests.length, requests.length, "requests that were seen");
  requests.forEach((request, i) => {
    const packed = anyPack(schema, request);
    assert.equal(info.requests[i].typeUrl, packed.typeUrl);
    assert.ok(
      equals(schema, fromBinary(schema, info.requests[i].value), request),
      "the request as seen",
    );
  });
  if (!whole) return;
  for (const { name, value } of test.headers ?? []) {
    const found = info.requestHeaders.find(
      (header) => header.name.toLowerCase() === name.toLowerCase(),
    );
    assert.equal(found?.value.join(", "), value.join(", "), `header ${name} as seen`);
  }
  if (test.timeoutMs) {
    assert.ok(info.timeoutMs > 0n && info.timeoutMs <= BigInt(test.timeoutMs), "timeout as seen");
  } else {
    assert.equal(info.timeoutMs, undefined, "a timeout nobody asked for");
  }
  assert.equal(info.connectGetInfo !== undefined, isGet, "GET as seen");
}

function infoOfError(schemas, error) {
  const found = error.findDetails(schemas.ConformancePayload_RequestInfoSchema);
  assert.equal(found.length, 1, "what was seen goes with the error");
  return found[0];
}

function assertError(result, error, sent) {
  assert.ok(result.error, "an error");
  assert.equal(result.error.code, error.code);
  if (error.message !== undefined) assert.equal(result.error.rawMessage, error.message);
  if (error.details)
    assert.equal(result.error.details.length, error.details.length + (sent ? 0 : 1));
}

/** Requests each answer tells of: all in the first, or one by one where they alternate. */
function requestsOf(test, messages, index) {
  if (test.shape === "full") return messages[index] ? [messages[index]] : [];
  return index === 0 ? messages : null;
}

/** Compares with what the requests describe. */
export function check(schemas, test, result, isGet = false) {
  if (test.expected) {
    assert.equal(result.error?.code, test.expected.error.code, String(result.error));
    return;
  }
  const definition = test.requests[0].responseDefinition;
  const single = ["unary", "idempotent", "clientStream"].includes(test.shape);
  const error =
    single && definition?.response.case === "error" ? definition.response.value : definition?.error;
  const count = single ? (error ? 0 : 1) : (definition?.responseData.length ?? 0);

  if (error) assertError(result, error, count > 0);
  else assert.equal(result.error, undefined, String(result.error));
  assert.equal(result.payloads.length, count, "answers");
  result.payloads.forEach((payload, i) => {
    const wanted = single ? definition?.response.value : definition.responseData[i];
    assert.deepEqual(Buffer.from(payload.data), Buffer.from(wanted ?? []), "data");
    const requests = requestsOf(test, result.messages, i);
    if (requests) assertInfo(schemas, test, payload.requestInfo, requests, i === 0, isGet);
    else assert.equal(payload.requestInfo, undefined, "what was seen, once more");
  });
  if (error && count === 0) {
    const requests = test.shape === "full" ? result.messages.slice(0, 1) : result.messages;
    assertInfo(schemas, test, infoOfError(schemas, result.error), requests, true, isGet);
  }
  const metadata = result.error?.metadata;
  assertMetadata(
    definition?.responseHeaders ?? [],
    metadata && count === 0 ? metadata : result.headers,
    "header",
  );
  assertMetadata(definition?.responseTrailers ?? [], metadata ?? result.trailers, "trailer");
}
