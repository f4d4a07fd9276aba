// What holds of every kind of page: fit for a phone, for a screen reader and for dark rooms, and nothing fetched from
// elsewhere.
import assert from "node:assert/strict";
import test from "node:test";
import { serious } from "./axe.mjs";
import { kinds } from "./kinds.mjs";
import { DESKTOP, PHONE, browse, measuredStore, open, overflow, serve } from "./plimsoll.mjs";

test("every kind of page", async (t) => {
  const address = await serve(t, await measuredStore(t));
  const browser = await browse(t);
  const pages = await kinds(address);

  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    for (const colorScheme of ["light", "dark"]) {
      await t.test(`${size}, ${colorScheme}`, async (t) => {
        const { page, faults } = await open(browser, address, { viewport, colorScheme });
        for (const [name, show] of Object.entries(pages)) {
          await t.test(`${name} is fit for everyone`, async () => {
            await show(page);
            assert.ok((await overflow(page)) <= 0, "nothing is cut off at the side");
            // What is folded away is read too.
            await page.evaluate(() => document.querySelectorAll("details").forEach((folded) => (folded.open = true)));
            assert.deepEqual(await serious(page), []);
            assert.ok((await overflow(page)) <= 0, "nor when everything is unfolded");
            // The browser itself reports the status of the page that is meant to be missing.
            const refused = { "not-here": /404/, "second-model-missing": /400/ };
            const expected = (fault) => refused[name]?.test(fault);
            assert.deepEqual(faults.splice(0).filter((fault) => !expected(fault)), []);
          });
        }
      });
    }
  }

  await t.test("the first page is read in ten screens of a phone, whatever the device", async () => {
    const { page } = await open(browser, address, { viewport: PHONE, javaScriptEnabled: false });
    for (const path of ["/", "/?device=pixel-10", "/?device=apple-m4-max"]) {
      await page.goto(path);
      const { height } = await page.locator("html").boundingBox();
      assert.ok(height <= 10 * PHONE.height, `${path}: ${(height / PHONE.height).toFixed(1)} screens`);
    }
  });

  await t.test("each reads without a script", async () => {
    const { page, faults } = await open(browser, address, { javaScriptEnabled: false });
    for (const [name, show] of Object.entries(pages)) {
      await show(page);
      assert.ok((await page.locator("h1").innerText()).length > 3, name);
      assert.ok((await page.locator("main").innerText()).length > 10, name);
    }
    assert.deepEqual(faults.filter((fault) => !/40[04]/.test(fault)), []);
  });
});
