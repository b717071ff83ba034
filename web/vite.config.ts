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

/** What every screen inside the frame has beside these. */
const INSIDE =
  /src\/(app\/(Rail|You|ConnectionLine|inside)|lib\/(ahead|role|useMedia|useAct)|components\/(Catalogue|Glyph)|features\/(characters\/(calls|house|names)|chat\/channels))\./;

/** What follows on all of them: the event stream and those who hear it. */
const STREAM =
  /src\/(lib\/live\/|features\/(chat\/(calls|log|presence|store)|notices\/(notices|store))\.|gen\/waystone\/(event|live|notification|presence)\/)/;

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
    from: [
      "fromJson",
      "fromJsonString",
      "mergeFromJson",
      "mergeFromJsonString",
      "enumFromJson",
      "isEnumJson",
    ],
    to: ["toJson", "toJsonString", "enumToJson"],
  };
  return {
    name: "waystone-leave-out-json",
    apply: "build",
    load: {
      filter: { id: /@bufbuild\/protobuf\/dist\/esm\/(from|to)-json\.js$/ },
      handler: (id) =>
        names[id.endsWith("from-json.js") ? "from" : "to"]
          .map((name) => `export function ${name}() { throw new Error("built without JSON"); }`)
          .join("\n"),
    },
  };
}

type BootMessage = {
  name: string;
  field?: { name: string }[];
  nestedType?: unknown;
  enumType?: unknown;
};

/** Fields of the options that reading a descriptor looks at; the schema's own options stay out anyway. */
const OPTIONS_READ: Partial<Record<string, string[]>> = {
  MessageOptions: ["map_entry"],
  FieldOptions: ["packed"],
  MethodOptions: ["idempotency_level"],
};

/**
 * Of the description of descriptors, leaves out what no descriptor of ours has (4 KB): options,
 * features of editions, positions in sources. They would stay unread as unknown fields.
 */
function trimDescriptors(): Plugin {
  const kept = /^(File|Field|Oneof|Enum|EnumValue|Service|Method|)DescriptorProto$/;
  const trimmed = (message: BootMessage): BootMessage => {
    if (kept.test(message.name)) {
      const field = message.field?.filter(({ name }) => name !== "source_code_info");
      return { ...message, ...(field && { field }) };
    }
    const read = OPTIONS_READ[message.name] ?? [];
    const field = message.field?.filter(({ name }) => read.includes(name)) ?? [];
    return { name: message.name, field, ...(field.length > 0 && { enumType: message.enumType }) };
  };
  return {
    name: "waystone-trim-descriptors",
    apply: "build",
    transform: {
      filter: { id: /@bufbuild\/protobuf\/dist\/esm\/wkt\/google\/protobuf\/descriptor_pb\.js$/ },
      handler: (code) => {
        const found = /\bboot\((\{.*\})\);$/m.exec(code);
        if (!found?.[1]) throw new Error("the description of descriptors has another form now");
        const file = JSON.parse(found[1]) as { messageType: BootMessage[] };
        const messageType = file.messageType.map(trimmed);
        return code.replace(found[1], () => JSON.stringify({ ...file, messageType }));
      },
    },
  };
}

export default defineConfig({
  plugins: [
    compileMessages(),
    leaveOutJson(),
    trimDescriptors(),
    react(),
    tailwindcss(),
    preloadFonts(),
  ],
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
          groups: [
            { name: "shared", minShareCount: 3, test: FIRST, priority: 1 },
            { name: "inside", test: INSIDE },
            { name: "stream", test: STREAM, includeDependenciesRecursively: false },
          ],
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
