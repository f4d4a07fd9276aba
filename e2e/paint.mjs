// How soon the largest part of every kind of page is painted, on a phone's width with a processor four times slower:
// `node e2e/paint.mjs` prints a table. A time is asserted nowhere, so it is no test file.
import test from "node:test";
import { PHONE, browse, measuredStore, open, serve } from "./plimsoll.mjs";
import { kinds } from "./kinds.mjs";

const SLOWER = 4;
const TIMES = 5;

test("largest contentful paint", async (t) => {
  const address = await serve(t, await measuredStore(t));
  const browser = await browse(t);
  console.log(`ms, median of ${TIMES} (least to most), processor ${SLOWER} times slower`);
  for (const [name, show] of Object.entries(await kinds(address))) {
    const found = [];
    for (let time = 0; time < TIMES; time += 1) {
      const { page, context } = await open(browser, address, { viewport: PHONE });
      const client = await context.newCDPSession(page);
      await client.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
      await show(page);
      found.push(await page.evaluate(largest));
      await context.close();
    }
    found.sort((a, b) => a - b);
    const [median, least, most] = [found[(TIMES - 1) / 2], found[0], found[TIMES - 1]].map(Math.round);
    console.log(`${name.padEnd(32)} ${String(median).padStart(5)} (${least} to ${most})`);
  }
});

/** The last candidate that the browser reported for this page; runs in the page. */
function largest() {
  return new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime)).observe({
      type: "largest-contentful-paint",
      buffered: true,
    });
  });
}
