// What the tests share: Meggy's API, an account, readers of event streams, patience.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** Where the programs are that run.mjs started. */
export const at = JSON.parse(process.env.CLIENTS_AT ?? "null");
if (!at) throw new Error("start these tests with run.mjs");

let count = 0;
/** A question unlike all others, so that the model's calls about it can be told. */
export const ask = (script = "") => `Question ${randomUUID().slice(0, 8)}-${++count}: ${script}`;
/** A chat id as the AI SDK makes them. */
export const newChatId = () => randomUUID().replaceAll("-", "").slice(0, 16);

export async function until(what, met, { ms = 10_000 } = {}) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
    const result = await met();
    if (result) return result;
  }
  assert.fail(`waited ${ms} ms in vain for this: ${what}`);
}

/** A new account: its token, and `call`, which asks Meggy something in its name. */
export async function newUser(base = at.meggy) {
  const email = `${randomUUID()}@example.com`;
  const registered = await fetch(`${base}/api/auth/register/`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, name: "Ada", password: "correct horse" }),
  });
  const token = (await registered.json()).access_token;
  assert.ok(token, "there is no access token");
  const headers = { authorization: `Bearer ${token}` };

  const call = (path, { base = at.meggy, method, body, headers: more = {}, signal } = {}) =>
    fetch(`${base}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }), ...more },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  const json = async (path, options) => {
    const response = await call(path, options);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const newConversation = async () => {
    const { id: agent } = await json("/api/agents/default/");
    return (await json("/api/conversations/", { body: { agent } })).id;
  };
  return { token, headers, call, json, newConversation };
}

/** The events of a stream, each with the moment it came. Comments are events without data. */
export async function* events(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of response.body) {
    const now = Date.now();
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { at: now, id: null, event: "message", data: null };
      for (const line of block.split("\n")) {
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (field === "data") event.data = (event.data === null ? "" : event.data + "\n") + value;
        else if (field) event[field] = value;
      }
      if (event.data !== null && event.data !== "[DONE]") event.data = JSON.parse(event.data);
      yield event;
    }
  }
}

/** What the model was asked about a question. */
export async function modelCalls(question) {
  const about = encodeURIComponent(/^Question \S+/.exec(question)[0]);
  return (await fetch(`${at.model}/__calls?about=${about}`)).json();
}

/** The one call of the model about a question, once it has ended. */
export const modelCallEnded = (question) =>
  until("the model's call has ended", async () => {
    const calls = await modelCalls(question);
    assert.ok(calls.length <= 1, `the model was asked ${calls.length} times`);
    return calls[0]?.ended && calls[0];
  });

/** Text of one kind in a UI message. */
export const textOf = (message, type = "text") =>
  (message?.parts ?? [])
    .filter((part) => part.type === type)
    .map((part) => part.text)
    .join("");
