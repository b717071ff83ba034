import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lead } from "./lead";

/** One lock and one channel, shared by the tabs of a browser. */
class Browser {
  private holder: { done: () => void; lost: (reason: Error) => void } | null = null;
  private readonly waiting: (() => void)[] = [];
  private readonly channels = new Set<Channel>();

  readonly locks = {
    request: (_name: string, options: { steal?: boolean }, work: () => Promise<unknown>) =>
      new Promise<void>((resolve, reject) => {
        const take = () => {
          const mine = { done: resolve, lost: reject };
          this.holder = mine;
          void work().then(() => {
            if (this.holder === mine) this.pass();
            resolve();
          });
        };
        if (options.steal) {
          this.holder?.lost(new DOMException("stolen", "AbortError"));
          take();
        } else if (this.holder) this.waiting.push(take);
        else take();
      }),
  } as unknown as LockManager;

  channel(): Channel {
    const channel: Channel = {
      onmessage: null,
      postMessage: (data) => {
        for (const other of this.channels) {
          if (other !== channel) {
            setTimeout(() => other.onmessage?.call(null as never, { data } as MessageEvent));
          }
        }
      },
      close: () => this.channels.delete(channel),
    };
    this.channels.add(channel);
    return channel;
  }

  private pass(): void {
    this.holder = null;
    this.waiting.shift()?.();
  }
}

type Channel = Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">;

function open(browser: Browser | null) {
  const tab = { leads: false, told: [] as string[], asked: [] as string[], hellos: 0 };
  const lead = new Lead<string, string>({
    name: "chat",
    locks: browser?.locks ?? null,
    channel: browser?.channel() ?? null,
    onLead: () => {
      tab.leads = true;
      return () => {
        tab.leads = false;
      };
    },
    onTold: (told) => tab.told.push(told),
    onAsked: (asked) => tab.asked.push(asked),
    onHello: () => {
      tab.hellos += 1;
      lead.tell("how things stand");
    },
  });
  lead.start();
  return { lead, tab };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the lead", () => {
  it("belongs to one tab, which tells the others", async () => {
    const browser = new Browser();
    const [first, second] = [open(browser), open(browser)];
    await vi.advanceTimersByTimeAsync(10);
    first.lead.tell("a line");
    second.lead.tell("not a leader's words");
    await vi.advanceTimersByTimeAsync(10);
    expect([first.tab.leads, second.tab.leads]).toEqual([true, false]);
    expect(second.tab.told).toEqual(["how things stand", "a line"]);
    expect(first.tab.told).toEqual([]);
  });

  it("hears what any tab asks, its own included", async () => {
    const browser = new Browser();
    const [first, second] = [open(browser), open(browser)];
    await vi.advanceTimersByTimeAsync(10);
    second.lead.ask("from the second");
    first.lead.ask("from the first");
    await vi.advanceTimersByTimeAsync(10);
    expect(first.tab.asked).toEqual(["from the first", "from the second"]);
    expect(second.tab.asked).toEqual([]);
  });

  it("passes on when its tab closes", async () => {
    const browser = new Browser();
    const [first, second] = [open(browser), open(browser)];
    first.lead.stop();
    await vi.advanceTimersByTimeAsync(10);
    expect([first.tab.leads, second.tab.leads]).toEqual([false, true]);
  });

  it("is taken from a tab that fell silent, which then follows", async () => {
    const browser = new Browser();
    const [frozen, looked] = [open(browser), open(browser)];
    await vi.advanceTimersByTimeAsync(70_000);
    expect([frozen.tab.leads, looked.tab.leads]).toEqual([false, true]);
  });

  it("stays with a tab that is heard of", async () => {
    const browser = new Browser();
    const [leader, other] = [open(browser), open(browser)];
    for (let i = 0; i < 10; i++) {
      leader.lead.tell("heartbeat");
      await vi.advanceTimersByTimeAsync(20_000);
    }
    expect([leader.tab.leads, other.tab.leads]).toEqual([true, false]);
  });

  it("is every tab's own where tabs cannot reach each other", () => {
    expect([open(null).tab.leads, open(null).tab.leads]).toEqual([true, true]);
  });
});
