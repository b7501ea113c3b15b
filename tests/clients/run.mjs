// Starts all there is between a model and a client, and runs the tests on it: `node run.mjs [program] [test file…]`.
// The program is Meggy's release binary unless another one is named.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startModel } from "./model.mjs";
import { startPages } from "./pages.mjs";
import { startMeggy, startNext, startNginx, startShippedNginx, stopAll } from "./programs.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const [program = join(here, "../../target/release/meggy"), ...chosen] = process.argv.slice(2);
const all = ["sdk", "endings", "typed", "docs", "browser", "admin", "proxies"].map((name) => `${name}.test.mjs`);
const tests = chosen.length ? chosen : all;
const step = (what) => console.log(`--- ${what} (after ${Math.round(performance.now() / 1000)} s)`);

const work = await mkdtemp(join(tmpdir(), "meggy-clients-"));
let suite;
async function cleanUp() {
  suite?.kill();
  await stopAll();
  await rm(work, { recursive: true, force: true });
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => cleanUp().finally(() => process.exit(1)));

let passed = false;
try {
  step("a model, pages and Meggy");
  const [model, pages] = [await startModel(), await startPages()];
  const meggy = await startMeggy(resolve(program), {
    work,
    model: model.url,
    env: { CORS_ALLOWED_ORIGINS: pages.url },
  });
  const at = { meggy: meggy.url, model: model.url, pages: pages.url, program: resolve(program), work };
  if (tests.includes("proxies.test.mjs")) {
    step("nginx and a site made with Next.js");
    at.nginx = await startNginx(meggy.url, { work });
    at.shippedNginx = await startShippedNginx(meggy.url, { work });
    at.next = await startNext(meggy.url, { work });
  }
  step("the tests");
  suite = spawn(process.execPath, ["--test", "--test-reporter=spec", ...tests.map((test) => join(here, test))], {
    env: { ...process.env, CLIENTS_AT: JSON.stringify(at), NO_COLOR: "1" },
    stdio: "inherit",
  });
  passed = (await new Promise((done) => suite.on("exit", done))) === 0;

  const log = (await meggy.said()).trimEnd().split("\n");
  const odd = log.filter((line) => /panicked|"level":"ERROR"/.test(line));
  if (odd.length || meggy.end) passed = false;
  if (!passed) {
    const last = log.slice(-20);
    console.error(
      ["", `Meggy ${meggy.end ?? "still runs"}; it said, last:`, ...last, "and, oddly:", ...odd].join("\n"),
    );
  }
  step(passed ? "all passed" : "FAILED");
} catch (error) {
  console.error(error);
} finally {
  await cleanUp();
}
process.exit(passed ? 0 : 1);
