// A real browser, on pages of another origin than Meggy's: useChat of the newest AI SDK and of an early one, then what
// a page can do without any library.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { launch } from "./browser.mjs";
import { answer, words } from "./model.mjs";
import { ask, at, modelCallEnded, modelCalls, newChatId, newUser, until } from "./support.mjs";

const user = await newUser();
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const version of ["newest", "oldest"]) {
  /** A chat in a browser window of its own; `open` opens one more tab of it. */
  async function chat() {
    const id = newChatId();
    const context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    const open = async () => {
      const page = await context.newPage();
      page.on("pageerror", (error) => assert.fail(`an error in the page: ${error.stack}`));
      const told = new URLSearchParams({ meggy: at.meggy, token: user.token, id });
      await page.goto(`${at.pages}/chat-${version}#${told}`);
      await page.locator("form").waitFor();
      return page;
    };
    return { id, open, close: () => context.close() };
  }
  async function send(page, question) {
    await page.locator("input").fill(question);
    await page.getByRole("button", { name: "Send" }).click();
  }
  const says = (page, piece) => page.locator("article[data-role=assistant]").last().getByText(piece).waitFor();
  const status = (page, name) => page.locator("output").getByText(name, { exact: true }).waitFor();
  const shown = (page) => page.locator("article").allTextContents();

  describe(`a page with useChat, ${version} version`, { concurrency: true }, () => {
    test("send, read, send again, ask again", async () => {
      const { open, close } = await chat();
      const page = await open();
      const [first, second] = [ask("words=8 pace=20"), ask("words=4")];
      await send(page, first);
      await says(page, "word-8");
      await status(page, "ready");
      await send(page, second);
      await page.locator("article").nth(3).waitFor();
      await says(page, "word-4");
      await status(page, "ready");
      assert.deepEqual(await shown(page), [first, answer(first), second, answer(second)]);
      await page.getByRole("button", { name: "Again" }).click();
      await until("the answer is given again", async () => (await modelCalls(second)).length === 2);
      await status(page, "ready");
      await says(page, "word-4");
      assert.deepEqual(await shown(page), [first, answer(first), second, answer(second)]);
      await page.reload();
      await says(page, "word-4");
      assert.deepEqual(await shown(page), [first, answer(first), second, answer(second)]);
      await close();
    });

    test("reload in the middle, twice: the answer goes on, and no text is doubled or lost", async () => {
      const { open, close } = await chat();
      const page = await open();
      const question = ask("words=30 pace=80");
      await send(page, question);
      for (const piece of ["word-4", "word-12"]) {
        await says(page, piece);
        await page.reload();
        await page.locator("form").waitFor();
      }
      await says(page, "word-30");
      await status(page, "ready");
      assert.deepEqual(await shown(page), [question, answer(question)]);
      assert.equal((await modelCallEnded(question)).end, "done");
      await close();
    });

    test("a second tab shows the same, and the first may be closed", async () => {
      const { open, close } = await chat();
      // Long enough for a busy browser to open two tabs meanwhile.
      const [page, question] = [await open(), ask("words=30 pace=200")];
      await send(page, question);
      await says(page, "word-4");
      const [second, third] = await Promise.all([open(), open()]);
      await says(second, "word-10");
      await page.close();
      for (const tab of [second, third]) {
        await says(tab, "word-30");
        await status(tab, "ready");
        assert.deepEqual(await shown(tab), [question, answer(question)]);
      }
      await close();
    });

    test("the stop button ends the answer in both tabs; its text is kept", async () => {
      const { open, close } = await chat();
      const [page, question] = [await open(), ask("words=300 pace=50")];
      await send(page, question);
      await says(page, "word-4");
      const second = await open();
      await says(second, "word-6");
      await second.getByRole("button", { name: "Stop" }).click();
      for (const tab of [page, second]) {
        await status(tab, "ready");
        await tab.locator("article[data-status=stopped]").waitFor();
        assert.equal(await tab.locator("strong").count(), 0);
      }
      const texts = await shown(page);
      assert.ok(texts[1].startsWith(words(6)));
      assert.deepEqual(await shown(second), texts);
      await page.reload();
      await says(page, "word-6");
      assert.deepEqual(await shown(page), texts);
      assert.equal((await modelCallEnded(question)).end, "dropped");
      await close();
    });

    test("an error is shown under the text that came before it, and the next question is answered", async () => {
      const { open, close } = await chat();
      const [page, question, next] = [await open(), ask("words=20 pace=30 fail=6"), ask("words=7")];
      await send(page, question);
      await status(page, "error");
      assert.match(await page.locator("strong").textContent(), /\w+ \w+/);
      assert.deepEqual(await shown(page), [question, words(6)]);
      await page.reload();
      await says(page, "word-6");
      assert.deepEqual(await shown(page), [question, words(6)]);
      await send(page, next);
      await page.locator("article").nth(3).waitFor();
      await says(page, "word-7");
      await status(page, "ready");
      await close();
    });
  });
}

describe("a page without a library", { concurrency: true }, () => {
  /** A page of another origin, in which functions can be run. */
  async function openPage() {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(at.pages);
    return { run: (work, told) => page.evaluate(work, told), close: () => context.close() };
  }

  /** In the page: reads a running turn by EventSource until it gives up by itself. */
  const readByEventSource = (url) =>
    new Promise((done) => {
      const source = new EventSource(url);
      const seen = { opened: 0, started: 0, text: "", ids: [], finish: null };
      source.onopen = () => seen.opened++;
      source.addEventListener("start", () => seen.started++);
      source.addEventListener("delta", (event) => {
        seen.text += JSON.parse(event.data).text;
        seen.ids.push(Number(event.lastEventId));
      });
      source.addEventListener("finish", (event) => (seen.finish = JSON.parse(event.data)));
      source.onerror = () => source.readyState === EventSource.CLOSED && done(seen);
    });

  async function running(script) {
    const [conversation, question] = [await user.newConversation(), ask(script)];
    const answered = user.json(`/api/conversations/${conversation}/send_message/`, { body: { content: question } });
    await until("the turn runs", async () => (await modelCalls(question))[0]?.words.length >= 3);
    const { ticket, expires_in } = await user.json("/api/auth/stream_ticket/", { body: {} });
    assert.ok(expires_in > 0 && expires_in <= 120);
    return {
      question,
      answered,
      path: `/api/conversations/${conversation}/stream/?ticket=${encodeURIComponent(ticket)}`,
    };
  }
  function assertIncreasing(ids) {
    ids.forEach((id, n) => assert.ok(n === 0 || id > ids[n - 1], `event ids do not increase: ${ids}`));
  }

  test("EventSource joins a running turn with a ticket, and ends by itself", async () => {
    const page = await openPage();
    const { question, answered, path } = await running("words=25 pace=60");
    const seen = await page.run(readByEventSource, at.meggy + path);
    await page.close();
    assert.equal(seen.text, answer(question));
    assert.equal(seen.opened, 1);
    assert.equal(seen.started, 1);
    assertIncreasing(seen.ids);
    assert.equal(seen.finish.status, "complete");
    const { content, reasoning, ...rest } = (await answered).assistant_message; // The text has been told already.
    assert.equal(content, seen.text);
    assert.deepEqual(seen.finish.assistant_message, rest);
  });

  test("EventSource comes back by itself after a lost connection: nothing twice, nothing lost", async () => {
    const sockets = new Set();
    const wire = net.createServer((socket) => {
      const { hostname, port } = new URL(at.meggy);
      const onward = net.connect(Number(port), hostname);
      for (const end of [socket, onward]) {
        sockets.add(end);
        end.on("error", () => end.destroy());
      }
      socket.pipe(onward).pipe(socket);
    });
    await new Promise((listening) => wire.listen(0, "127.0.0.1", listening));
    const page = await openPage();
    const { question, path } = await running("words=60 pace=110");
    const reading = page.run(readByEventSource, `http://127.0.0.1:${wire.address().port}${path}`);
    await until("the reader has read some", async () => (await modelCalls(question))[0].words.length >= 18);
    assert.ok(sockets.size > 0);
    for (const socket of sockets) socket.resetAndDestroy();
    const seen = await reading;
    await page.close();
    wire.close();
    assert.equal(seen.opened, 2);
    assert.equal(seen.started, 1);
    assert.equal(seen.text, answer(question));
    assertIncreasing(seen.ids);
    assert.equal(seen.finish.status, "complete");
  });

  test("fetch streams an answer, and reads a refusal", async () => {
    const [conversation, question] = [await user.newConversation(), ask("words=5 pace=200 wait=200")];
    const told = { url: `${at.meggy}/api/conversations/${conversation}/send_message/`, token: user.token, question };
    const page = await openPage();
    const seen = await page.run(async ({ url, token, question }) => {
      const send = (more) =>
        fetch(url, {
          method: "POST",
          headers: {
            Authorization: `Bearer ${token}`,
            "Content-Type": "application/json",
            Accept: "text/event-stream",
            ...more,
          },
          body: JSON.stringify({ content: question }),
        });
      const response = await send();
      // Meanwhile, so that reading need not wait for it.
      const refusal = send().then(async (refused) => ({ status: refused.status, body: await refused.json() }));
      const [decoder, came] = [new TextDecoder(), []];
      let text = "";
      for (const reader = response.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += decoder.decode(value, { stream: true });
        while (came.length < text.split("event: delta").length - 1) came.push(performance.now());
      }
      return { type: response.headers.get("content-type"), text, came, refusal: await refusal };
    }, told);
    await page.close();
    assert.match(seen.type, /^text\/event-stream/);
    assert.equal(seen.came.length, 5);
    // A busy browser may see two at once, but not all.
    assert.ok(seen.came[4] - seen.came[0] > 400, `deltas came at ${seen.came} ms`);
    assert.match(seen.text, /event: finish/);
    assert.equal(seen.refusal.status, 409);
    assert.ok(seen.refusal.body.error && seen.refusal.body.message_id);
  });

  test("a page may send Idempotency-Key and Last-Event-ID", async () => {
    const conversation = await user.newConversation();
    const told = { url: `${at.meggy}/api/conversations/${conversation}`, token: user.token, question: ask("words=3") };
    const page = await openPage();
    const statuses = await page.run(async ({ url, token, question }) => {
      const headers = { Authorization: `Bearer ${token}` };
      const sent = await fetch(`${url}/send_message/`, {
        method: "POST",
        headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": "one" },
        body: JSON.stringify({ content: question }),
      });
      const joined = await fetch(`${url}/stream/`, { headers: { ...headers, "Last-Event-ID": "1" } });
      return [sent.status, joined.status];
    }, told);
    await page.close();
    assert.deepEqual(statuses, [200, 204]);
  });
});
