// The chat page: with models that answer, and with one that is scripted where the time of every word matters.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { serious } from "./axe.mjs";
import { DESKTOP, PHONE, browse, folder, open, overflow, serve } from "./plimsoll.mjs";

const PICTURE = path.resolve(import.meta.dirname, "../demo/images/five_shapes.png");

const box = (page) => page.getByRole("textbox", { name: "Message" });
const messages = (page) => page.getByRole("list", { name: "Conversation", exact: true }).locator("> li");
const answers = (page) => messages(page).filter({ has: page.getByRole("button", { name: "Regenerate" }) });
const field = (page, name) => page.getByRole("textbox", { name });

/** Sends a message, and waits until its answer is whole. */
async function ask(page, text) {
  await page.getByRole("combobox", { name: "Model" }).waitFor(); // before, there is nobody to ask
  await box(page).fill(text);
  await page.keyboard.press("Enter");
  await whole(page);
}

async function whole(page) {
  await page.getByRole("button", { name: "Send" }).waitFor();
}

/** The page in a desktop's window, where conversations and settings are unfolded. */
async function chat(browser, address, options = {}) {
  const opened = await open(browser, address, { viewport: DESKTOP, ...options });
  await opened.page.goto("/chat");
  await opened.page.getByRole("combobox", { name: "Model" }).waitFor();
  return opened;
}

/** Has the model say what is in `window.says`, piece by piece; after a null it waits to be stopped. */
function scripted() {
  const real = window.fetch;
  window.asked = [];
  window.fetch = async (address, options) => {
    if (!String(address).endsWith("/chat/completions")) return real(address, options);
    window.asked.push(JSON.parse(options.body));
    const body = new ReadableStream({
      async start(stream) {
        const send = (text) => stream.enqueue(new TextEncoder().encode(text));
        options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
        for (const delta of window.says) {
          if (delta === null) return;
          send(`data: ${JSON.stringify({ choices: [{ delta, finish_reason: null }] })}\n\n`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        send(`data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`);
        stream.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
}

test("a chat", async (t) => {
  const address = await serve(t, path.join(await folder(t), "evidence.db"), "demo:large", "demo:vision");
  const browser = await browse(t);

  await t.test("answers a question, and counts", async () => {
    const { page, faults } = await chat(browser, address);
    await page.getByRole("link", { name: "Chat" }).waitFor();
    await field(page, "Temperature").fill("0");
    await page.getByRole("combobox", { name: "Model" }).selectOption("demo:large");
    await ask(page, "What is 12 + 7?");
    assert.equal(await messages(page).count(), 2);
    const said = await messages(page).last().innerText();
    assert.match(said, /^19$/m);
    const figures = /\d+ tokens?( · [\d.]+ tokens\/s)? · first after [\d.]+ s · prompt \d+ tokens/;
    assert.match(said, new RegExp(`^demo:large\n[^]*${figures.source}`));
    assert.equal(await box(page).inputValue(), "");
    assert.ok(await box(page).evaluate((one) => one === document.activeElement), "the next can be typed at once");
    assert.deepEqual(faults, []);
  });

  await t.test("sees a picture that is chosen, pasted or dropped, and scales down what is large", async () => {
    const { page, faults } = await chat(browser, address);
    await field(page, "Temperature").fill("0");
    await page.getByRole("combobox", { name: "Model" }).selectOption("demo:vision");
    await page.locator("#file").setInputFiles(PICTURE);
    const chosen = page.getByRole("list", { name: "Pictures to send" });
    await chosen.getByRole("img", { name: "five_shapes.png" }).waitFor();
    await ask(page, "What colour is the circle?");
    assert.match(await answers(page).last().innerText(), /black/);
    assert.equal(await messages(page).first().getByRole("img").count(), 1);

    for (const kind of ["paste", "drop"]) {
      await page.evaluate(async (kind) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 3000, height: 1500 });
        canvas.getContext("2d").fillRect(0, 0, 3000, 1500);
        const blob = await new Promise((done) => canvas.toBlob(done));
        const data = new DataTransfer();
        data.items.add(new File([blob], `${kind}.png`, { type: "image/png" }));
        const [pasted, dropped] = [{ clipboardData: data }, { dataTransfer: data }];
        const event =
          kind === "paste"
            ? new ClipboardEvent(kind, { ...pasted, bubbles: true })
            : new DragEvent(kind, { ...dropped, bubbles: true });
        document.getElementById("text").dispatchEvent(event);
      }, kind);
      const image = chosen.getByRole("img", { name: `${kind}.png` });
      await image.waitFor();
      assert.deepEqual(await image.evaluate((one) => [one.naturalWidth, one.naturalHeight]), [2048, 1024]);
      await chosen.getByRole("button", { name: `Remove ${kind}.png` }).click();
    }
    assert.equal(await chosen.count(), 0);
    assert.deepEqual(faults, []);
  });

  await t.test("says what the API refuses, and gives the message back", async () => {
    const { page, faults } = await chat(browser, address);
    await page.getByRole("combobox", { name: "Model" }).selectOption("demo:large");
    await field(page, "Temperature").fill("7");
    await ask(page, "What is 12 + 7?");
    assert.match(await page.getByRole("alert").innerText(), /`temperature` is 7, expected 0 to 2/);
    assert.equal(await box(page).inputValue(), "What is 12 + 7?");
    assert.equal(await messages(page).count(), 0);
    assert.equal(await field(page, "Temperature").getAttribute("aria-invalid"), "true");
    await field(page, "Temperature").fill("warm");
    await ask(page, "What is 12 + 7?");
    assert.match(await page.getByRole("alert").innerText(), /temperature/, "what is no number is not left out");
    await field(page, "Temperature").fill("0");
    await page.locator("#file").setInputFiles(PICTURE);
    await page.getByRole("button", { name: "Remove five_shapes.png" }).waitFor();
    await ask(page, "What is 12 + 7?");
    await page.getByRole("alert").waitFor();
    await page.getByRole("button", { name: "Remove five_shapes.png" }).click();
    await ask(page, "What is 12 + 7?");
    assert.equal(await page.getByRole("alert").count(), 0);
    assert.equal(await messages(page).count(), 2);
    assert.ok(faults.length === 3 && faults.every((fault) => /400/.test(fault)), faults.join("; "));
  });

  await t.test("an edited message branches, and both branches are kept, also when the page is loaded again", async () => {
    const { page, faults } = await chat(browser, address);
    await field(page, "Temperature").fill("0");
    await page.getByRole("combobox", { name: "Model" }).selectOption("demo:large");
    await ask(page, "What is 12 + 7?");
    const first = await messages(page).last().locator(".body").innerText();
    await page.getByRole("button", { name: "Edit" }).click();
    assert.equal(await box(page).inputValue(), "What is 12 + 7?");
    await ask(page, "What is 2 + 3?");
    assert.match(await messages(page).first().innerText(), /What is 2 \+ 3\?[^]*2 of 2/);
    const second = await messages(page).last().locator(".body").innerText();
    await page.getByRole("button", { name: "Earlier branch" }).click();
    assert.match(await messages(page).first().innerText(), /What is 12 \+ 7\?[^]*1 of 2/);
    assert.equal(await messages(page).last().locator(".body").innerText(), first);

    await page.reload();
    await page.getByText("1 of 2").waitFor();
    assert.equal(await messages(page).last().locator(".body").innerText(), first);
    assert.equal(await field(page, "Temperature").inputValue(), "0");
    await page.getByRole("button", { name: "Later branch" }).click();
    assert.equal(await messages(page).last().locator(".body").innerText(), second);
    await page.getByRole("button", { name: "Regenerate" }).click();
    await page.getByText("2 of 2").nth(1).waitFor();
    await whole(page);
    assert.equal(await messages(page).last().locator(".body").innerText(), second, "greedy answers are the same again");

    // What is left by Escape leaves the box as it was.
    await box(page).fill("a draft");
    await page.getByRole("button", { name: "Edit" }).click();
    await page.keyboard.press("Escape");
    assert.equal(await box(page).inputValue(), "a draft");

    const saved = async (name) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
      return readFile(await download.path(), "utf8");
    };
    const json = JSON.parse(await saved("Export JSON"));
    assert.equal(json.messages.length, 5, "with all branches");
    const text = await saved("Export Markdown");
    assert.match(text, /^# What is 12 \+ 7\?\n\n## You\n\nWhat is 2 \+ 3\?\n\n## demo:large\n/);

    const listed = page.locator("#conversations a");
    assert.equal(await listed.count(), 1);
    await page.getByRole("button", { name: "New conversation" }).click();
    assert.equal(await messages(page).count(), 0);
    await ask(page, "What is 1 + 1?");
    assert.deepEqual(await listed.allInnerTexts(), ["What is 1 + 1?", "What is 12 + 7?"]);
    await listed.last().click();
    assert.match(await messages(page).first().innerText(), /What is 2 \+ 3/);
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Delete conversation" }).click();
    assert.deepEqual(await listed.allInnerTexts(), ["What is 1 + 1?"]);
    await page.reload();
    assert.deepEqual(await listed.allInnerTexts(), ["What is 1 + 1?"]);
    assert.deepEqual(faults, []);
  });

  await t.test("an answer is stopped, and what was said stays", async () => {
    const { page, context, faults } = await open(browser, address, { viewport: PHONE });
    await context.addInitScript(scripted);
    await page.goto("/chat");
    await page.evaluate(() => (window.says = [{ content: "One, " }, { content: "two" }, null]));
    await box(page).fill("Count");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("One, two").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await whole(page);
    assert.match(await answers(page).last().innerText(), /One, two[^]*stopped/);
    assert.equal(await page.getByRole("alert").count(), 0);

    // By key, before anything was said: the message is in the box again.
    await page.evaluate(() => (window.says = [null]));
    await box(page).fill("Count on");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Stop" }).waitFor();
    await page.keyboard.press("Escape");
    await whole(page);
    assert.equal(await box(page).inputValue(), "Count on");
    assert.equal(await messages(page).count(), 2);

    await page.keyboard.press("Shift+Enter");
    assert.equal(await box(page).inputValue(), "Count on\n");

    // By leaving the page.
    await page.evaluate(() => (window.says = [{ content: "One and" }, null]));
    await page.keyboard.press("Enter");
    await page.getByText("One and").waitFor();
    await page.reload();
    assert.match(await answers(page).last().innerText(), /One and[^]*stopped/);

    // By deleting the conversation, which does not come back.
    await page.evaluate(() => (window.says = [{ content: "Once more" }, null]));
    await page.getByRole("button", { name: "Regenerate" }).last().click();
    await page.getByText("Once more").waitFor();
    await page.getByText("Conversations (1)").click();
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Delete conversation" }).click();
    await whole(page);
    assert.equal(await page.locator("#conversations a").count(), 0);
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    assert.deepEqual(faults, []);
  });

  await t.test("thinking is folded, code is copied, and nothing of a model is read as HTML", async () => {
    const { page, context, faults } = await open(browser, address, { viewport: PHONE });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await context.addInitScript(scripted);
    await page.goto("/chat");
    const hostile = "<img src=x onerror=alert(1)><script>document.title='no'</script>";
    const code = `print("${"long ".repeat(60)}")\n`;
    const said = `Well: ${hostile}\n\`\`\`python\n${code}`;
    for (const says of [
      [{ reasoning_content: "Hm, " }, { reasoning_content: "so." }, { content: `${said}\`` }, { content: "``\nDone." }],
      [{ content: "<th" }, { content: "ink>Hm, so.</thi" }, { content: `nk>\n\n${said}\`\`\`\nDone.` }],
    ]) {
      await page.evaluate((says) => (window.says = says), says);
      await ask(page, "Go");
      const answer = answers(page).last();
      assert.equal(await answer.locator("details").getAttribute("open"), null);
      await answer.getByText("Thinking").click();
      assert.equal(await answer.locator("details p").innerText(), "Hm, so.");
      assert.deepEqual(await answer.locator(".body > p").allInnerTexts(), [`Well: ${hostile}`, "Done."]);
      assert.equal(await answer.locator("img, script").count(), 0);
      await answer.getByRole("button", { name: "Copy this code" }).click();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code.trimEnd());
      assert.ok((await overflow(page)) <= 0);
    }
    await page.evaluate(() => (window.says = [...Array(60).keys()].map((line) => ({ content: `Line ${line}\n` }))));
    await ask(page, "Count");
    const last = await answers(page).last().boundingBox();
    const compose = await page.locator("#compose").boundingBox();
    assert.ok(last.y + last.height <= compose.y, "the end of a long answer is in view");
    const sent = await page.evaluate(() => window.asked.at(-1).messages);
    assert.doesNotMatch(JSON.stringify(sent), /Hm, so/, "what was thought is not sent back");
    assert.deepEqual(faults, []);
  });

  await t.test("a storage that is full or forbidden is told, and the chat goes on", async () => {
    for (const [name, told] of [["QuotaExceededError", /is full/], ["SecurityError", /keep nothing/]]) {
      const { page, context, faults } = await open(browser, address, { viewport: DESKTOP });
      await context.addInitScript((name) => {
        const refuse = () => {
          throw new DOMException("refused", name);
        };
        if (name === "SecurityError") Object.defineProperty(window, "localStorage", { get: refuse });
        else Storage.prototype.setItem = refuse;
      }, name);
      await page.goto("/chat");
      await ask(page, "What is 12 + 7?");
      assert.equal(await messages(page).count(), 2);
      assert.match(await page.locator("#kept").innerText(), told);
      await page.getByRole("button", { name: "New conversation" }).click();
      await page.locator("#conversations a").click();
      assert.equal(await messages(page).count(), 2);
      assert.deepEqual(faults, []);
    }
  });

  for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    for (const colorScheme of ["light", "dark"]) {
      await t.test(`is fit for everyone: ${size}, ${colorScheme}`, async () => {
        const { page, faults } = await open(browser, address, { viewport, colorScheme });
        await page.goto("/chat");
        await page.locator("#file").setInputFiles(PICTURE);
        await page.getByRole("button", { name: "Remove five_shapes.png" }).waitFor();
        await page.getByRole("combobox", { name: "Model" }).selectOption("demo:vision");
        await ask(page, `What colour is the circle? ${"x".repeat(200)}`);
        await page.getByRole("button", { name: "Edit" }).click();
        assert.ok((await overflow(page)) <= 0, "nothing is cut off at the side");
        await page.evaluate(() => document.querySelectorAll("details").forEach((folded) => (folded.open = true)));
        assert.ok((await overflow(page)) <= 0, "nor when everything is unfolded");
        assert.deepEqual(await serious(page), []);
        const small = await page.evaluate(() => {
          const all = [...document.querySelectorAll("#chat :is(button, select, input, textarea, a, summary)")];
          const shown = all.map((one) => [one, one.getBoundingClientRect()]).filter(([, { height }]) => height > 0);
          return shown.filter(([, { width, height }]) => width < 44 || height < 44).map(([one]) => one.outerHTML);
        });
        assert.deepEqual(small, []);
        assert.deepEqual(faults, []);
      });
    }
  }

  await t.test("says without a script that it needs one, and where the API is", async () => {
    const { page, faults } = await open(browser, address, { javaScriptEnabled: false });
    await page.goto("/chat");
    const said = await page.locator("main").innerText();
    assert.match(said, /needs JavaScript/);
    assert.ok(said.includes(`${address}/v1`), said);
    assert.ok(!(await page.locator("#chat").isVisible()));
    assert.deepEqual(faults, []);
  });
});

test("without a model", async (t) => {
  const address = await serve(t, path.join(await folder(t), "evidence.db"));
  const { page, faults } = await open(await browse(t), address);
  await page.goto("/chat");
  await page.getByText("plimsoll serve demo:large demo:vision").waitFor();
  assert.equal(await page.getByRole("link", { name: "Chat" }).count(), 0);
  assert.deepEqual(await serious(page), []);
  assert.ok((await overflow(page)) <= 0);
  assert.deepEqual(faults, []);
});

test("with a token", async (t) => {
  const token = "a-token-of-twenty-letters-and-more";
  const address = await serve(t, path.join(await folder(t), "evidence.db"), "demo:large", "--token", token);
  const { page, faults } = await open(await browse(t), address);
  await page.goto(`/chat?token=${token}`);
  assert.equal(new URL(page.url()).search, "");
  await ask(page, "What is 12 + 7?");
  assert.equal(await messages(page).count(), 2);
  assert.deepEqual(faults, []);
});
