// Sets mode and faction on <html> before the first paint, so that no page flashes in the wrong
// colours. A file of its own, not inline: the content security policy allows no inline script.
// The keys are those of src/lib/theme.ts.
(() => {
  const root = document.documentElement;
  try {
    let mode = localStorage.getItem("waystone.mode");
    if (mode !== "night" && mode !== "day") {
      mode = matchMedia("(prefers-color-scheme: light)").matches ? "day" : "night";
    }
    root.dataset.mode = mode;
    root.dataset.faction = localStorage.getItem("waystone.faction") || "none";
  } catch (_) {
    // Storage can be forbidden; the defaults of index.html stand.
  }
})();
