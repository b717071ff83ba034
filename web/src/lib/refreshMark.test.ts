import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { markRefresh } from "./refreshMark";

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a refresh", () => {
  it("starts at once when none is under way, nor was the last one broken off", async () => {
    await markRefresh(async () => "first");
    const refresh = vi.fn(async () => "second");
    void markRefresh(refresh);
    await vi.advanceTimersByTimeAsync(0);
    expect(refresh).toHaveBeenCalledOnce();
  });

  it("lets one that its page left behind finish first", async () => {
    void markRefresh(() => new Promise(() => {})); // the page goes away before the answer
    await vi.advanceTimersByTimeAsync(100);
    const refresh = vi.fn(async () => "next");
    void markRefresh(refresh);
    await vi.advanceTimersByTimeAsync(1_800);
    expect(refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(refresh).toHaveBeenCalledOnce();
  });

  it("that failed without an answer counts as still under way", async () => {
    await expect(markRefresh(() => Promise.reject(new Error("aborted")))).rejects.toThrow();
    const refresh = vi.fn(async () => "next");
    void markRefresh(refresh);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(refresh).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(refresh).toHaveBeenCalledOnce();
  });
});
