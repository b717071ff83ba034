import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Connection, Follower, pauseMs, SILENCE_MS, type StreamEvent } from "./follower";

type Event = StreamEvent<number>;

/** A server whose streams are scripts: each event, "end" or an error; after that, silence. */
class Server {
  readonly opened: AbortSignal[] = [];
  constructor(private readonly scripts: (Event | "end" | Error)[][]) {}

  open = async function* (this: Server, signal: AbortSignal): AsyncGenerator<Event> {
    this.opened.push(signal);
    for (const step of this.scripts.shift() ?? []) {
      if (step === "end") return;
      if (step instanceof Error) throw step;
      yield step;
    }
    await new Promise((_, reject) => signal.addEventListener("abort", reject));
  }.bind(this);
}

const caughtUp: Event = { kind: "caught-up" };

function follow(server: Server) {
  const connections: Connection["kind"][] = [];
  const items: number[] = [];
  const follower = new Follower<number>({
    open: server.open,
    onEvent: (event) => event.kind === "item" && items.push(event.item),
    onConnection: (connection) => connections.push(connection.kind),
  });
  follower.start();
  return { follower, connections, items };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a follower", () => {
  it("is live once caught up, and hands every item on", async () => {
    const { follower, connections, items } = follow(
      new Server([[{ kind: "item", item: 4 }, caughtUp]]),
    );
    await vi.advanceTimersByTimeAsync(10);
    expect(items).toEqual([4]);
    expect(connections).toEqual(["catching-up", "live"]);
    follower.stop();
  });

  it("comes back when a stream ends, without calling that an outage", async () => {
    const server = new Server([[caughtUp, "end"], [caughtUp]]);
    const { follower, connections } = follow(server);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.opened).toHaveLength(2);
    expect(connections).toEqual(["catching-up", "live", "catching-up", "live"]);
    follower.stop();
  });

  it("is offline when coming back fails, and live again when it works", async () => {
    const down = new Error("down");
    const { follower, connections } = follow(
      new Server([[caughtUp, "end"], [down], [down], [caughtUp]]),
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(connections).toContain("offline");
    expect(connections.at(-1)).toBe("live");
    follower.stop();
  });

  it("gives up a stream that fell silent", async () => {
    const server = new Server([[caughtUp], [caughtUp]]);
    const { follower } = follow(server);
    await vi.advanceTimersByTimeAsync(SILENCE_MS - 100);
    expect(server.opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.opened[0]?.aborted).toBe(true);
    expect(server.opened).toHaveLength(2);
    follower.stop();
  });

  it("leaves a stream alone that was heard lately, and replaces a stale one when nudged", async () => {
    const server = new Server([[caughtUp], [caughtUp]]);
    const { follower } = follow(server);
    await vi.advanceTimersByTimeAsync(5_000);
    follower.nudge();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(25_000);
    follower.nudge();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.opened).toHaveLength(2);
    follower.stop();
  });

  it("opens nothing after it was stopped", async () => {
    const server = new Server([["end"], [caughtUp]]);
    const { follower } = follow(server);
    await vi.advanceTimersByTimeAsync(1);
    follower.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.opened).toHaveLength(1);
  });
});

describe("the pause before another attempt", () => {
  it("doubles, stays bounded, and is never nothing", () => {
    expect(pauseMs(0, 0)).toBe(250);
    expect(pauseMs(0, 1)).toBe(500);
    expect(pauseMs(3, 1)).toBe(4_000);
    expect(pauseMs(1_000, 1)).toBe(20_000);
  });
});
