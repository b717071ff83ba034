/** The reference of the API, drawn from the server's own OpenAPI document. */
import "./docs.css";
import { byId } from "./dom";
import type { Document } from "./openapi";
import { indexList, introduction, serviceSection } from "./render";

// --- night and day: the key is that of lib/theme.ts and public/theme.js ---

const MODE_KEY = "waystone.mode";
const mode = byId<HTMLButtonElement>("mode");

function showMode(): void {
  const other = document.documentElement.dataset.mode === "day" ? "night" : "day";
  mode.textContent = `Show ${other}`;
}

mode.addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.mode = root.dataset.mode === "day" ? "night" : "day";
  try {
    localStorage.setItem(MODE_KEY, root.dataset.mode);
  } catch {
    // Storage can be forbidden; the choice lasts as long as the page.
  }
  showMode();
});
showMode();

// --- the index ---

const find = byId<HTMLInputElement>("find");

function narrow(): void {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const article of document.querySelectorAll<HTMLElement>("article[data-name]")) {
    const name = article.dataset.name ?? "";
    article.hidden = !words.every((word) => name.includes(word));
    if (!article.hidden) shown += 1;
    const way = document.querySelector(`#ways a[href="#${CSS.escape(article.id)}"]`);
    way?.parentElement?.toggleAttribute("hidden", article.hidden);
  }
  for (const section of document.querySelectorAll<HTMLElement>("main > section[id]")) {
    const empty = !section.querySelector("article[data-name]:not([hidden])");
    section.hidden = empty;
    document
      .querySelector(`#ways a[href="#${CSS.escape(section.id)}"]`)
      ?.parentElement?.toggleAttribute("hidden", empty);
  }
  for (const types of document.querySelectorAll<HTMLElement>(".types"))
    types.hidden = words.length > 0;
  byId("found").textContent =
    words.length === 0 ? "" : `${shown} ${shown === 1 ? "method" : "methods"}`;
}

find.addEventListener("input", narrow);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  byId<HTMLDetailsElement>("index").open = true;
  find.focus();
});

/** On phones the index is a sheet above the methods: closed at first, and once one is chosen. */
const narrowScreen = matchMedia("(max-width: 60rem)");
const index = byId<HTMLDetailsElement>("index");
index.open = !narrowScreen.matches;
narrowScreen.addEventListener("change", () => {
  index.open = !narrowScreen.matches;
});

function followHash(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) {
    find.value = "";
    narrow();
  }
  target.scrollIntoView();
}

byId("ways").addEventListener("click", (event) => {
  if (narrowScreen.matches && event.target instanceof HTMLAnchorElement) index.open = false;
});
addEventListener("hashchange", followHash);

/** Marks in the index what is being read. */
function watchReading(): void {
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const way = document.querySelector(`#ways a[href="#${CSS.escape(entry.target.id)}"]`);
        if (entry.isIntersecting) way?.setAttribute("aria-current", "location");
        else way?.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-20% 0px -70%" },
  );
  for (const article of document.querySelectorAll("article[data-name]")) watcher.observe(article);
}

// --- the whole ---

async function draw(): Promise<void> {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`the server answered with status ${answer.status}`);
  const api: Document = await answer.json();
  const main = byId("reference");
  byId("version").textContent = api.info.version;
  byId("ways").append(...indexList(api));
  main.replaceChildren(introduction(api), ...api.tags.map((tag) => serviceSection(api, tag)));
  main.removeAttribute("aria-busy");
  watchReading();
  followHash();
}

draw().catch((error: unknown) => {
  const notice = byId("notice");
  notice.textContent = `The API's document could not be read (${
    error instanceof Error ? error.message : error
  }). Load the page again; /openapi.json has it as it is.`;
  byId("reference").removeAttribute("aria-busy");
});
