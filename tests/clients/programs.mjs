// Starts the programs between a model and a client, keeps what they say in files, and ends them.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

const here = fileURLToPath(new URL(".", import.meta.url));
const PATH = `${process.env.PATH}:/usr/sbin`; // Debian keeps nginx there, out of the way of users.
const running = new Set();

async function start(name, command, args, { cwd, env, work }) {
  await mkdir(work, { recursive: true });
  const log = createWriteStream(join(work, `${name}.log`));
  const child = spawn(command, args, { cwd, env: { ...process.env, PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  for (const said of [child.stdout, child.stderr]) said.pipe(log, { end: false });
  const program = { name, child, end: null, said: () => readFile(log.path, "utf8").catch(() => "") };
  program.ended = new Promise((done) => {
    const end = (how) => {
      program.end = how;
      running.delete(program);
      done(how);
    };
    child.on("error", (error) => end(`cannot be started: ${error.message}`));
    child.on("exit", (code, signal) => end(`ended with ${signal ?? code}`));
  });
  running.add(program);
  return program;
}

/** Waits until a program has said something. */
async function heard(program, pattern) {
  for (const end = Date.now() + 30_000; Date.now() < end && !program.end; await sleep(50)) {
    const found = pattern.exec(await program.said());
    if (found) return found[1];
  }
  throw new Error(`${program.name} ${program.end ?? `does not say ${pattern}`}; it said:\n${await program.said()}`);
}

/** Ends a program, and waits for it. */
export async function stop(program, signal = "SIGTERM") {
  program.child.kill(signal);
  if ((await Promise.race([program.ended, sleep(10_000, "late", { ref: false })])) === "late")
    program.child.kill("SIGKILL");
  return program.ended;
}
export const stopAll = () => Promise.all([...running].map((program) => stop(program)));

/** Meggy on a SQLite file in `work`, with everything that is not set here as it is by default. */
export async function startMeggy(path, { work, model, env }) {
  const program = await start("meggy", path, ["serve"], {
    work,
    cwd: work,
    env: {
      PORT: "0",
      DEBUG: "False",
      DATABASE_URL: `sqlite:${join(work, "clients.sqlite3")}`,
      JWT_SECRET_KEY: "only for these tests, 32 bytes or more",
      OPENAI_BASE_URL: `${model}/v1`,
      OPENAI_API_KEY: "none",
      DEFAULT_LLM_PROVIDER: "openai",
      DEFAULT_MODEL: "scripted",
      ...env,
    },
  });
  return Object.assign(program, { url: await heard(program, /listening on (http:\/\/[0-9.]+:\d+)/) });
}

/** nginx with the shortest of configurations for a proxy. */
export const startNginx = (meggy, { work }) =>
  serveWithNginx("nginx", (port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass ${meggy}; } }`, { work });

/** nginx as docs/deploy/ has it, but for the names of hosts and certificates: the second replica is down. */
export async function startShippedNginx(meggy, { work }) {
  const shipped = await readFile(join(here, "../../docs/deploy/nginx.conf"), "utf8");
  const replicas = { "app1:8000": new URL(meggy).host, "app2:8000": `127.0.0.1:${await freePort()}` };
  return serveWithNginx(
    "shipped-nginx",
    (port) =>
      Object.entries(replicas)
        .reduce((text, [name, host]) => text.replace(name, host), shipped)
        .replace("listen 80;", `listen 127.0.0.1:${port};`)
        .replace(/^ *(listen 443|ssl_certificate).*$/gm, ""),
    { work },
  );
}

/** nginx with nothing but what it needs to start, and the server that `configure` describes. */
async function serveWithNginx(name, configure, { work }) {
  const port = await freePort();
  const prefix = join(work, name);
  await mkdir(prefix, { recursive: true });
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) => `${what}_temp_path ${what};`);
  await writeFile(
    join(prefix, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr notice;
    events {}
    http {
      access_log off; ${folders.join(" ")}
      ${configure(port)}
    }`,
  );
  const args = ["-p", prefix, "-c", "nginx.conf", "-e", "stderr"];
  await heard(await start(name, process.env.NGINX ?? "nginx", args, { work, cwd: prefix }), /(using the)/);
  return `http://127.0.0.1:${port}`;
}

/** A site made with Next.js that hands /api/ on to Meggy. Its rewrites are fixed when it is built. */
export async function startNext(meggy, { work }) {
  const next = join(here, "node_modules/next/dist/bin/next");
  const options = { work, cwd: join(here, "next-app"), env: { MEGGY_URL: meggy, NEXT_TELEMETRY_DISABLED: "1" } };
  const build = await start("next-build", process.execPath, [next, "build"], options);
  const end = await build.ended;
  if (end !== "ended with 0") throw new Error(`next build ${end}:\n${await build.said()}`);
  const site = await start("next", process.execPath, [next, "start", "-H", "127.0.0.1", "-p", "0"], options);
  return heard(site, /(http:\/\/127\.0\.0\.1:\d+)/);
}

export async function freePort() {
  const server = net.createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
