// A real browser that asks for nothing by itself.
import { chromium } from "playwright-core";

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-sync",
      "--disable-background-networking",
      "--disable-component-update",
    ],
  });

/** A window that reaches `origin` alone. `trouble` has what else it asked for, and what its console complained of. */
export async function openWindow(browser, origin, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  const trouble = [];
  await context.route("**", (route) => {
    const url = route.request().url();
    if (url.startsWith(`${origin}/`) || url.startsWith("data:")) return route.continue();
    trouble.push(`asked for ${url}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => trouble.push(`error in the page: ${error.stack}`));
  page.on("console", (message) => {
    // The browser itself reports each answer of 400 and more.
    const isStatus = /Failed to load resource: the server responded with a status of 4/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isStatus) trouble.push(`console: ${message.text()}`);
  });
  return { context, page, trouble };
}
