// The cases of the Connect conformance suite that test servers, re-told: what to send, and what
// differs from the answer that the request itself describes.
import { Code } from "@connectrpc/connect";

const data = (text) => new TextEncoder().encode(text);
const TEST = data("test response");
const header = (name, ...value) => ({ name, value });
const SENT = [header("X-Conformance-Test", "Value1", "Value2")];

/** Numbers of Code by the names the cases have: "not-found". */
export const CODES = Object.fromEntries(
  Object.entries(Code)
    .filter(([name]) => Number.isNaN(Number(name)))
    .map(([name, code]) => [name.replace(/(?<=.)([A-Z])/g, "-$1").toLowerCase(), code]),
);

/** `shape` is unary, idempotent, clientStream, serverStream, half or full. */
function one(name, shape, requests, more = {}) {
  return { name: `${shape}/${name}`, shape, requests, ...more };
}

function definition(shape, { headers = [], trailers = [], error, count = 2, delay = 0 } = {}) {
  const rest = { responseHeaders: headers, responseTrailers: trailers, responseDelayMs: delay };
  if (["unary", "idempotent", "clientStream"].includes(shape)) {
    const response = error
      ? { case: "error", value: error }
      : { case: "responseData", value: TEST };
    return { ...rest, response };
  }
  return { ...rest, responseData: Array(count).fill(TEST), error };
}

/** The usual requests of a shape: streams of requests have a second one. */
function requests(shape, options = {}) {
  const first = { responseDefinition: definition(shape, options) };
  if (shape === "full") first.fullDuplex = true;
  const streams = ["clientStream", "half", "full"].includes(shape);
  return streams && !options.single ? [first, { requestData: TEST }] : [first];
}

const SHAPES = ["unary", "clientStream", "serverStream", "half", "full"];

function basic() {
  const meta = {
    headers: [header("x-custom-header", "foo")],
    trailers: [header("x-custom-trailer", "bing")],
  };
  return [
    ...SHAPES.map((shape) => one("success", shape, requests(shape, meta), { headers: SENT })),
    ...["serverStream", "half"].map((shape) =>
      one("no responses", shape, requests(shape, { ...meta, count: 0, single: true }), {
        headers: SENT,
      }),
    ),
    ...SHAPES.filter((shape) => shape !== "full").map((shape) =>
      one("empty request", shape, [{}], { headers: SENT }),
    ),
  ];
}

function errors() {
  const meta = {
    headers: [header("x-custom-header", "foo")],
    trailers: [header("x-custom-trailer", "bing")],
  };
  const cases = [];
  for (const [name, code] of Object.entries(CODES)) {
    const error = { code, message: name.replaceAll("-", " ") };
    for (const shape of ["unary", "serverStream"]) {
      cases.push(one(name, shape, requests(shape, { error, count: 0 })));
    }
  }
  const error = { code: Code.Unauthenticated, message: "unauthenticated" };
  for (const shape of SHAPES) {
    cases.push(one("error with metadata", shape, requests(shape, { ...meta, error, count: 0 })));
    cases.push(
      one("error of one request", shape, requests(shape, { error, count: 0, single: true })),
    );
    if (shape !== "unary" && shape !== "clientStream") {
      cases.push(one("error with responses", shape, requests(shape, { ...meta, error })));
    }
  }
  const unicode = {
    code: Code.Internal,
    message: "\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\n",
  };
  cases.push(one("unicode message", "unary", requests("unary", { error: unicode })));
  const detail = { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: new Uint8Array() };
  cases.push(
    one("details", "unary", requests("unary", { error: { ...error, details: [detail, detail] } })),
  );
  return cases;
}

function duplicates() {
  const meta = {
    headers: [header("x-custom-header", "foo", "bar", "baz")],
    trailers: [header("x-custom-trailer", "bing", "quux")],
  };
  const error = { code: Code.Internal, message: "failed" };
  return SHAPES.flatMap((shape) => [
    one("repeated metadata", shape, requests(shape, meta), { headers: SENT }),
    one("repeated metadata, error", shape, requests(shape, { ...meta, error, count: 0 }), {
      headers: SENT,
    }),
  ]);
}

function deadlines() {
  const late = { error: { code: Code.DeadlineExceeded } };
  return SHAPES.flatMap((shape) => [
    one("deadline is passed on", shape, requests(shape), { timeoutMs: 2000 }),
    one("timeout", shape, requests(shape, { delay: 1500 }), { timeoutMs: 200, expected: late }),
  ]);
}

/** Requests grown to a size relative to the server's limit. */
function sizes() {
  const tooLarge = { error: { code: Code.ResourceExhausted } };
  const cases = [];
  for (const shape of SHAPES) {
    const streams = ["clientStream", "half", "full"].includes(shape);
    cases.push(one("at the limit", shape, requests(shape), { grow: [0, 0] }));
    cases.push(
      one("above the limit", shape, requests(shape), { grow: [10, 0], expected: tooLarge }),
    );
    if (streams && shape !== "full") {
      cases.push(
        one("second above the limit", shape, requests(shape), {
          grow: [0, 10],
          expected: tooLarge,
        }),
      );
    }
  }
  return cases;
}

const get = [
  one(
    "by GET",
    "idempotent",
    requests("idempotent", {
      headers: [header("x-custom-header", "foo")],
      trailers: [header("x-custom-trailer", "bing")],
    }),
    { headers: SENT },
  ),
];

export const SUITES = {
  basic: basic(),
  errors: errors(),
  "duplicate metadata": duplicates(),
  deadlines: deadlines(),
};
export const SIZE_CASES = sizes();
export const GET_CASES = get;
