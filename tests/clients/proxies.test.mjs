// The same streams straight from Meggy, through nginx as it comes and as docs/deploy/ sets it up, and through a Next.js site's rewrites, by a client
// that takes gzip as every browser does: each piece has to come when the model says it, not with the last one.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { describe, test } from "node:test";
import { answer, words } from "./model.mjs";
import { ask, at, events, modelCallEnded, modelCalls, newChatId, newUser, textOf, until } from "./support.mjs";

const user = await newUser();
const accept = { "accept-encoding": "gzip, deflate, br", accept: "text/event-stream" };
const PACE = 400;

const fronts = {
  "no proxy": at.meggy,
  nginx: at.nginx,
  "nginx as docs/deploy/ has it": at.shippedNginx,
  "Next.js": at.next,
};

describe("event streams", { concurrency: true }, () => {
  for (const [front, base] of Object.entries(fronts))
    describe(`through ${front}`, { concurrency: true }, () => {
      /** Sends a question in a new conversation. The final slash is left out: Next.js redirects it away. */
      const sends = {
        "send_message as an event stream": async (content) =>
          user.call(`/api/conversations/${await user.newConversation()}/send_message`, {
            base,
            headers: accept,
            body: { content },
          }),
        "send_message, asked by its body": async (content) =>
          user.call(`/api/conversations/${await user.newConversation()}/send_message`, {
            base,
            headers: { "accept-encoding": "gzip", accept: "*/*" },
            body: { content, stream: true },
          }),
        "the AI SDK's chat": (content) =>
          user.call("/api/chat", {
            base,
            headers: { "accept-encoding": "gzip, deflate, br", accept: "*/*" },
            body: {
              id: newChatId(),
              trigger: "submit-message",
              messages: [{ id: newChatId(), role: "user", parts: [{ type: "text", text: content }] }],
            },
          }),
        "joining a running turn": async (content) => {
          const id = await user.newConversation();
          void user.call(`/api/conversations/${id}/send_message/`, { body: { content } });
          await until("the model is asked", async () => (await modelCalls(content)).length);
          return user.call(`/api/conversations/${id}/stream`, { base, headers: accept });
        },
        "resuming an AI SDK chat": async (content) => {
          const id = newChatId();
          const message = { id: newChatId(), role: "user", parts: [{ type: "text", text: content }] };
          void user.call("/api/chat/", { body: { id, message } });
          await until("the model is asked", async () => (await modelCalls(content)).length);
          return user.call(`/api/chat/${id}/stream`, { base, headers: { "accept-encoding": "gzip, deflate, br" } });
        },
      };
      const delta = ({ event, data }) =>
        event === "delta" ? data.text : data?.type === "text-delta" ? data.delta : null;

      for (const [what, send] of Object.entries(sends)) {
        test(`${what}: each piece at its time`, async () => {
          const question = ask(`words=5 pace=${PACE} wait=${2 * PACE}`);
          const response = await send(question);
          assert.equal(response.status, 200);
          const [came, pieces] = [[Date.now()], []]; // First the headers, then each piece.
          for await (const event of events(response)) {
            if (delta(event) === null) continue;
            came.push(event.at);
            pieces.push(delta(event));
          }
          assert.equal(pieces.join(""), answer(question));
          assert.equal(pieces.length, 5);
          const { words, ended } = await modelCallEnded(question);
          for (const [n, next] of [...words, ended].entries()) {
            const late = came[n] - next;
            assert.ok(late < 0, `${n ? `piece ${n}` : "the head"} came ${late} ms after the model had gone on`);
          }
          assert.match(response.headers.get("content-type"), /^text\/event-stream/);
          assert.match(response.headers.get("cache-control"), /no-cache.*no-transform/);
          assert.equal(response.headers.get("content-encoding"), null);
        });
      }

      test("a reader who leaves stops nothing", async () => {
        const [id, question] = [newChatId(), ask("words=25 pace=30")];
        const leaving = new AbortController();
        const message = { id: newChatId(), role: "user", parts: [{ type: "text", text: question }] };
        const response = await user.call("/api/chat", { base, body: { id, message }, signal: leaving.signal });
        for await (const event of events(response)) if (delta(event)?.includes("word-5")) break;
        leaving.abort();
        assert.equal((await modelCallEnded(question)).end, "done");
        await until("the answer is stored", async () => {
          const { messages } = await user.json(`/api/chat/${id}/`);
          return (
            messages.length === 2 && messages[1].metadata.status === "complete" && textOf(messages[1]) === words(25)
          );
        });
      });

      test("a comment at once and in every 15 s of silence", async () => {
        const response = await sends["send_message as an event stream"](ask("wait=16500 words=1"));
        const began = Date.now();
        const comments = [];
        for await (const event of events(response)) if (event.data === null) comments.push(event.at - began);
        assert.ok(comments[0] < 1000, `comments came after ${comments} ms`);
        assert.ok(
          comments.some((ms) => ms > 13_000 && ms < 16_400),
          `comments came after ${comments} ms`,
        );
      });
    });
});

describe("nginx as docs/deploy/ has it", { concurrency: true }, () => {
  test("a replica that is down is not noticed", async () => {
    const base = at.shippedNginx;
    const asked = Array.from({ length: 20 }, (_, n) =>
      n % 2
        ? user.call("/api/users/me/", { base })
        : user.call("/api/agents/", { base, body: { name: `Agent ${newChatId()}` } }),
    );
    for (const { status } of await Promise.all(asked)) assert.ok(status === 200 || status === 201, `${status}`);
  });

  test("it lets WebSockets through", async () => {
    const request = http.get(`${at.shippedNginx}/ws/chat/`, {
      headers: {
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": 13,
        "sec-websocket-key": randomBytes(16).toString("base64"),
      },
    });
    const [response, socket] = await once(request, "upgrade");
    socket.destroy();
    assert.equal(response.statusCode, 101);
  });
});
