import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import compileMessage from "icu-minify/compile";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds a running server; every call of a waystone service goes there.
const SERVER = process.env.WAYSTONE_SERVER ?? "http://127.0.0.1:8080";

/** Lets the browser fetch the typefaces while it still reads the style sheet: two, and the reference's mono. */
function preloadFonts(): Plugin {
  return {
    name: "waystone-preload-fonts",
    transformIndexHtml: {
      order: "post",
      handler: (_html, { bundle, path }) =>
        Object.keys(bundle ?? {})
          .filter((file) => file.endsWith(".woff2"))
          .filter((file) => path === "/docs.html" || !file.includes("mono"))
          .map((file) => ({
            tag: "link",
            injectTo: "head",
            attrs: {
              rel: "preload",
              href: `/${file}`,
              as: "font",
              type: "font/woff2",
              crossorigin: "",
            },
          })),
    },
  };
}

/** What the first screens share; the rest loads with the parts of the page that need it. */
const FIRST =
  /node_modules\/(?!virtua|uqr)|src\/(gen\/(google|waystone\/(auth\/v1\/auth_|character))|components\/(Button|Field|Icon|Notice|Plate|Seal)|lib\/(?!passkeys|rules|useAct|useForm|useWrongText)\w+\.)/;

type Messages = { [key: string]: string | Messages };

/** Parses the catalogue's ICU messages now, so that the parser (10 KB) stays out of the page. */
function compileMessages(): Plugin {
  const compiled = (messages: Messages): object =>
    Object.fromEntries(
      Object.entries(messages).map(([key, message]) => [
        key,
        typeof message === "string" ? compileMessage(message) : compiled(message),
      ]),
    );
  return {
    name: "waystone-compile-messages",
    enforce: "pre",
    transform: {
      filter: { id: /\/src\/messages\/[\w.]+\.json$/ },
      handler: (code) => JSON.stringify(compiled(JSON.parse(code))),
    },
  };
}

/**
 * Leaves protobuf's JSON codec (6 KB) out of the built page: every call is made in binary. What
 * reaches for it all the same fails with a sentence that leads here.
 */
function leaveOutJson(): Plugin {
  const names = {
    from: ["fromJson", "fromJsonString", "mergeFromJson", "mergeFromJsonString", "enumFromJson"],
    to: ["toJson", "toJsonString", "enumToJson"],
  };
  return {
    name: "waystone-leave-out-json",
    apply: "build",
    load: {
      filter: { id: /@bufbuild\/protobuf\/dist\/esm\/(from|to)-json\.js$/ },
      handler: (id) =>
        [...names[id.endsWith("from-json.js") ? "from" : "to"], "isEnumJson"]
          .map((name) => `export function ${name}() { throw new Error("built without JSON"); }`)
          .join("\n"),
    },
  };
}

export default defineConfig({
  plugins: [compileMessages(), leaveOutJson(), react(), tailwindcss(), preloadFonts()],
  resolve: {
    alias: {
      "@": fileURLToPath(new URL("./src", import.meta.url)),
      "use-intl/format-message": "use-intl/format-message/format-only",
    },
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false }, // every browser with @property and <dialog> knows it
    // Everything stays a file: the content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    manifest: "manifest.json", // for scripts/budget.mjs, which removes it
    rolldownOptions: {
      input: ["index.html", "docs.html"],
      // What several screens share is one file: many small ones compress worse and cost requests.
      output: {
        codeSplitting: {
          groups: [{ name: "shared", minShareCount: 3, test: FIRST }],
        },
      },
    },
  },
  server: { proxy: { "^/waystone\\.": { target: SERVER } } },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    css: true,
  },
});
