// Generates gen/ from api/ and from the suites' interfaces with stock protoc and protoc-gen-es.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const api = join(here, "../../../api");
const conformance = join(here, "../../conformance");

function schemas(folder) {
  return readdirSync(folder, { recursive: true }).filter(
    (file) =>
      file.endsWith(".proto") &&
      !file.startsWith("google/protobuf/") &&
      !file.includes("node_modules/"), // a suite's packages bring schemas of their own
  );
}

rmSync(join(here, "gen"), { recursive: true, force: true });
mkdirSync(join(here, "gen"));
execFileSync(
  "protoc",
  [
    `-I${api}`,
    `-I${conformance}`,
    "-I/usr/include",
    `--plugin=protoc-gen-es=${join(here, "node_modules/.bin/protoc-gen-es")}`,
    `--es_out=${join(here, "gen")}`,
    "--es_opt=target=js,import_extension=js",
    ...schemas(api),
    ...schemas(conformance),
  ],
  { stdio: "inherit" },
);
