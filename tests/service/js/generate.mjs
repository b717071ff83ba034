// Generates gen/ from api/ with stock protoc and protoc-gen-es.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const api = join(here, "../../../api");
const files = readdirSync(api, { recursive: true }).filter(
  (file) => file.endsWith(".proto") && !file.startsWith("google/protobuf/"),
);

rmSync(join(here, "gen"), { recursive: true, force: true });
mkdirSync(join(here, "gen"));
execFileSync(
  "protoc",
  [
    `-I${api}`,
    "-I/usr/include",
    `--plugin=protoc-gen-es=${join(here, "node_modules/.bin/protoc-gen-es")}`,
    `--es_out=${join(here, "gen")}`,
    "--es_opt=target=js,import_extension=js",
    ...files,
  ],
  { stdio: "inherit" },
);
