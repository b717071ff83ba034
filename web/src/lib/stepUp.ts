/**
 * Calls that need a fresh proof of who the session's owner is.
 *
 * The server refuses them with the reason STEP_UP_REQUIRED when the last proof is too old. The
 * transport then asks for one, whichever screen made the call, and makes it again. It wraps the
 * whole transport rather than being one of its interceptors: those run within a call's deadline,
 * which people who look for their phone would overrun.
 */
import type { DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import type { StreamResponse, Transport } from "@connectrpc/connect";
import { reasonOf } from "./errors";

/** Whether a proof is being asked for; the page shows a dialog as long as it is. */
export class StepUpGate {
  private asked: { proved: Promise<boolean>; settle: (proved: boolean) => void } | null = null;
  private readonly listeners = new Set<() => void>();

  isAsked = (): boolean => this.asked !== null;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Resolves to whether it was proved. Calls that wait at the same time share one question. */
  ask(): Promise<boolean> {
    if (!this.asked) {
      let settle: (proved: boolean) => void = () => {};
      const proved = new Promise<boolean>((resolve) => {
        settle = resolve;
      });
      this.asked = { proved, settle };
      this.tell();
    }
    return this.asked.proved;
  }

  settle(proved: boolean): void {
    this.asked?.settle(proved);
    this.asked = null;
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export const stepUpGate = new StepUpGate();

/** Makes a call again, once, after the proof it was refused for the lack of. */
export function withStepUp(inner: Transport, gate: StepUpGate): Transport {
  const isProved = async (error: unknown) =>
    reasonOf(error) === "STEP_UP_REQUIRED" && (await gate.ask());
  return {
    async unary(method: DescMethodUnary, ...call) {
      try {
        return await inner.unary(method, ...call);
      } catch (error) {
        if (!(await isProved(error))) throw error;
        return await inner.unary(method, ...call);
      }
    },
    async stream(method: DescMethodStreaming, signal, timeoutMs, header, input, values) {
      if (method.methodKind !== "server_streaming")
        return inner.stream(method, signal, timeoutMs, header, input, values);
      // What is asked may be sent twice, so it is kept: one message.
      const asked = await collect(input);
      const open = () => inner.stream(method, signal, timeoutMs, header, replay(asked), values);
      const first = await open();
      return { ...first, message: messagesOf(first, open, isProved) };
    },
  } as Transport;
}

/** A refused stream is seen at its first message, not when it is opened. */
async function* messagesOf(
  first: StreamResponse,
  open: () => Promise<StreamResponse>,
  isProved: (error: unknown) => Promise<boolean>,
) {
  let begun = false;
  try {
    for await (const message of first.message) {
      begun = true;
      yield message;
    }
  } catch (error) {
    if (begun || !(await isProved(error))) throw error;
    yield* (await open()).message;
  }
}

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

async function* replay<T>(messages: T[]) {
  yield* messages;
}
