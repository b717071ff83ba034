/**
 * Who is signed in, for every tab of this browser.
 *
 * The access token lives in this object's memory and nowhere else. The refresh token is an HttpOnly
 * cookie no script can see; it can be used once, and using it twice ends the session. So one tab at
 * a time refreshes, under a lock of the whole browser, and tells the others what it got.
 *
 * Nothing here knows React or the wire: `api` does the calls, and tests give their own.
 */

/** A session as the client keeps it. Plain data: it travels between tabs. */
export type SignedIn = {
  accountId: bigint;
  userName: string;
  email: string;
  emailVerified: boolean;
  accessToken: string;
  /** On this machine's clock, in milliseconds. */
  expiresAtMs: number;
};

export type SessionState =
  | { status: "restoring"; unreachable: boolean }
  /**
   * `ended`: the server ended a session somebody was using, and they should be told.
   * `closedUntilMs`: they closed the account, which can be opened again until then.
   */
  | { status: "signed-out"; ended: boolean; closedUntilMs?: number | undefined }
  | { status: "signed-in"; session: SignedIn };

/** The calls a keeper makes. `refresh` answers null when the server says the session is over. */
export type SessionApi = {
  refresh: () => Promise<SignedIn | null>;
  signOut: (accessToken: string) => Promise<void>;
};

/** How tabs reach each other; `null` parts are missing in old browsers and insecure contexts. */
export type Tabs = {
  channel: Pick<BroadcastChannel, "postMessage" | "onmessage"> | null;
  locks: Pick<LockManager, "request" | "query"> | null;
};

type TabMessage =
  | { kind: "session"; session: SignedIn }
  | { kind: "signed-out"; ended: boolean }
  | { kind: "ask" };

const REFRESH_LOCK = "waystone-refresh";
const PRESENCE_LOCK = "waystone-signed-in";
/** How long another tab may take to tell its session before we refresh ourselves. */
const ASK_MS = 250;
/** A token this close to its end is renewed before it is used. */
const MARGIN_MS = 20_000;
/** After waiting for the lock: time for the news of the tab that held it to arrive. */
const NEWS_MS = 40;
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 15_000;

export function browserTabs(): Tabs {
  return {
    channel:
      typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("waystone-session"),
    locks: navigator.locks ?? null,
  };
}

export class SessionKeeper {
  private state: SessionState = { status: "restoring", unreachable: false };
  private readonly listeners = new Set<() => void>();
  private refreshing: Promise<SignedIn | null> | null = null;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private leavePresence: (() => void) | null = null;

  constructor(
    private readonly api: SessionApi,
    private readonly tabs: Tabs,
  ) {
    if (tabs.channel) tabs.channel.onmessage = (event) => this.hear(event.data as TabMessage);
  }

  getState = (): SessionState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Finds out whether the browser still holds a session. Keeps trying while nobody answers. */
  async restore(): Promise<void> {
    if (await this.askOtherTabs()) return;
    for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MOST_MS)) {
      try {
        await this.refresh();
        return;
      } catch {
        if (this.state.status !== "restoring") return;
        this.change({ status: "restoring", unreachable: true });
        await sleep(wait);
      }
    }
  }

  /** Takes the session a sign-in or a registration gave. */
  adopt(session: SignedIn): void {
    this.take(session);
    this.tell({ kind: "session", session });
  }

  /** The token for the next call, renewed first when it is about to end; null when signed out. */
  async accessToken(): Promise<string | null> {
    if (this.state.status === "restoring") await this.settled();
    if (this.state.status !== "signed-in") return null;
    const { session } = this.state;
    if (session.expiresAtMs - Date.now() > MARGIN_MS) return session.accessToken;
    return (await this.refresh(session.accessToken))?.accessToken ?? null;
  }

  /**
   * Buys a new pair of tokens and answers the session, or null when it is over.
   *
   * `worn` is the token that no longer works. If the session already holds another one by the time
   * the lock is ours, somebody else refreshed, and there is nothing to do. Rejects when the server
   * cannot be reached; the session then stays as it is.
   */
  refresh(worn?: string): Promise<SignedIn | null> {
    this.refreshing ??= this.refreshLocked(worn).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  async signOut(): Promise<void> {
    if (this.state.status !== "signed-in") return;
    const token = await this.accessToken();
    if (token) await this.api.signOut(token);
    this.end(false);
  }

  /** The account was closed, and its sessions with it. */
  leave(closedUntilMs: number): void {
    this.change({ status: "signed-out", ended: false, closedUntilMs });
    this.tell({ kind: "signed-out", ended: false });
  }

  private async refreshLocked(worn: string | undefined): Promise<SignedIn | null> {
    const askedAtMs = Date.now();
    const run = async () => {
      if (Date.now() - askedAtMs > 5) await sleep(NEWS_MS);
      const current = this.state.status === "signed-in" ? this.state.session : null;
      if (worn !== undefined && current?.accessToken !== worn) return current;

      const session = await this.api.refresh();
      if (session) this.adopt(session);
      else this.end(current !== null);
      return session;
    };
    return this.tabs.locks ? this.tabs.locks.request(REFRESH_LOCK, run) : run();
  }

  /** True if another tab gave us its session: cheaper than a refresh, and leaves the cookie alone. */
  private async askOtherTabs(): Promise<boolean> {
    if (!this.tabs.channel || !this.tabs.locks) return false;
    const { held = [] } = await this.tabs.locks.query();
    if (!held.some((lock) => lock.name === PRESENCE_LOCK)) return false;

    this.tell({ kind: "ask" });
    await Promise.race([this.settled(), sleep(ASK_MS)]);
    return this.state.status === "signed-in";
  }

  private hear(message: TabMessage): void {
    if (message.kind === "session") this.take(message.session);
    else if (message.kind === "signed-out") {
      if (this.state.status === "signed-out") return;
      this.change({ status: "signed-out", ended: message.ended });
    } else if (this.state.status === "signed-in") {
      this.tell({ kind: "session", session: this.state.session });
    }
  }

  private take(session: SignedIn): void {
    this.change({ status: "signed-in", session });
  }

  private end(ended: boolean): void {
    // How it ended first is what counts: calls that were on their way only find that it is over.
    if (this.state.status === "signed-out") return;
    this.change({ status: "signed-out", ended });
    this.tell({ kind: "signed-out", ended });
  }

  private tell(message: TabMessage): void {
    this.tabs.channel?.postMessage(message);
  }

  private change(state: SessionState): void {
    this.state = state;
    this.planRenewal();
    this.showPresence();
    for (const listener of this.listeners) listener();
  }

  /** Renews at four fifths of the token's life; a little chance keeps tabs from doing it at once. */
  private planRenewal(): void {
    clearTimeout(this.renewal);
    if (this.state.status !== "signed-in") return;
    const { accessToken, expiresAtMs } = this.state.session;
    const left = Math.max(0, expiresAtMs - Date.now());
    this.renewal = setTimeout(
      () => void this.refresh(accessToken).catch(() => this.planRetry()),
      left * (0.75 + Math.random() * 0.1),
    );
  }

  private planRetry(): void {
    this.renewal = setTimeout(() => this.planRenewal(), RETRY_MOST_MS);
  }

  /** A shared lock, held while signed in: a new tab sees by it that there is somebody to ask. */
  private showPresence(): void {
    const signedIn = this.state.status === "signed-in";
    if (signedIn && !this.leavePresence && this.tabs.locks) {
      const gone = new Promise<void>((resolve) => {
        this.leavePresence = resolve;
      });
      void this.tabs.locks.request(PRESENCE_LOCK, { mode: "shared" }, () => gone);
    } else if (!signedIn && this.leavePresence) {
      this.leavePresence();
      this.leavePresence = null;
    }
  }

  private settled(): Promise<void> {
    if (this.state.status !== "restoring") return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.subscribe(() => {
        if (this.state.status === "restoring") return;
        stop();
        resolve();
      });
    });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
