// A client in TypeScript whose types are made of the API's document: it compiles, strictly, and does the main job.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { at } from "./support.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const run = promisify(execFile);

test("the main job, typed", async () => {
  const folder = join(at.work, "typed");
  const tool = (name, ...args) => run(join(here, "node_modules/.bin", name), args, { cwd: folder });
  await mkdir(folder);
  await symlink(join(here, "node_modules"), join(folder, "node_modules"));
  for (const file of ["main.ts", "tsconfig.json"]) await copyFile(join(here, "typed", file), join(folder, file));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');

  await tool("openapi-typescript", `${at.meggy}/api/openapi.json`, "--output", "api.d.ts");
  await tool("tsc", "--project", ".").catch(({ stdout }) => assert.fail(stdout));
  assert.match(await readFile(join(folder, "api.d.ts"), "utf8"), /"\/api\/conversations\/\{id\}\/send_message\/"/);
  const { stdout } = await run(process.execPath, ["main.js", at.meggy], { cwd: folder });
  assert.equal(JSON.parse(stdout).said.length, 2);
});
