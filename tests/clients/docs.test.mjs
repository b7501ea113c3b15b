// The page of the API's document in a real browser that reaches nothing but Meggy.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { launch, openWindow } from "./browser.mjs";
import { at } from "./support.mjs";

const account = { email: `${randomUUID()}@example.com`, name: "Ada", password: "correct horse" };
let browser;
before(async () => {
  browser = await launch();
  const registered = await fetch(`${at.meggy}/api/auth/register/`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(account),
  });
  assert.equal(registered.status, 201);
});
after(() => browser?.close());

/** The page, and what was odd about it. */
async function open() {
  const { context, page, trouble } = await openWindow(browser, at.meggy);
  context.setDefaultTimeout(20_000);
  await page.goto(`${at.meggy}/api/docs/`);
  await page.locator(".opblock").first().waitFor();
  return { page, odd: trouble, close: () => context.close() };
}

test("all operations are shown, and nothing comes from elsewhere", async () => {
  const { page, odd, close } = await open();
  const document = await (await fetch(`${at.meggy}/api/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((path) => Object.keys(path));
  assert.equal(await page.locator(".opblock").count(), operations.length);
  assert.equal(await page.locator(".errors-wrapper").count(), 0);
  assert.deepEqual(odd, []);
  await close();
});

test("who signs in is asked for no token", async () => {
  const { page, odd, close } = await open();
  const me = page.locator("#operations-users-users_show_me");
  await me.locator(".opblock-summary-control").click();
  await me.getByRole("button", { name: "Try it out" }).click();
  const execute = async (status) => {
    await me.getByRole("button", { name: "Execute" }).click();
    await me.locator(".live-responses-table .response-col_status").getByText(String(status)).waitFor();
    return me.locator(".live-responses-table").innerText();
  };

  await execute(401);
  await page.locator("header").getByLabel("E-mail").fill(account.email);
  await page.locator("header").getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Invalid credentials").waitFor();
  await page.locator("header").getByLabel("Password").fill(account.password);
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText(`Signed in as Ada (${account.email}).`).waitFor();
  assert.match(await execute(200), new RegExp(account.email));
  await page.getByRole("button", { name: "Sign out" }).click();
  await execute(401);
  assert.deepEqual(odd, []);
  await close();
});
