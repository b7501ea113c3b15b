// A server that ends while it answers, and comes back: what the client sees then, and what is left.
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { clientOf } from "./chat.mjs";
import { answer, words } from "./model.mjs";
import { freePort, startMeggy, stop, stopAll } from "./programs.mjs";
import { ask, at, newUser } from "./support.mjs";

after(stopAll);

for (const name of ["ai-5-old", "ai-7"]) {
  describe(`a chat of ${name}`, { concurrency: true }, () => {
    for (const [how, signal] of [
      ["is killed", "SIGKILL"],
      ["is asked to end", "SIGTERM"],
    ]) {
      test(`whose server ${how}: an error, the text is kept, and it goes on after the restart`, async () => {
        const work = await mkdtemp(join(at.work, "ending-"));
        // The same address again, as behind a load balancer.
        const env = { PORT: String(await freePort()), SHUTDOWN_GRACE_SECONDS: "1" };
        const start = () => startMeggy(at.program, { work, model: at.model, env });
        const server = await start();
        const base = server.url;
        const user = await newUser(base);
        const { Chat, open } = await clientOf(name, user, base);

        const chat = new Chat();
        const question = ask("words=100 pace=50");
        const sending = chat.sendMessage({ text: question });
        await chat.says("word-30");
        await stop(server, signal);
        await sending;
        assert.equal(chat.status, "error", "an answer without its end looks finished");
        assert.ok(chat.text.startsWith(words(30)));
        assert.ok(answer(question).startsWith(chat.text));

        await start();
        const back = await open(chat.id);
        assert.equal(back.lastMessage.role, "assistant");
        assert.equal(back.lastMessage.metadata.status, "interrupted");
        assert.ok(answer(question).startsWith(back.text));
        const lost = chat.text.length - back.text.length;
        assert.ok(lost <= words(12).length, `${lost} characters of what was shown are lost`); // Of 10 in half a second.
        if (signal === "SIGTERM") assert.equal(back.text, chat.text);
        await back.resumeStream();
        assert.equal(back.status, "ready");
        const next = ask();
        await back.sendMessage({ text: next });
        assert.equal(back.status, "ready");
        assert.equal(back.text, answer(next));
      });
    }
  });
}
