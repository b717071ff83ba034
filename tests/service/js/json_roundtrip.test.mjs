// Random messages against @bufbuild/protobuf: the same ones in every run, and new ones whose seed
// is printed. Again with: node --test with WAYSTONE_TEST_SEED=SEED.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const COUNT = 800;
const FIXED_SEED = 1;
const TIMEOUT_MS = 60000;

const root = fileURLToPath(new URL("../../../", import.meta.url));
const tool = join(dirname(process.env.WAYSTONE_TEST_SERVER), "tests/unit/protocol/codec-tool");
const fresh = Number(process.env.WAYSTONE_TEST_SEED ?? 2 + Math.floor(Math.random() * 1e9));

for (const seed of [FIXED_SEED, fresh]) {
  test(`${COUNT} random messages through JSON and binary, seed ${seed}`, async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(root, "tests/service/json_roundtrip.mjs"),
        tool,
        join(root, "tests/unit/protocol"),
        String(COUNT),
        String(seed),
      ],
      { timeout: TIMEOUT_MS },
    );
    assert.equal(stdout, `${2 * COUNT} comparisons, all equal\n`);
  });
}
