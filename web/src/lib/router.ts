/**
 * Addresses and what they show. Parts of the page load when they are first needed; what is on the
 * screen stays until all of the next place can be drawn. Nothing here knows React but its types.
 */
import type { ComponentType } from "react";

/** A part of the page, loaded when it is first needed. */
export class Part {
  loaded: ComponentType | null = null;
  private loading: Promise<ComponentType> | null = null;

  constructor(private readonly ask: () => Promise<ComponentType>) {}

  /** Rejects when it cannot be loaded; calling it again tries again. */
  load(): Promise<ComponentType> {
    this.loading ??= this.ask().then(
      (component) => {
        this.loaded = component;
        return component;
      },
      (error) => {
        this.loading = null;
        throw error;
      },
    );
    return this.loading;
  }
}

export type Row = {
  /** Whom the place is for; others are sent to where they belong. */
  readonly who: "members" | "guests" | "all";
  /** From the frame inwards. */
  readonly parts: readonly Part[];
};

export type Place = {
  path: string;
  search: URLSearchParams;
  /** With its `#`, or empty. */
  hash: string;
  /** "lost": no such address; "broken": its parts could not be loaded. */
  state: "found" | "lost" | "broken";
  parts: readonly ComponentType[];
};

export type Way<Path extends string = string> = {
  /** Left out, the place stays and its search and hash are set. */
  to?: Path;
  search?: Readonly<Record<string, string>>;
  /** Takes the place of the newest entry of the history. */
  replace?: boolean;
};

/** What a router needs of the window. */
type Browser = Pick<Window, "location" | "history" | "addEventListener">;

type RouterOptions<Path extends string> = {
  rows: Readonly<Record<Path, Row>>;
  /** Null while that is not known yet: then nothing is shown. */
  isMember: () => boolean | null;
  home: { members: Path; guests: Path };
  browser: Browser;
};

export class Router<Path extends string> {
  private place: Place | null = null;
  private readonly listeners = new Set<() => void>();
  private going = 0;

  constructor(private readonly options: RouterOptions<Path>) {
    options.browser.addEventListener("popstate", () => void this.arrive());
  }

  /** Null until the first place can be drawn. */
  getPlace = (): Place | null => this.place;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Resolves once the place is on the screen, or another one was asked for meanwhile. */
  go = (way: Way<Path>): Promise<void> => {
    const { history } = this.options.browser;
    const href = this.hrefOf(way);
    if (way.replace) history.replaceState(null, "", href);
    else history.pushState(null, "", href);
    return this.arrive();
  };

  hrefOf = ({ to, search = {} }: Way<Path>): string => {
    const words = new URLSearchParams(search).toString();
    return (to ?? this.options.browser.location.pathname) + (words && `?${words}`);
  };

  /** Loads what a place needs, for somebody who is likely to go there. */
  prepare = (to: Path): void => {
    // Going there tries again and tells about a failure.
    for (const part of this.options.rows[to].parts) void part.load().catch(() => {});
  };

  /** Shows what the address says to whoever is there now. */
  async arrive(): Promise<void> {
    this.going += 1;
    const going = this.going;
    const member = this.options.isMember();
    if (member === null) return;
    const { pathname, search, hash } = this.options.browser.location;
    const row = this.rowAt(pathname);
    if (pathname === "/" || (row && row.who !== "all" && (row.who === "members") !== member)) {
      return this.go({ to: this.options.home[member ? "members" : "guests"], replace: true });
    }
    const place = { path: pathname, search: new URLSearchParams(search), hash };
    if (!row) return this.show({ ...place, state: "lost", parts: [] });
    // At once where everything is there: a promise would cost a frame.
    const loaded = row.parts.flatMap((part) => part.loaded ?? []);
    if (loaded.length === row.parts.length) {
      return this.show({ ...place, state: "found", parts: loaded });
    }
    try {
      const parts = await Promise.all(row.parts.map((part) => part.load()));
      if (going === this.going) this.show({ ...place, state: "found", parts });
    } catch {
      if (going === this.going) this.show({ ...place, state: "broken", parts: [] });
    }
  }

  private rowAt(path: string): Row | undefined {
    const { rows } = this.options;
    return Object.hasOwn(rows, path) ? rows[path as Path] : undefined;
  }

  private show(place: Place): void {
    this.place = place;
    for (const listener of this.listeners) listener();
  }
}
