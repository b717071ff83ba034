import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "@/gen/google/rpc/error_details_pb";
import { AccountService } from "@/gen/waystone/account/v1/account_pb";
import { StepUpGate, withStepUp } from "./stepUp";

function refusal(reason: string): ConnectError {
  return new ConnectError("no", Code.PermissionDenied, undefined, [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain: "waystone" }) },
  ]);
}

/** A server that asks for a proof until it has one, and somebody who gives it or does not. */
function stage({ reason = "STEP_UP_REQUIRED", willing = true, helps = true } = {}) {
  const state = { proved: false, calls: 0, asked: 0 };
  const check = () => {
    state.calls += 1;
    if (!state.proved) throw refusal(reason);
  };
  const inner = createRouterTransport(({ service }) => {
    service(AccountService, {
      changeEmail: () => {
        check();
        return {};
      },
      async *exportAccount() {
        check();
        yield { fileName: "a.json", data: new Uint8Array([1]) };
        yield { fileName: "b.json", data: new Uint8Array([2]) };
      },
    });
  });
  const gate = new StepUpGate();
  gate.subscribe(() => {
    if (!gate.isAsked()) return;
    state.asked += 1;
    setTimeout(() => {
      state.proved = willing && helps;
      gate.settle(willing);
    }, 5);
  });
  return { state, client: createClient(AccountService, withStepUp(inner, gate)) };
}

describe("a call that needs a fresh proof", () => {
  it("is made again once it was given", async () => {
    const { state, client } = stage();
    await client.changeEmail({ email: "a@example.org" });
    expect(state).toEqual({ proved: true, calls: 2, asked: 1 });
  });

  it("fails as it did when nobody gives one", async () => {
    const { state, client } = stage({ willing: false });
    await expect(client.changeEmail({ email: "a@example.org" })).rejects.toMatchObject({
      code: Code.PermissionDenied,
    });
    expect(state).toEqual({ proved: false, calls: 1, asked: 1 });
  });

  it("is not made for ever: a second refusal stands", async () => {
    const { state, client } = stage({ helps: false });
    await expect(client.changeEmail({ email: "a@example.org" })).rejects.toBeInstanceOf(
      ConnectError,
    );
    expect(state).toMatchObject({ calls: 2, asked: 1 });
  });

  it("shares one question with others that wait", async () => {
    const { state, client } = stage();
    await Promise.all([1, 2, 3].map(() => client.changeEmail({ email: "a@example.org" })));
    expect(state).toEqual({ proved: true, calls: 6, asked: 1 });
  });

  it("may be a stream, whose refusal comes with its first message", async () => {
    const { state, client } = stage();
    const names: string[] = [];
    for await (const { fileName } of client.exportAccount({})) names.push(fileName);
    expect(names).toEqual(["a.json", "b.json"]);
    expect(state).toEqual({ proved: true, calls: 2, asked: 1 });
  });

  it("leaves other refusals alone", async () => {
    const { state, client } = stage({ reason: "WRONG_PROOF" });
    await expect(client.changeEmail({ email: "a@example.org" })).rejects.toBeInstanceOf(
      ConnectError,
    );
    expect(state).toEqual({ proved: false, calls: 1, asked: 0 });
  });
});
