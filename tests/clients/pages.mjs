// Serves the pages that the browser tests open, from an origin that is not Meggy's.
import http from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const html = (script) => `<!doctype html><meta charset="utf-8"><title>Chat</title><link rel="icon" href="data:,">
<main></main>${script ? `<script type="module" src="${script}"></script>` : ""}\n`;

/** The chat page, made of one version of the AI SDK. */
async function bundle(alias) {
  const built = await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: ["page.jsx"],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"' },
    alias,
  });
  return built.outputFiles[0].text;
}

export async function startPages() {
  const [newest, oldest] = await Promise.all([bundle({}), bundle({ "@ai-sdk/react": "react-5-old", ai: "ai-5-old" })]);
  const files = {
    "/": html(),
    "/chat-newest": html("/newest.js"),
    "/chat-oldest": html("/oldest.js"),
    "/newest.js": newest,
    "/oldest.js": oldest,
  };
  const server = http.createServer((request, response) => {
    const file = files[new URL(request.url, "http://pages").pathname];
    if (file === undefined) return response.writeHead(404).end();
    response.setHeader("content-type", request.url.endsWith(".js") ? "text/javascript" : "text/html").end(file);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}` };
}
