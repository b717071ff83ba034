import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SessionKeeper, type SignedIn, type Tabs } from "./session";

/** The tabs of one browser: a lock manager they share, channels that reach all but the sender. */
class Browser {
  private readonly channels = new Set<BroadcastChannel["onmessage"][]>();
  private readonly queues = new Map<string, Promise<unknown>>();
  private readonly held = new Set<string>();

  tab(): Tabs {
    const handlers: BroadcastChannel["onmessage"][] = [];
    this.channels.add(handlers);
    const others = () => [...this.channels].filter((one) => one !== handlers).flat();
    const channel = {
      set onmessage(handler: BroadcastChannel["onmessage"]) {
        handlers[0] = handler;
      },
      get onmessage() {
        return handlers[0] ?? null;
      },
      postMessage: (data: unknown) => {
        const event = { data: structuredClone(data) } as MessageEvent;
        setTimeout(() => {
          for (const handler of others()) handler?.call(null as never, event);
        });
      },
    };
    return { channel, locks: this.locks as unknown as NonNullable<Tabs["locks"]> };
  }

  private readonly locks = {
    query: async () => ({ held: [...this.held].map((name) => ({ name })) }),
    request: (name: string, second: unknown, third?: unknown) => {
      const work = (third ?? second) as () => Promise<unknown>;
      this.held.add(name);
      // A shared lock has no queue.
      if (third) return work().finally(() => this.held.delete(name));
      const turn = (this.queues.get(name) ?? Promise.resolve()).catch(() => {}).then(work);
      this.queues.set(name, turn);
      return turn;
    },
  };
}

/** A server that lets each refresh token be used once, as ours does. The cookie is the browser's. */
class Server {
  refreshes = 0;
  down = false;
  over = false;
  private busy = false;

  readonly api = {
    refresh: async (): Promise<SignedIn | null> => {
      if (this.busy) this.over = true; // the same cookie twice
      this.busy = true;
      await new Promise((resolve) => setTimeout(resolve, 50));
      this.busy = false;
      if (this.down) throw new Error("unreachable");
      if (this.over) return null;
      return session(`token ${++this.refreshes}`);
    },
    signOut: async () => {
      this.over = true;
    },
  };
}

function session(accessToken: string, lifeMs = 900_000): SignedIn {
  return {
    accountId: 1n,
    userName: "ada",
    email: "",
    emailVerified: true,
    accessToken,
    expiresAtMs: Date.now() + lifeMs,
  };
}

let browser: Browser;
let server: Server;

beforeEach(() => {
  vi.useFakeTimers();
  browser = new Browser();
  server = new Server();
});
afterEach(() => {
  vi.useRealTimers();
});

function openTab(): SessionKeeper {
  return new SessionKeeper(server.api, browser.tab());
}

function tokenOf(keeper: SessionKeeper): string | null {
  const state = keeper.getState();
  return state.status === "signed-in" ? state.session.accessToken : null;
}

describe("a page that opens", () => {
  it("restores the session behind its cookie", async () => {
    const tab = openTab();
    void tab.restore();
    await vi.advanceTimersByTimeAsync(100);
    expect(tokenOf(tab)).toBe("token 1");
  });

  it("is signed out when the cookie is worth nothing", async () => {
    server.over = true;
    const tab = openTab();
    void tab.restore();
    await vi.advanceTimersByTimeAsync(100);
    expect(tab.getState()).toEqual({ status: "signed-out", ended: false });
  });

  it("keeps trying while the server is down, and says so", async () => {
    server.down = true;
    const tab = openTab();
    void tab.restore();
    await vi.advanceTimersByTimeAsync(500);
    expect(tab.getState()).toEqual({ status: "restoring", unreachable: true });
    server.down = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(tokenOf(tab)).toBe("token 1");
  });

  it("takes the session of another tab instead of spending the cookie", async () => {
    const first = openTab();
    first.adopt(session("signed in"));
    const second = openTab();
    void second.restore();
    await vi.advanceTimersByTimeAsync(300);
    expect(tokenOf(second)).toBe("signed in");
    expect(server.refreshes).toBe(0);
  });
});

describe("a refresh", () => {
  it("is one call, however many ask", async () => {
    const tab = openTab();
    tab.adopt(session("old"));
    const answers = Promise.all([tab.refresh("old"), tab.refresh("old"), tab.refresh("old")]);
    await vi.advanceTimersByTimeAsync(200);
    expect((await answers).map((one) => one?.accessToken)).toEqual([
      "token 1",
      "token 1",
      "token 1",
    ]);
    expect(server.refreshes).toBe(1);
  });

  it("never runs in two tabs at once, and reaches the other tab", async () => {
    const [one, other] = [openTab(), openTab()];
    one.adopt(session("old"));
    other.adopt(session("old"));
    void one.refresh("old");
    void other.refresh("old");
    await vi.advanceTimersByTimeAsync(500);
    expect(server.over).toBe(false);
    expect(tokenOf(one)).toBe(tokenOf(other));
    expect(server.refreshes).toBe(1);
  });

  it("happens before a token ends", async () => {
    const tab = openTab();
    tab.adopt(session("old", 100_000));
    await vi.advanceTimersByTimeAsync(90_000);
    expect(tokenOf(tab)).toBe("token 1");
  });

  it("happens before the use of a token that is about to end", async () => {
    const tab = openTab();
    tab.adopt(session("old", 10_000));
    const token = tab.accessToken();
    await vi.advanceTimersByTimeAsync(100);
    expect(await token).toBe("token 1");
  });

  it("that cannot reach the server leaves the session as it is", async () => {
    server.down = true;
    const tab = openTab();
    tab.adopt(session("old"));
    const refresh = expect(tab.refresh("old")).rejects.toThrow("unreachable");
    await vi.advanceTimersByTimeAsync(100);
    await refresh;
    expect(tokenOf(tab)).toBe("old");
  });

  it("ends the session everywhere when the server says it is over", async () => {
    const [one, other] = [openTab(), openTab()];
    one.adopt(session("old"));
    await vi.advanceTimersByTimeAsync(10);
    server.over = true;
    void one.refresh("old");
    await vi.advanceTimersByTimeAsync(200);
    expect(one.getState()).toEqual({ status: "signed-out", ended: true });
    expect(other.getState()).toEqual({ status: "signed-out", ended: true });
  });
});

describe("signing out", () => {
  it("ends the session in every tab", async () => {
    const [one, other] = [openTab(), openTab()];
    one.adopt(session("token"));
    await vi.advanceTimersByTimeAsync(10);
    expect(tokenOf(other)).toBe("token");
    void one.signOut();
    await vi.advanceTimersByTimeAsync(100);
    expect(server.over).toBe(true);
    expect(one.getState().status).toBe("signed-out");
    expect(other.getState().status).toBe("signed-out");
  });
});

describe("closing the account", () => {
  it("is remembered, whatever calls that were on their way find out", async () => {
    const [one, other] = [openTab(), openTab()];
    one.adopt(session("token"));
    await vi.advanceTimersByTimeAsync(10);
    server.over = true;
    const early = one.refresh("token");
    await vi.advanceTimersByTimeAsync(10);
    one.leave(5_000);
    await vi.advanceTimersByTimeAsync(100);
    expect(await early).toBeNull();
    expect(await one.refresh("token")).toBeNull();
    expect(one.getState()).toEqual({ status: "signed-out", ended: false, closedUntilMs: 5_000 });
    expect(other.getState()).toEqual({ status: "signed-out", ended: false });
  });
});
