// What every test needs: a store with one comparison in it, a server on it, and a browser that tells what went wrong.
import { execFile, spawn } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const root = path.resolve(import.meta.dirname, "..");
const binary = path.resolve(root, process.env.PLIMSOLL_BIN ?? "target/release/plimsoll");

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1440, height: 900 };
/** The pair that the store has a comparison of. */
export const PAIR = "demo-large-vs-demo-small";

/** A folder that is gone after the test. */
export async function folder(t) {
  const made = await mkdtemp(path.join(tmpdir(), "plimsoll-e2e-"));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** A store with the demo pair measured in it. */
export async function measuredStore(t) {
  const store = path.join(await folder(t), "evidence.db");
  if (process.env.PLIMSOLL_E2E_STORE) {
    await copyFile(process.env.PLIMSOLL_E2E_STORE, store);
  } else {
    const measure = ["compare", "demo:small", "demo:large", "--items", "5", "--repeat", "2", "--no-report"];
    await promisify(execFile)(binary, [...measure, "--store", store]);
  }
  return store;
}

/** Starts a server; gives the address that it says it serves at. */
export async function serve(t, store, ...options) {
  const server = spawn(binary, ["serve", "--port", "0", "--store", store, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  t.after(async () => {
    server.kill("SIGTERM");
    await ended;
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
    if (address) {
      server.stdout.resume();
      return address[0];
    }
  }
  throw new Error(`${binary} serve ended before it said where it serves`);
}

/** Chromium as Debian packages it, with a profile of its own. */
export async function browse(t) {
  const browser = await chromium.launch({
    executablePath: process.env.PLIMSOLL_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  t.after(() => browser.close());
  return browser;
}

/**
 * A page, and the list of what no page may do: write an error to the console, break its own policy, or ask anyone but
 * the server for anything.
 */
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ baseURL: address, viewport: PHONE, ...options });
  const faults = [];
  context.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`script: ${error.error().message}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== address) faults.push(`elsewhere: ${url}`);
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return { page, context, faults };
}

/** How far a page is wider than its window. [px] */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** The id of the comparison in the store. */
export async function comparisonId(address) {
  const answer = await fetch(`${address}/api/v1/comparisons`);
  return /"comparison":\s*"([0-9a-f]+)"/.exec(await answer.text())[1];
}
