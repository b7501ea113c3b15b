// A language model that does what the question tells it to: "words=40 pace=50 think=2 wait=300 fail=10 cut=10".
// Speaks OpenAI's streamed chat completions, and remembers what it was asked and how each answer ended.
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** How the answer to a question shall go: `words` words, one every `pace` ms, after `wait` ms and `think` thoughts.
 *  After `fail` words an error is sent, after `cut` words the connection is cut. */
export function plan(question) {
  const told = [...question.matchAll(/\b([a-z]+)=(\d+)/g)].map(([, name, value]) => [name, Number(value)]);
  return { words: 5, pace: 0, think: 0, wait: 0, fail: Infinity, cut: Infinity, ...Object.fromEntries(told) };
}

// Each word is a different one, so that text that comes twice is seen; some are more than ASCII, so that torn ones are.
const word = (n) => `${n > 1 ? " " : ""}word-${n}${n % 5 ? "" : "-über-🙂"}`;
const thought = (n) => `${n > 1 ? " " : ""}thought-${n}`;
const joined = (piece, count) => Array.from({ length: count }, (_, i) => piece(i + 1)).join("");

/** The first words of every answer. */
export const words = (count) => joined(word, count);
export const thoughts = (count) => joined(thought, count);
/** The answer to a question that ends well. */
export const answer = (question) => words(plan(question).words);

const text = (content) => (typeof content === "string" ? content : content.map((part) => part.text ?? "").join(""));

/** Starts a model server; it listens on a port of its own. */
export async function startModel() {
  const calls = []; // `words` of a call are the moments at which they were sent.

  async function chat(request, response) {
    let body = "";
    for await (const piece of request) body += piece;
    const { model, messages } = JSON.parse(body);
    const question = text(messages.at(-1).content);
    const call = { question, model, messages, words: [], end: "open", began: Date.now(), ended: null };
    calls.push(call);
    const ending = new AbortController();
    const end = (how) => {
      if (call.end !== "open") return;
      Object.assign(call, { end: how, ended: Date.now() });
      ending.abort();
    };
    response.on("close", () => end("dropped"));

    const id = `chatcmpl-${calls.length}`;
    const send = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    const chunk = (delta, finish_reason = null) =>
      send({ id, object: "chat.completion.chunk", created: 0, model, choices: [{ index: 0, delta, finish_reason }] });
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();

    const { words, pace, think, wait, fail, cut } = plan(question);
    let due = performance.now() + wait;
    const next = async () => {
      await sleep(Math.max(0, due - performance.now()), null, { signal: ending.signal });
      due += pace;
    };
    try {
      chunk({ role: "assistant", content: "" });
      for (let n = 1; n <= think; n++) {
        await next();
        chunk({ reasoning_content: thought(n) });
      }
      for (let n = 1; n <= words; n++) {
        await next();
        if (n > fail) {
          end("failed");
          send({
            error: { message: "the model is on fire at 10.1.2.3", type: "server_error", param: null, code: null },
          });
          return response.end();
        }
        if (n > cut) {
          end("cut");
          return response.destroy();
        }
        chunk({ content: word(n) });
        call.words.push(Date.now());
      }
      await next();
      chunk({}, "stop");
      const usage = { prompt_tokens: 7, completion_tokens: words, total_tokens: 7 + words };
      send({ id, object: "chat.completion.chunk", created: 0, model, choices: [], usage });
      end("done");
      response.end("data: [DONE]\n\n");
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://model");
    const json = (value) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    const about = () => calls.filter((call) => call.question.includes(searchParams.get("about") ?? ""));
    if (request.method === "POST" && pathname === "/v1/chat/completions") chat(request, response);
    else if (pathname === "/v1/models") json({ object: "list", data: [{ id: "scripted", object: "model" }] });
    else if (pathname === "/__calls") json(about());
    else response.writeHead(404).end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
