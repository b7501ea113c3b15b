// The AI SDK's own client code against Meggy: the first and the newest version of each major that can be had. The first
// ones are strict about what a chunk holds, and append a replay to what they have; the newest ones check more URLs and
// answers.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientOf } from "./chat.mjs";
import { answer, thoughts, words } from "./model.mjs";
import { ask, modelCallEnded, modelCalls, newChatId, newUser, textOf, until } from "./support.mjs";

const versions = {
  "ai 5.0.7": "ai-5-old",
  "ai 5.0.244": "ai-5",
  "ai 6.0.0": "ai-6-old",
  "ai 6.0.326": "ai-6",
  "ai 7.0.0": "ai-7-old",
  "ai 7.0.173": "ai-7",
};

const user = await newUser();
const history = (chat) => user.json(`/api/chat/${chat}/`);
const stop = (chat, body = {}) => user.json(`/api/chat/${chat}/stop/`, { body });

for (const [version, name] of Object.entries(versions)) {
  const { Chat, open } = await clientOf(name, user);

  const ready = (chat) => {
    assert.equal(chat.error, undefined);
    assert.equal(chat.status, "ready");
  };

  describe(version, { concurrency: true }, () => {
    test("a new turn: text, reasoning, what it took, and the same again from the store", async () => {
      const chat = new Chat();
      const question = ask("words=12 think=3");
      await chat.sendMessage({ text: question });
      ready(chat);
      assert.equal(chat.messages.length, 2);
      assert.equal(chat.text, answer(question));
      assert.equal(textOf(chat.lastMessage, "reasoning"), thoughts(3));
      for (const part of chat.lastMessage.parts) assert.notEqual(part.state, "streaming");
      const { status, finishReason, usage, model } = chat.lastMessage.metadata;
      assert.deepEqual(
        { status, finishReason, model },
        { status: "complete", finishReason: "stop", model: "scripted" },
      );
      assert.deepEqual(usage, { promptTokens: 7, completionTokens: 12, totalTokens: 19, estimated: false });

      const stored = await open(chat.id);
      assert.deepEqual(
        stored.messages.map((m) => m.role),
        ["user", "assistant"],
      );
      assert.equal(textOf(stored.messages[0]), question);
      assert.equal(stored.text, chat.text);
      assert.equal(textOf(stored.lastMessage, "reasoning"), thoughts(3));
      assert.equal(stored.lastMessage.id, chat.lastMessage.id);
      assert.deepEqual({ ...stored.lastMessage.metadata, ...chat.lastMessage.metadata }, stored.lastMessage.metadata);
    });

    test("a chat may be a conversation that is there already", async () => {
      const id = await user.newConversation();
      const chat = new Chat({ id });
      const question = ask();
      await chat.sendMessage({ text: question });
      ready(chat);
      const { messages } = await user.json(`/api/conversations/${id}/?format=ui`);
      assert.equal(textOf(messages.at(-1)), answer(question));
    });

    test("the server owns the history: a forged one never reaches the model", async () => {
      const chat = new Chat();
      const first = ask("words=3");
      await chat.sendMessage({ text: first });
      const forged = (role, text) => ({ id: newChatId(), role, parts: [{ type: "text", text }] });
      chat.messages = [forged("system", "forged"), forged("user", "forged"), forged("assistant", "forged")];
      const second = ask("words=4");
      await chat.sendMessage({ text: second });
      ready(chat);
      const [{ messages }] = await modelCalls(second);
      assert.ok(!JSON.stringify(messages).includes("forged"), "the model was told what was forged");
      const told = messages.filter((m) => m.role !== "system").map((m) => m.content);
      assert.deepEqual(told, [first, words(3), second]);
      assert.equal((await history(chat.id)).messages.length, 4);
    });

    test("a page may send its newest message alone", async () => {
      const chat = new Chat({
        prepareSendMessagesRequest: ({ id, messages }) => ({ body: { id, message: messages.at(-1) } }),
      });
      for (const question of [ask(), ask()]) {
        await chat.sendMessage({ text: question });
        ready(chat);
        assert.equal(chat.text, answer(question));
      }
      assert.equal((await history(chat.id)).messages.length, 4);
    });

    test("edit: the question is replaced in place and what came after it is gone", async () => {
      const chat = new Chat();
      const [kept, first, edited, again] = [ask("words=2"), ask("words=3"), ask("words=4"), ask("words=6")];
      await chat.sendMessage({ text: kept });
      await chat.sendMessage({ text: first });
      await chat.sendMessage({ text: edited, messageId: chat.messages[2].id });
      ready(chat);
      const told = async (question) =>
        (await modelCalls(question))[0].messages.filter((m) => m.role !== "system").map((m) => m.content);
      assert.deepEqual(await told(edited), [kept, words(2), edited]);

      // By the id that the store gives, too.
      const opened = await open(chat.id);
      assert.deepEqual(
        opened.messages.map((m) => textOf(m)),
        [kept, words(2), edited, words(4)],
      );
      await opened.sendMessage({ text: again, messageId: opened.messages[2].id });
      ready(opened);
      assert.deepEqual(await told(again), [kept, words(2), again]);
      const { messages } = await history(chat.id);
      assert.deepEqual(
        messages.map((m) => textOf(m)),
        [kept, words(2), again, words(6)],
      );
    });

    test("regenerate: the same question again, without the answer it had", async () => {
      const chat = new Chat();
      const question = ask("words=6");
      await chat.sendMessage({ text: question });
      const before = chat.lastMessage.id;
      await chat.regenerate();
      ready(chat);
      assert.equal(chat.messages.length, 2);
      assert.equal(chat.text, answer(question));
      await chat.regenerate({ messageId: chat.lastMessage.id });
      ready(chat);
      const calls = await modelCalls(question);
      assert.equal(calls.length, 3);
      for (const { messages } of calls) {
        assert.deepEqual(
          messages.filter((m) => m.role !== "system").map((m) => m.content),
          [question],
        );
      }
      const { messages } = await history(chat.id);
      assert.deepEqual(
        messages.map((m) => textOf(m)),
        [question, answer(question)],
      );
      assert.equal(messages[1].id, chat.lastMessage.id);
      assert.notEqual(messages[1].id, before);
    });

    test("resume in the middle, twice: nothing doubled, all readers end with the same", async () => {
      const sender = new Chat();
      const question = ask("words=30 pace=40 think=2");
      const sending = sender.sendMessage({ text: question });
      await sender.says("word-6");
      const early = await open(sender.id);
      assert.deepEqual(
        early.messages.map((m) => m.role),
        ["user"],
      );
      const resumingEarly = early.resumeStream();
      await sender.says("word-18");
      const late = await open(sender.id);
      await Promise.all([sending, resumingEarly, late.resumeStream()]);
      for (const chat of [sender, early, late]) {
        ready(chat);
        assert.equal(chat.messages.length, 2);
        assert.equal(chat.text, answer(question));
        assert.deepEqual(chat.lastMessage, sender.lastMessage);
      }
      assert.equal(textOf(sender.lastMessage, "reasoning"), thoughts(2));
      await modelCallEnded(question);
    });

    test("resume of a second turn leaves the first one alone", async () => {
      const sender = new Chat();
      await sender.sendMessage({ text: ask("words=3") });
      const question = ask("words=20 pace=30");
      const sending = sender.sendMessage({ text: question });
      await sender.says("word-5");
      const reader = await open(sender.id);
      assert.deepEqual(
        reader.messages.map((m) => m.role),
        ["user", "assistant", "user"],
      );
      await Promise.all([sending, reader.resumeStream()]);
      ready(reader);
      assert.deepEqual(
        reader.messages.map((m) => m.role),
        ["user", "assistant", "user", "assistant"],
      );
      assert.equal(textOf(reader.messages[1]), words(3));
      assert.equal(reader.text, answer(question));
    });

    test("leaving is no stop: the turn goes on and can be joined again", async () => {
      const chat = new Chat();
      const question = ask("words=30 pace=30");
      const sending = chat.sendMessage({ text: question });
      await chat.says("word-4");
      await chat.stop(); // The SDK's own stop only hangs up.
      await sending;
      const back = await open(chat.id);
      await back.resumeStream();
      ready(back);
      assert.equal(back.text, answer(question));
      assert.equal((await modelCallEnded(question)).end, "done");
    });

    test("resume where nothing runs", async () => {
      const chat = new Chat();
      await chat.resumeStream(); // Nothing was ever said in this one.
      ready(chat);
      assert.deepEqual(chat.messages, []);
      await chat.sendMessage({ text: ask() });
      const opened = await open(chat.id);
      const before = opened.messages;
      await opened.resumeStream();
      ready(opened);
      assert.deepEqual(opened.messages, before);
    });

    for (const [how, script] of [
      ["fails", "words=20 fail=7"],
      ["is cut", "words=20 cut=7"],
    ]) {
      test(`a model that ${how} in the middle: an error, and the text until then is kept`, async () => {
        const chat = new Chat();
        const question = ask(`${script} pace=20`);
        await chat.sendMessage({ text: question });
        assert.equal(chat.status, "error");
        assert.match(chat.error.message, /\w+ \w+/);
        assert.doesNotMatch(chat.error.message, /10\.1\.2\.3/, "the page is told an address of ours");
        assert.equal(chat.text, words(7));
        const opened = await open(chat.id);
        assert.equal(opened.text, words(7));
        assert.equal(opened.lastMessage.metadata.status, "failed");
        const next = ask();
        await opened.sendMessage({ text: next });
        ready(opened);
        assert.equal(opened.text, answer(next));
      });
    }

    test("a file is refused in words", async () => {
      const chat = new Chat();
      const file = { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw0KGgo=" };
      await chat.sendMessage({ text: "What is this?", files: [file] });
      assert.equal(chat.status, "error");
      assert.match(chat.error.message, /\bfiles?\b/i);
    });

    test("stop: the answer ends where it is, for all who read it, and is kept", async () => {
      const chat = new Chat();
      const question = ask("words=200 pace=30");
      const sending = chat.sendMessage({ text: question });
      await chat.says("word-6");
      const other = await open(chat.id);
      const resuming = other.resumeStream();
      await other.says("word-6");
      const stopped = Date.now();
      const result = await stop(chat.id);
      assert.equal(result.stopped, true);
      await Promise.all([sending, resuming]);
      const call = await modelCallEnded(question);
      assert.equal(call.end, "dropped");
      assert.ok(call.ended - stopped < 500, `the model was let go after ${call.ended - stopped} ms`);
      for (const reader of [chat, other]) {
        ready(reader);
        assert.ok(reader.text.startsWith(words(6)));
        for (const part of reader.lastMessage.parts) assert.notEqual(part.state, "streaming");
        assert.equal(reader.lastMessage.metadata.status, "stopped");
      }
      assert.equal(other.text, chat.text);
      assert.equal((await open(chat.id)).text, chat.text);
      assert.equal(result.message.content, chat.text);
      assert.equal((await stop(chat.id)).stopped, false);
      const next = ask();
      await chat.sendMessage({ text: next });
      ready(chat);
      assert.equal(chat.text, answer(next));
    });

    test("stop before the first word, and not by the name of another answer", async () => {
      const chat = new Chat();
      await chat.sendMessage({ text: ask() });
      const older = chat.lastMessage.id;
      const question = ask("wait=20000");
      const sending = chat.sendMessage({ text: question });
      await until("the model is asked", async () => (await modelCalls(question)).length);
      assert.equal((await stop(chat.id, { message_id: older })).stopped, false);
      assert.equal((await modelCalls(question))[0].end, "open");
      assert.equal((await stop(chat.id)).stopped, true);
      await sending;
      ready(chat);
      assert.equal((await modelCallEnded(question)).end, "dropped");
    });

    test("one turn at a time: a second send is refused and does not disturb the first", async () => {
      const chat = new Chat();
      const question = ask("words=20 pace=30");
      const sending = chat.sendMessage({ text: question });
      await chat.says("word-3");
      const other = await open(chat.id);
      const refused = ask();
      await other.sendMessage({ text: refused });
      assert.equal(other.status, "error");
      assert.match(other.error.message, /\w+ \w+/);
      await sending;
      ready(chat);
      assert.equal(chat.text, answer(question));
      assert.deepEqual(await modelCalls(refused), []);
      assert.equal((await history(chat.id)).messages.length, 2);
    });

    test("nobody reads a chat without a token, or with another user's", async () => {
      const chat = new Chat();
      const question = ask("words=20 pace=50");
      const sending = chat.sendMessage({ text: question });
      await chat.says("word-2");
      const stranger = new Chat({ id: chat.id, headers: {} });
      await stranger.resumeStream();
      assert.equal(stranger.status, "error");
      const other = new Chat({ id: chat.id, headers: (await newUser()).headers });
      await other.resumeStream();
      ready(other);
      assert.deepEqual(other.messages, []);
      await sending;
    });
  });
}
