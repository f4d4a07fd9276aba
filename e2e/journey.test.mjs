// A reader's way through the site: with a script, without one, and by keyboard alone.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { DESKTOP, PAIR, browse, measuredStore, open, overflow, serve } from "./plimsoll.mjs";

/** The names of the models that the catalogue lists. */
const listed = (page) => page.getByRole("region", { name: "Catalogue" }).getByRole("heading", { level: 3 }).allInnerTexts();
/** Name, maker and category of every card in the catalogue's files. */
const folder = new URL("../catalog/models/", import.meta.url);
const cards = readdirSync(folder).map((file) => {
  const text = readFileSync(new URL(file, folder), "utf8");
  const value = (key) => text.match(new RegExp(`^${key} = "(.*)"$`, "m"))?.[1];
  return { name: value("name"), maker: value("maker"), category: value("category") };
});
const named = (wanted) => cards.filter(wanted).map((card) => card.name).sort();
const votes = (page) => page.getByRole("table", { name: /^Community votes/ });

test("a reader's way", async (t) => {
  const address = await serve(t, await measuredStore(t));
  const browser = await browse(t);

  await t.test("with a script, from the catalogue to the digest", async (t) => {
    const { page, faults } = await open(browser, address);
    await clickThrough(t, page);

    await t.test("the verdict and the advice stand where a phone shows them at once", async () => {
      await page.goto(`/compare/${PAIR}`);
      const { height } = page.viewportSize();
      for (const what of [".advice", ".verdicts", ".bars"]) {
        const box = await page.locator(what).boundingBox();
        assert.ok(box.y >= 0 && box.y + box.height <= height, `${what} ends at ${box.y + box.height} of ${height}`);
      }
    });

    await t.test("four quantities of both are drawn, each bar with its value", async () => {
      const drawn = await page.locator(".bars li").evaluateAll((all) =>
        all.map((one) => [one.querySelectorAll("rect").length, one.querySelectorAll("a.n").length]),
      );
      assert.deepEqual(drawn, Array(4).fill([2, 2]));
      assert.ok((await overflow(page)) <= 0);
    });

    await t.test("the page is read in ten screens, and the answer stays in view", async () => {
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      assert.ok(height <= 10 * page.viewportSize().height, `${height} px`);
      await page.getByRole("heading", { name: "Reproduce this" }).scrollIntoViewIfNeeded();
      const { y } = await page.locator(".glance").boundingBox();
      assert.equal(Math.round(y), 0);
      assert.match(await page.locator(".glance").innerText(), /^Ship (A|B|either|neither)/);
    });

    await t.test("a record closes by key, and the reader is back at the number", async () => {
      const number = page.locator("#decision ~ .wide td a.n").first();
      await number.click();
      await page.locator(".record:target").waitFor();
      await page.keyboard.press("Escape");
      assert.equal(await page.locator(".record:target").count(), 0);
      assert.ok(await number.evaluate((one) => one === document.activeElement));
    });
    assert.deepEqual(faults, []);
  });

  await t.test("without a script, the same", async (t) => {
    const { page, faults } = await open(browser, address, { javaScriptEnabled: false, viewport: DESKTOP });
    await clickThrough(t, page);

    await t.test("the charts that need no script are there", async () => {
      await page.goto(`/compare/${PAIR}`);
      assert.ok((await page.locator("figure svg.chart").count()) >= 3);
    });

    await t.test("a number opens its record where the reader is", async () => {
      const number = page.locator("#decision ~ .wide td a.n").first();
      await number.scrollIntoViewIfNeeded();
      const before = await page.evaluate(() => window.scrollY);
      await number.click();
      const record = page.locator(".record:target");
      const { y, height } = await record.boundingBox();
      assert.ok(y > 0 && y + height <= page.viewportSize().height + 1, `${y} to ${y + height}`);
      assert.equal(await page.evaluate(() => window.scrollY), before);
      await record.getByRole("link", { name: "Close" }).click();
      assert.equal(await record.count(), 0);
      assert.equal(await page.evaluate(() => window.scrollY), before);
    });

    await t.test("on paper are the reasons and the numbers, and nothing to press", async () => {
      await page.emulateMedia({ media: "print" });
      assert.ok(await page.getByText("Every number, and where it comes from").isVisible());
      assert.ok(await page.locator(".record").first().isVisible());
      assert.ok(await page.getByRole("table", { name: /what was scored/ }).first().isVisible());
      for (const what of ["button", "select", ".glance", ".contents"]) {
        assert.equal(await page.locator(what).locator("visible=true").count(), 0, what);
      }
      await page.emulateMedia({ media: null });
    });
    assert.deepEqual(faults, []);
  });

  await t.test("by keyboard alone", async (t) => {
    const { page, faults } = await open(browser, address, { viewport: DESKTOP });
    await byKeyboard(t, page);
    assert.deepEqual(faults, []);
  });

  await t.test("every number leads to its measurement", async () => {
    const { page } = await open(browser, address);
    await page.goto(`/compare/${PAIR}`);
    const lost = await page.evaluate(() =>
      [...document.querySelectorAll('a[href^="#"]')].filter((a) => !document.getElementById(a.hash.slice(1))).length,
    );
    assert.equal(lost, 0);
    await page.locator(".trade a.n").first().click();
    assert.match(await page.locator(".record:target").innerText(), /overall|accuracy|right/i);
  });

  await t.test(
    "a comparison is started from a page and followed to its end",
    { skip: process.env.PLIMSOLL_E2E_NO_MEASURING ? "PLIMSOLL_E2E_NO_MEASURING is set" : false },
    async () => {
      const { page, faults } = await open(browser, address);
      await page.goto("/compare/demo-small-vs-demo-vision");
      const command = page.getByRole("region", { name: "Reproduce this" }).locator("code").first();
      assert.match(await command.innerText(), /^plimsoll compare demo:small demo:vision /);
      await page.getByRole("button", { name: "Measure them now" }).click();
      await page.waitForURL(/\/job\/\d+$/);
      const stage = page.locator("[data-stage]");
      const seen = new Set();
      const arrived = page.waitForURL(/\/compare\/demo-small-vs-demo-vision/, { timeout: 600_000 }).then(() => true);
      while (!(await Promise.race([arrived, stage.innerText({ timeout: 1000 }).then((text) => void seen.add(text), () => false)]))) {
        await Promise.race([arrived, page.waitForTimeout(100)]);
      }
      assert.ok(seen.size >= 2, `it moved on: ${[...seen].join("; ")}`);
      assert.match(await page.locator(".meta").first().innerText(), /measured/);
      assert.equal(await page.getByRole("button", { name: "Measure them now" }).count(), 0);
      assert.deepEqual(faults, []);
    },
  );
});

/** Opens the form of the first page, which narrow screens fold until it is used. */
async function openForm(page) {
  const folded = page.getByText("Use, device, search, order");
  const isOpen = await page.locator("form.find > details").evaluate((details) => details.open);
  if (!isOpen && (await folded.isVisible())) await folded.click();
}

/** Opens the filters that are folded away. */
const unfold = (page) => page.getByText("Category, licence, users, needs").click();

/** Opens what the list folds away. */
async function unfoldList(page) {
  const others = page.locator("details.others:not([open]) > summary");
  if (await others.count()) await others.click();
}

async function clickThrough(t, page) {
  await t.test("the catalogue is searched", async () => {
    await page.goto("/");
    await unfoldList(page);
    assert.equal((await listed(page)).length, cards.length);
    await openForm(page);
    await page.getByRole("searchbox", { name: "Search" }).fill("hugging face");
    await page.getByRole("button", { name: "Show" }).click();
    assert.deepEqual((await listed(page)).sort(), named((card) => card.maker === "Hugging Face"));
    assert.equal(await page.getByRole("searchbox", { name: "Search" }).inputValue(), "hugging face");
  });

  await t.test("and filtered by category, use and licence", async () => {
    await openForm(page);
    await unfold(page);
    await page.getByRole("combobox", { name: "Category" }).selectOption("text");
    await page.getByRole("button", { name: "Show" }).click();
    assert.deepEqual((await listed(page)).sort(), named((card) => card.maker === "Hugging Face" && card.category === "text"));

    const allowed = async (use) => {
      await page.goto("/");
      await openForm(page);
      await page.getByRole("combobox", { name: "Use" }).selectOption(use);
      await unfold(page);
      await page.getByRole("combobox", { name: "Licence" }).selectOption({ label: "allows this use" });
      await page.getByRole("button", { name: "Show" }).click();
      await page.getByText(`for ${use} use`).first().waitFor();
      await unfoldList(page);
      return listed(page);
    };
    const haiku = "Claude Haiku (open weights)";
    assert.ok(!(await allowed("commercial")).includes(haiku));
    assert.ok((await allowed("research")).includes(haiku));
  });

  await t.test("and held against a phone, sorted by speed", async () => {
    await page.goto("/");
    await openForm(page);
    await page.getByRole("combobox", { name: "Device" }).selectOption({ label: "Google Pixel 10" });
    await page.getByRole("combobox", { name: "Sort by" }).selectOption({ label: "speed" });
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText(/Google Pixel 10 .*by published figures/).waitFor();
    const row = page.getByRole("region", { name: "Catalogue" }).getByRole("listitem").filter({ hasText: "SmolLM3" });
    const told = await row.innerText();
    assert.match(told, /(floats|perhaps|sinks)[^]*GB[^]*\d+ to \d+\s+tokens\/s/);
    assert.match(told, /, predicted/);
    await row.getByRole("link", { name: "SmolLM3" }).click();
    assert.match(page.url(), /\/model\/smollm3\?device=pixel-10$/);
    assert.equal(await page.getByRole("table", { name: /every figure is predicted/ }).getByRole("row").count(), 7);
  });

  await t.test("a model is compared from its page with a rival", async () => {
    await page.goto("/model/smollm3?use=research");
    await page.getByRole("combobox", { name: "Compare with" }).selectOption({ label: "Claude Haiku (open weights)" });
    await page.getByRole("button", { name: "Compare", exact: true }).click();
    assert.match(page.url(), /\/compare\/claude-haiku-open-weights-vs-smollm3\?use=research$/);
  });

  await t.test("a model's page opens from it", async () => {
    await page.goto("/");
    // Which models come first depends on the machine.
    await unfoldList(page);
    await page.getByRole("region", { name: "Catalogue" }).getByRole("link", { name: "SmolLM3" }).click();
    assert.equal(new URL(page.url()).pathname, "/model/smollm3");
    await page.getByRole("heading", { level: 1, name: "SmolLM3" }).waitFor();
    await page.getByRole("heading", { name: "Licence for commercial use: passed" }).waitFor();
  });

  await t.test("two models are compared by a form", async () => {
    await page.goto("/");
    await page.getByRole("combobox", { name: "First" }).selectOption("demo-small");
    await page.getByRole("combobox", { name: "Second" }).selectOption("demo-large");
    await page.getByRole("button", { name: "Compare" }).click();
    assert.equal(new URL(page.url()).pathname, `/compare/${PAIR}`);
    assert.match(await page.locator(".advice").innerText(), /demo:(small|large)/);
    assert.match(await page.locator(".meta").first().innerText(), /measured/);
  });

  await t.test("they are judged for another use", async () => {
    await page.getByRole("combobox", { name: "Use" }).selectOption("research");
    await page.getByRole("button", { name: "Judge for this use" }).click();
    assert.match(page.url(), /use=research/);
    assert.match(await page.locator(".meta").first().innerText(), /^For research use/);
  });

  await t.test("the votes are hidden until one is cast, which can be changed", async () => {
    await page.goto(`/compare/${PAIR}`);
    assert.equal(await votes(page).count(), 0);
    const fieldset = page.getByRole("group", { name: /vote/i });
    await fieldset.getByRole("button", { name: "demo:small" }).click();
    await page.getByText("You voted for demo:small.").waitFor();
    const count = async (name) => {
      const row = votes(page).getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
      // Whoever got none has no row.
      return (await row.count()) ? Number((await row.getByRole("cell").first().innerText()).trim()) : 0;
    };
    const before = { small: await count("demo:small"), large: await count("demo:large") };
    assert.ok(before.small >= 1);
    await page.getByRole("group", { name: "Change your vote" }).getByRole("button", { name: "demo:large" }).click();
    await page.getByText("You voted for demo:large.").waitFor();
    assert.deepEqual([await count("demo:small"), await count("demo:large")], [before.small - 1, before.large + 1]);
  });

  await t.test("the page is bookmarked, found again and removed", async () => {
    await page.goto(`/compare/${PAIR}`);
    await page.getByRole("button", { name: "Bookmark this page" }).click();
    await page.getByRole("button", { name: "Remove bookmark" }).waitFor();
    await page.getByRole("link", { name: "Bookmarks" }).click();
    await page.getByRole("link", { name: "demo-large vs demo-small" }).waitFor();
    await page.getByRole("button", { name: /^Remove/ }).click();
    await page.getByText("None yet.").waitFor();
  });

  await t.test("the digest tells of the first verdicts, and its feed is well-formed", async () => {
    await page.getByRole("link", { name: "Digest" }).click();
    await page.getByText("Judged for the first time.").first().waitFor();
    const feed = await page.request.get("/digest.atom");
    assert.match(feed.headers()["content-type"], /^application\/atom\+xml/);
    assert.match(await wellFormed(page.context().browser(), await feed.text()), /^feed with [1-9]\d* entr/);
  });

  await t.test("the evidence is checked again where it is shown", async () => {
    await page.getByRole("link", { name: "evidence" }).first().click();
    await page.getByText(/^Checked just now/).waitFor();
    await page.getByText("samples", { exact: true }).first().click();
  });
}

/** What a browser's own parser makes of a feed. */
async function wellFormed(browser, xml) {
  const page = await browser.newPage();
  const found = await page.evaluate((text) => {
    const read = new DOMParser().parseFromString(text, "application/xml");
    const fault = read.querySelector("parsererror");
    return fault ? fault.textContent : `${read.documentElement.localName} with ${read.querySelectorAll("entry").length} entries`;
  }, xml);
  await page.close();
  return found;
}

async function byKeyboard(t, page) {
  const focused = () =>
    page.evaluate(() => {
      const [at, style] = [document.activeElement, getComputedStyle(document.activeElement)];
      const box = at.getBoundingClientRect();
      const seen = box.width > 0 && box.right > 0 && box.bottom > 0;
      const last = at === document.body;
      return { last, text: at.textContent.trim(), name: at.getAttribute("name"), seen, outline: style.outlineStyle, width: style.outlineWidth };
    });

  await t.test("the way past the navigation comes first", async () => {
    await page.goto("/");
    await page.keyboard.press("Tab");
    const first = await focused();
    assert.equal(first.text, "Skip to the page");
    assert.ok(first.seen, "it is shown while it has the focus");
    await page.keyboard.press("Enter");
    assert.match(page.url(), /#main$/);
  });

  await t.test("whatever has the focus shows it", async () => {
    for (const path of ["/", `/compare/${PAIR}`, "/model/smollm3"]) {
      await page.goto(path);
      for (let at = 0; at < 25; at += 1) {
        await page.keyboard.press("Tab");
        const { last, text, name, seen, outline, width } = await focused();
        if (last) break;
        assert.ok(seen && outline !== "none" && width !== "0px", `${path}, ${at}: ${name ?? text} ${outline} ${width}`);
      }
    }
  });

  await t.test("forms are sent with Enter", async () => {
    await page.goto("/");
    await page.getByRole("searchbox", { name: "Search" }).focus();
    await page.keyboard.type("moondream");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=moondream/);
    assert.deepEqual(await listed(page), ["Moondream"]);
    await page.goto(`/compare/${PAIR}`);
    await page.getByRole("button", { name: "Neither" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText(/^You voted for neither/i).waitFor();
    await page.goto("/model/smollm3");
    await page.getByRole("button", { name: "Bookmark this page" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove bookmark" }).waitFor();
  });
}
