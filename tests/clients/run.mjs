// Starts all there is between a model and a client, and runs the tests on it: `node run.mjs [program] [test file…]`.
// The program is Meggy's release binary unless another one is named.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { startModel } from "./model.mjs";
import { startPages } from "./pages.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const [program = join(here, "../../target/release/meggy"), ...chosen] = process.argv.slice(2);
const tests = chosen.length ? chosen : ["sdk.test.mjs", "browser.test.mjs", "proxies.test.mjs"];
const work = await mkdtemp(join(tmpdir(), "meggy-clients-"));
const running = [];
process.env.PATH += ":/usr/sbin"; // Where Debian keeps nginx, out of the way of users.

async function start(name, command, args, { env, cwd = work } = {}) {
  const log = join(work, `${name}.log`);
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const started = { name, child, log };
  started.ended = new Promise((done) => {
    child.on("error", (error) => done((started.end = error.message)));
    child.on("exit", (code, signal) => done((started.end = `ended with ${signal ?? code}`)));
  });
  running.push(started);
  return started;
}

/** The first thing in a program's log that matches. */
async function logged({ name, log, ...started }, pattern) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    const found = pattern.exec(await readFile(log, "utf8").catch(() => ""));
    if (found) return found[0];
  }
  throw new Error(`${name} does not say ${pattern}; its log:\n${await readFile(log, "utf8")}`);
}

/** nginx with nothing but what it needs to start, and the shortest of configurations for a proxy. */
async function startNginx(meggy) {
  const port = await freePort();
  const prefix = join(work, "nginx");
  await mkdir(prefix);
  const own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((what) => `${what}_temp_path ${what};`)
    .join(" ");
  await writeFile(
    join(prefix, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr;
    events {}
    http {
      access_log off; ${own}
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass ${meggy}; }
      }
    }`,
  );
  await start("nginx", process.env.NGINX ?? "nginx", ["-p", prefix, "-c", "nginx.conf", "-e", "stderr"]);
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + 10_000; ; await sleep(50)) {
    if ((await fetch(`${url}/api/health/`).catch(() => null))?.status) return url;
    if (Date.now() > end)
      throw new Error(`nginx does not answer; its log:\n${await readFile(join(work, "nginx.log"), "utf8")}`);
  }
}

/** A site made with Next.js that hands /api/ on to Meggy. Its rewrites are fixed when it is built. */
async function startNext(meggy) {
  const next = join(here, "node_modules/next/dist/bin/next");
  const options = { cwd: join(here, "next-app"), env: { MEGGY_URL: meggy, NEXT_TELEMETRY_DISABLED: "1" } };
  const building = await start("next-build", process.execPath, [next, "build"], options);
  const end = await building.ended;
  if (end !== "ended with 0") throw new Error(`next build ${end}:\n${await readFile(building.log, "utf8")}`);
  const site = await start("next", process.execPath, [next, "start", "-H", "127.0.0.1", "-p", "0"], options);
  return logged(site, /http:\/\/127\.0\.0\.1:\d+/);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function cleanUp() {
  for (const { child, ended } of running.reverse()) {
    child.kill("SIGTERM");
    if ((await Promise.race([ended, sleep(5_000, "late")])) === "late") child.kill("SIGKILL");
  }
  await rm(work, { recursive: true, force: true });
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => cleanUp().finally(() => process.exit(1)));

let failed = true;
const step = (what) => console.log(`--- ${what} (after ${Math.round(performance.now() / 1000)} s)`);
try {
  step("a model, pages and Meggy");
  const model = await startModel();
  const pages = await startPages();
  const server = await start("meggy", resolve(program), ["serve"], {
    env: {
      PORT: "0",
      DEBUG: "False",
      DATABASE_URL: `sqlite:${join(work, "clients.sqlite3")}`,
      JWT_SECRET_KEY: "only for these tests, 32 bytes or more",
      OPENAI_BASE_URL: `${model.url}/v1`,
      OPENAI_API_KEY: "none",
      DEFAULT_LLM_PROVIDER: "openai",
      DEFAULT_MODEL: "scripted",
      CORS_ALLOWED_ORIGINS: pages.url,
    },
  });
  const meggy = (await logged(server, /listening on http:\/\/[0-9.]+:\d+/)).replace("listening on ", "");
  const where = { meggy, model: model.url, pages: pages.url, work };
  if (tests.includes("proxies.test.mjs")) {
    step("nginx and a site made with Next.js");
    where.nginx = await startNginx(meggy);
    where.next = await startNext(meggy);
  }
  step("the tests");
  const suite = spawn(process.execPath, ["--test", "--test-reporter=spec", ...tests.map((test) => join(here, test))], {
    cwd: here,
    env: { ...process.env, CLIENTS_AT: JSON.stringify(where), NO_COLOR: "1" },
    stdio: "inherit",
  });
  running.push({ child: suite, ended: new Promise((done) => suite.on("exit", done)) });
  failed = (await running.at(-1).ended) !== 0;
  const lines = (await readFile(server.log, "utf8")).trimEnd().split("\n");
  const panics = lines.filter((line) => line.includes("panicked"));
  failed ||= server.end !== undefined || panics.length > 0;
  if (failed) {
    if (server.end) console.error(`\nMeggy ${server.end}.`);
    console.error(`\nMeggy's log, its panics and its last lines:\n${[...panics, ...lines.slice(-20)].join("\n")}`);
  }
} catch (error) {
  failed = true;
  console.error(error);
} finally {
  await cleanUp();
}
process.exit(failed ? 1 : 0);
