// The administration in a real browser that reaches nothing but Meggy: every list, search, filter, edit and bulk action,
// by a superuser, by staff and by somebody else; and whether everybody can use it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { launch, openWindow } from "./browser.mjs";
import { answer } from "./model.mjs";
import { ask, at, newUser } from "./support.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const password = "correct horse";
const root = { email: `root-${Date.now()}@example.com`, password: "the root of it all" };

let browser;
/** An ordinary account with a conversation; one that will be staff; many more to leaf through. */
let ann, staff, crowd;
before(async () => {
  browser = await launch();
  await promisify(execFile)(at.program, ["createsuperuser", "--email", root.email, "--name", "Root"], {
    cwd: at.work,
    env: {
      ...process.env,
      DATABASE_URL: `sqlite:${join(at.work, "clients.sqlite3")}`,
      MEGGY_SUPERUSER_PASSWORD: root.password,
    },
  });
  [ann, staff] = [await newUser(), await newUser()];
  for (const user of [ann, staff]) user.email = (await user.json("/api/users/me/")).email;
  ann.conversation = await ann.newConversation();
  ann.question = ask("words=3"); // The title of the conversation is made of it.
  ann.answer = answer(ann.question);
  await ann.json(`/api/conversations/${ann.conversation}/send_message/`, { body: { content: ann.question } });
  crowd = `crowd${Date.now()}`;
  for (let number = 0; number < 60; number++) {
    const email = `${crowd}-${String(number).padStart(2, "0")}@example.com`;
    const response = await fetch(`${at.meggy}/api/auth/register/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, name: `Crowd ${number}`, password }),
    });
    assert.equal(response.status, 201);
  }
});
after(() => browser?.close());

/** A window in which somebody has signed in. */
async function signIn(who, options) {
  const opened = await openWindow(browser, at.meggy, options);
  await opened.page.goto(`${at.meggy}/admin/`);
  await opened.page.getByLabel("E-mail address").fill(who.email);
  await opened.page.getByLabel("Password").fill(who.password ?? password);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  return opened;
}

/** Ends a window, in which nothing must have gone wrong. */
async function close({ context, trouble }) {
  await context.close();
  assert.deepEqual(trouble, []);
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const notice = (page, text) => page.getByRole("status").getByText(text).waitFor();
const rows = (page) => page.locator("tbody tr:has(th)");
const names = (page) => page.locator("tbody th").allInnerTexts();

async function list(page, name, query = "") {
  await page.goto(`${at.meggy}/admin/${name.toLowerCase()}/${query}`);
  await heading(page, name);
}

/** Finds in the list that is open. */
async function find(page, search, filters = {}) {
  await page.getByRole("searchbox").fill(search);
  for (const [label, option] of Object.entries(filters)) await page.getByLabel(label, { exact: true }).selectOption(option);
  await page.getByRole("button", { name: "Apply" }).click();
}

/** What automatic rules for accessibility find; and whether something stands out to the side. */
async function inspect(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  assert.deepEqual(told, [], what);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(beyond <= 0, `${what} is ${beyond} pixels too wide`);
}

describe("who may enter", { concurrency: true }, () => {
  test("nobody with a wrong password, and no ordinary account", async () => {
    for (const [who, refusal] of [
      [{ ...root, password: "wrong" }, /wrong|not right|invalid/i],
      [ann, /may not|staff/i],
    ]) {
      const window = await signIn(who);
      await window.page.getByRole("alert").getByText(refusal).waitFor();
      await window.page.goto(`${at.meggy}/admin/users/`);
      await heading(window.page, "Sign in");
      await close(window);
    }
  });

  test("a superuser, who comes where they wanted to, until they sign out", async () => {
    const window = await openWindow(browser, at.meggy);
    const { page, context } = window;
    await page.goto(`${at.meggy}/admin/users/?q=${crowd}`);
    await page.getByLabel("E-mail address").fill(root.email);
    await page.getByLabel("Password").fill(root.password);
    await page.keyboard.press("Enter");
    await heading(page, "Users");
    assert.equal(await page.getByRole("searchbox").inputValue(), crowd);
    const [cookie] = await context.cookies();
    assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === "Lax", JSON.stringify(cookie));
    await page.getByRole("button", { name: "Sign out" }).click();
    await heading(page, "Sign in");
    await context.addCookies([cookie]);
    await page.goto(`${at.meggy}/admin/users/`);
    await heading(page, "Sign in");
    await close(window);
  });

  test("another site's form does nothing", async () => {
    const window = await signIn(root);
    await heading(window.page, "Dashboard");
    const { request } = window.context;
    const { cookies } = await window.context.storageState();
    assert.equal(cookies.length, 1);
    for (const [headers, form] of [
      [{}, { csrf: "x" }],
      [{}, {}],
      [{ origin: "https://evil.example" }, { csrf: await window.page.locator("[name=csrf]").first().inputValue() }],
    ]) {
      const refused = await request.post(`${at.meggy}/admin/sign-out/`, { headers, form });
      assert.equal(refused.status(), 403);
    }
    await window.page.reload();
    await heading(window.page, "Dashboard");
    await close(window);
  });
});

describe("the lists", { concurrency: true }, () => {
  test("of users: search, sort, leaf forth and back", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Users");
    await find(page, crowd);
    await page.getByRole("columnheader", { name: "E-mail" }).getByRole("link").click();
    const [first] = await names(page);
    const order = await page.getByRole("columnheader", { name: "E-mail" }).getAttribute("aria-sort");
    assert.match(first, order === "ascending" ? /-00@/ : /-59@/);
    const seen = await names(page);
    while (await page.getByRole("link", { name: "Next" }).count()) {
      await page.getByRole("link", { name: "Next" }).click();
      seen.push(...(await names(page)));
    }
    assert.equal(seen.length, 60);
    assert.equal(new Set(seen).size, 60);
    while (await page.getByRole("link", { name: "Previous" }).count())
      await page.getByRole("link", { name: "Previous" }).click();
    assert.equal((await names(page))[0], first);
    await find(page, "nobody at all");
    await page.getByText("No users here").waitFor();
    await close(window);
  });

  test("of users: bulk actions, filters, a download", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Users", `?q=${crowd}-0`);
    assert.equal(await rows(page).count(), 10);
    for (const number of [1, 2, 3]) await page.getByLabel(`Select ${crowd}-0${number}@`).check();
    await page.getByRole("button", { name: "Deactivate" }).click();
    await notice(page, /3/);
    await find(page, `${crowd}-0`, { Active: "No" });
    assert.equal(await rows(page).count(), 3);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /CSV/ }).click()]);
    const lines = (await readFile(await download.path(), "utf8")).trimEnd().split(/\r?\n/);
    assert.equal(lines.length, 4);
    assert.match(lines[0], /e-mail/i);
    await page.getByRole("checkbox", { name: "All on this page" }).check();
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await notice(page, /3/);
    await find(page, `${crowd}-5`, { Active: "" });
    for (const number of [8, 9]) await page.getByLabel(`Select ${crowd}-5${number}@`).check();
    await page.getByRole("button", { name: "Delete…" }).click();
    await heading(page, /Delete these 2 users/);
    await page.getByRole("link", { name: "Keep" }).click();
    assert.equal(await rows(page).count(), 10);
    for (const number of [8, 9]) await page.getByLabel(`Select ${crowd}-5${number}@`).check();
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await notice(page, /2/);
    assert.equal(await rows(page).count(), 8);
    await close(window);
  });

  test("of agents, conversations and messages", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Agents");
    await find(page, ann.email);
    assert.deepEqual(await names(page), ["Bruno"]);
    await find(page, ann.email, { Provider: "ollama" });
    assert.equal(await rows(page).count(), 0);
    await find(page, ann.email, { Provider: "openai" });
    await page.getByLabel("Select Bruno").check();
    await page.getByRole("button", { name: "Deactivate" }).click();
    await notice(page, /1/);
    await page.getByLabel("Select Bruno").check();
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await notice(page, /1/);

    await list(page, "Conversations");
    await find(page, ann.email);
    assert.equal(await rows(page).count(), 1);
    for (const column of ["Title", "Created", "Updated"]) {
      await page.getByRole("columnheader", { name: column }).getByRole("link").click();
      assert.equal(await rows(page).count(), 1);
    }
    await find(page, ann.email, { Archived: "Yes" });
    assert.equal(await rows(page).count(), 0);

    await list(page, "Messages");
    await find(page, ann.email);
    assert.equal(await rows(page).count(), 2);
    await find(page, ann.email, { Role: "assistant" });
    assert.equal(await rows(page).count(), 1);
    await find(page, ann.email, { Role: "", Status: "failed" });
    assert.equal(await rows(page).count(), 0);
    await close(window);
  });
});

describe("objects", () => {
  test("an account is edited, gets a link for a new password, is closed and opened", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Users", `?q=${encodeURIComponent(ann.email)}`);
    await page.getByRole("link", { name: ann.email }).click();
    await heading(page, ann.email);
    await page.getByLabel("Name", { exact: true }).fill("");
    await page.locator("form.form").evaluate((form) => (form.noValidate = true));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("This field may not be blank.").waitFor();
    await page.getByLabel("Name", { exact: true }).fill("Ann of Meggy");
    await page.getByRole("button", { name: "Save" }).click();
    assert.equal((await ann.json("/api/users/me/")).name, "Ann of Meggy");

    page.on("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).waitFor();
    assert.equal((await ann.call("/api/users/me/")).status, 401);
    await page.getByRole("button", { name: "Activate", exact: true }).click();
    await page.getByRole("button", { name: "Deactivate" }).waitFor();

    await page.getByRole("button", { name: "Issue a link for a new password" }).click();
    const link = await page.getByLabel("Link", { exact: true }).inputValue();
    const visitor = await openWindow(browser, at.meggy);
    await visitor.page.goto(link);
    await inspect(visitor.page, "the page for a new password");
    const fields = await visitor.page.locator("input[type=password]").all();
    for (const field of fields) await field.fill("a brand new one");
    await visitor.page.locator("main button").click();
    await visitor.page.waitForLoadState();
    const login = await fetch(`${at.meggy}/api/auth/login/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: ann.email, password: "a brand new one" }),
    });
    assert.equal(login.status, 200);
    await visitor.page.goto(link);
    assert.equal(await visitor.page.locator("input[type=password]").count(), 0);
    await close(visitor);

    await page.goto(`${at.meggy}/admin/audit/`);
    const log = await page.locator("tbody").innerText();
    for (const action of ["update", "deactivate", "activate", "reset"]) assert.match(log, new RegExp(action));
    assert.ok(!log.includes("a brand new one"));
    await close(window);
  });

  test("staff read what was written only if they may, and that is noted", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Users", `?q=${encodeURIComponent(staff.email)}`);
    await page.getByRole("link", { name: staff.email }).click();
    await page.getByLabel(/Staff: may enter/).check();
    await page.getByRole("button", { name: "Save" }).click();
    await notice(page, /./);

    let entered = await signIn(staff);
    await heading(entered.page, "Dashboard");
    await list(entered.page, "Conversations", `?q=${encodeURIComponent(ann.email)}`);
    await rows(entered.page).first().getByRole("link").click();
    assert.ok(!(await entered.page.locator("main").innerText()).includes(ann.answer));
    await list(entered.page, "Users", `?q=${encodeURIComponent(root.email)}`);
    await entered.page.getByRole("link", { name: root.email }).click();
    await entered.page.getByText("Only superusers may change the accounts of staff").waitFor();
    assert.equal(await entered.page.getByRole("button", { name: "Save" }).count(), 0);

    await page.getByLabel(/May read here/).check();
    await page.getByRole("button", { name: "Save" }).click();
    await notice(page, /./);
    // Who gets other rights signs in again.
    await entered.page.reload();
    await heading(entered.page, "Sign in");
    await close(entered);
    entered = await signIn(staff);
    await heading(entered.page, "Dashboard");
    await list(entered.page, "Messages");
    await find(entered.page, ann.email);
    await rows(entered.page).first().getByRole("link").click();
    await entered.page.getByText(ann.answer).waitFor();
    await list(entered.page, "Messages");
    await entered.page.getByLabel(/contents/).check();
    await find(entered.page, /^Question (\S+):/.exec(ann.question)[1]);
    await entered.page.getByRole("cell", { name: ann.question, exact: true }).waitFor();
    await page.goto(`${at.meggy}/admin/audit/?actor=${encodeURIComponent(staff.email)}`);
    assert.match(await page.locator("tbody").innerText(), /read|search/);
    await close(entered);
    await close(window);
  });

  test("a conversation's title, an agent's fields", async () => {
    const window = await signIn(root);
    const { page } = window;
    await list(page, "Conversations", `?q=${encodeURIComponent(ann.email)}`);
    await rows(page).first().getByRole("link").click();
    await page.getByLabel("Title").fill("Seen to");
    await page.getByRole("button", { name: "Save" }).click();
    await notice(page, /./);
    await list(page, "Agents", `?q=${encodeURIComponent(ann.email)}`);
    await rows(page).first().getByRole("link").click();
    await page.getByLabel("Temperature").fill("7");
    await page.locator("form.form").evaluate((form) => (form.noValidate = true));
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".errors").first().waitFor();
    await page.getByLabel("Temperature").fill("0.5");
    await page.getByRole("button", { name: "Save" }).click();
    await notice(page, /./);
    await close(window);
  });
});

describe("everybody can use it", { concurrency: true }, () => {
  for (const colorScheme of ["light", "dark"])
    for (const width of [360, 1280])
      test(`${colorScheme}, ${width} pixels wide`, async () => {
        const window = await openWindow(browser, at.meggy, { colorScheme, viewport: { width, height: 800 } });
        const { page } = window;
        await page.goto(`${at.meggy}/admin/`);
        await inspect(page, "signing in");
        await page.getByLabel("E-mail address").fill(root.email);
        await page.getByLabel("Password").fill(root.password);
        await page.getByRole("button", { name: "Sign in" }).click();
        await heading(page, "Dashboard");
        for (const name of ["", "users", "agents", "conversations", "messages", "audit", "account", "nothing-here"]) {
          await page.goto(`${at.meggy}/admin/${name && `${name}/`}`);
          await inspect(page, `/admin/${name}`);
        }
        for (const name of ["users", "agents", "conversations", "messages"]) {
          await page.goto(`${at.meggy}/admin/${name}/?q=${encodeURIComponent(ann.email)}`);
          await rows(page).first().getByRole("link").click();
          await page.waitForLoadState();
          await inspect(page, `one of the ${name}`);
        }
        await close(window);
      });

  test("without scripts", async () => {
    const window = await signIn(root, { javaScriptEnabled: false });
    const { page } = window;
    await heading(page, "Dashboard");
    await list(page, "Users", `?q=${crowd}-30`);
    await page.getByRole("link", { name: `${crowd}-30@` }).click();
    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("button", { name: "Activate", exact: true }).waitFor();
    await close(window);
  });

  test("with the keyboard alone", async () => {
    const window = await openWindow(browser, at.meggy);
    const { page } = window;
    await page.goto(`${at.meggy}/admin/users/?q=${crowd}-31`);
    const type = (text) => page.keyboard.type(text);
    await page.getByLabel("E-mail address").focus();
    await type(root.email);
    await page.keyboard.press("Tab");
    await type(root.password);
    await page.keyboard.press("Enter");
    await heading(page, "Users");
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").innerText(), "Skip to content");
    await page.keyboard.press("Enter");
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => document.activeElement.innerText);
      if (focused?.startsWith(`${crowd}-31@`)) break;
    }
    const outline = await page.locator(":focus").evaluate((element) => getComputedStyle(element).outlineStyle);
    assert.notEqual(outline, "none");
    await page.keyboard.press("Enter");
    await heading(page, new RegExp(`${crowd}-31@`));
    await close(window);
  });
});
