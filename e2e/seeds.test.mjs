// The pages of the pairs that are shared: nothing of them is measured here, and each says what is known all the same.
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { DESKTOP, browse, folder, open, serve } from "./plimsoll.mjs";

const HAIKU = "claude-haiku-open-weights";
/** What the pages announced of each other model. */
const RIVALS = {
  "llama-4-compact-12b": { panel: "Ship, 100 %", category: "text model", scores: ["82", "75", "80", "72"] },
  "llama-4-scout-int4": { panel: "Ship, 100 %", category: "vision-language model", scores: null },
  smollm3: { panel: "Ship, 100 %", category: "text model", scores: null },
  "smolvlm-3b": { panel: "Ship, 75 %", category: "vision-language model", scores: null },
  "smolvlm2-turbo": { panel: "Ship, 100 %", category: "vision-language model", scores: ["85", "78", "82", "72"] },
};

/** The cells of the row of the decision table that asks `question`. */
async function cells(page, question) {
  const table = page.getByRole("table", { name: /The facts that a choice rests on/ });
  const row = table.getByRole("row").filter({ has: page.getByRole("rowheader", { name: question, exact: true }) });
  return row.getByRole("cell").allInnerTexts();
}

test("the seed pairs", async (t) => {
  const address = await serve(t, path.join(await folder(t), "evidence.db"));
  const browser = await browse(t);
  const { page, faults } = await open(browser, address, { viewport: DESKTOP });

  for (const [rival, announced] of Object.entries(RIVALS)) {
    await t.test(`${HAIKU} against ${rival}`, async (t) => {
      // Before this machine was measured, which the server begins with, nothing is advised.
      do await page.goto(`/compare/${HAIKU}-vs-${rival}`);
      while (await page.getByText("is being measured").count());

      await t.test("shows the published panels as such", async () => {
        const [ours, theirs] = await cells(page, "Published panel");
        assert.match(ours, /Mixed, 50 %\s+2 ship \/ 2 skip; published, not measured/);
        assert.ok(theirs.startsWith(announced.panel) && theirs.endsWith("published, not measured"), theirs);
        assert.equal(await page.locator(".published .argued").count(), 8);
        const said = await page.locator(".published li > b").allInnerTexts();
        const shown = ["Builder: ship, 74", "Skeptic: skip, 52", "Futurist: ship, 68", "Founder: skip, 45"];
        assert.deepEqual(said.slice(0, 4), shown);
        for (const [at, line] of said.slice(4).entries()) {
          assert.ok(line.endsWith(announced.scores ? `, ${announced.scores[at]}` : ", score not printed"), line);
        }
      });

      await t.test("says what is predicted, and that nothing was measured", async () => {
        assert.match(await page.locator(".advice").innerText(), /^(Try|Perhaps|If any)/);
        const [ours, theirs] = await cells(page, "Panel verdict");
        assert.match(ours, /^Skip, predicted/);
        assert.match(theirs, /^((Try|Perhaps|Skip), predicted|Unmeasured)/);
        assert.equal((await cells(page, "Fits this device"))[0], "not known");
        await page.getByText("Nothing here was measured.", { exact: true }).waitFor();
        await page.getByText(/They cannot be measured from this page: `[a-z0-9.-]+` is known, but (its files are not on this machine|no files of it are published)/).waitFor();
        assert.equal(await page.getByRole("button", { name: "Measure them now" }).count(), 0);
      });

      await t.test("refuses commercial use with the clause", async () => {
        const [ours] = await cells(page, "Licence for this use");
        assert.match(ours, /^failed/);
        assert.match(ours, /commercial use is not allowed/i);
        assert.match(ours, /research and non-commercial/i);
      });

      await t.test("has price, use and category", async () => {
        assert.match((await cells(page, "Entry price"))[0], /^Free, research only/);
        assert.match((await cells(page, "Best for"))[0], /research on the first open weights/);
        const categories = ["text model", announced.category].map((category) => `Developer Tools, ${category}`);
        assert.deepEqual(await cells(page, "Category"), categories);
      });

      await t.test("hides the count of votes until one is cast", async () => {
        assert.deepEqual(await cells(page, "Community"), ["No community votes yet. Cast the first"]);
        assert.equal(await page.getByRole("table", { name: /^Community votes/ }).count(), 0);
      });

      await t.test("lets research use pass", async () => {
        await page.getByRole("combobox", { name: "Use" }).selectOption("research");
        await page.getByRole("button", { name: "Judge for this use" }).click();
        await page.waitForURL(/use=research/);
        const [ours] = await cells(page, "Licence for this use");
        assert.match(ours, /^passed/);
        assert.doesNotMatch(ours, /not allowed/i);
      });
    });
  }

  assert.deepEqual(faults, []);
});
