// The chat page: it talks with the API at /v1 and keeps conversations in the browser. What a model says is shown as text
// and never read as HTML.

import { Fault, NUMBERS, add, begun, beside, blocks, choose, count, figures, markdown } from "./talk.js";
import { parted, path, pieces, read, refusal, request, title, undoing } from "./talk.js";

/** Begins the name of every conversation in the browser's storage. */
const KEY = "plimsoll.chat.";
/** Pictures are scaled down to this in the browser. [px a side] */
const LARGEST = 2048;
/** Pictures of these kinds are sent as they are where they are small enough. */
const AS_THEY_ARE = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** The elements of the page by their ids. */
const page = Object.fromEntries([...document.querySelectorAll("#chat, #chat [id], #said")].map((one) => [one.id, one]));
const fields = page.fields.elements;
/** All conversations by their ids; storage is a copy of them. */
const conversations = new Map();
/** Those that are not kept again, though an answer to them may be ending yet. */
const deleted = new WeakSet();
/** The conversation that is shown. */
let now;
/** The answer under way: what stops it, its conversation, its message. */
let busy = null;
/** Pictures that go with the next message. */
let pictures = [];
/** The message that the box changes, with what stood in the box before. */
let editing = null;

function make(tag, properties = {}, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

function button(text, act, properties = {}) {
  const one = make("button", { type: "button", textContent: text, ...properties });
  one.addEventListener("click", () => act(one));
  return one;
}

// What stays in the browser.

const latest = () => [...conversations.values()].sort((a, b) => b.changed.localeCompare(a.changed));

function readAll() {
  try {
    for (const key of Object.keys(localStorage)) {
      const talk = key.startsWith(KEY) ? read(localStorage.getItem(key)) : null;
      if (talk) conversations.set(talk.id, talk);
    }
  } catch {
    warn("This browser lets the page keep nothing: what is said is gone when the page is closed, unless it is exported.");
  }
}

function keep(talk) {
  if (!talk.messages.length || deleted.has(talk)) return;
  talk.changed = new Date().toISOString();
  conversations.set(talk.id, talk);
  try {
    localStorage.setItem(KEY + talk.id, JSON.stringify(talk));
    warn("");
  } catch (error) {
    const full = error.name === "QuotaExceededError";
    const why = full ? "The storage that this browser gives the page is full" : "This browser lets the page keep nothing";
    const help = full ? "Delete conversations, or export this one" : "Export what is worth it";
    warn(`${why}: what is said now is gone when the page is closed. ${help}.`);
  }
  if (talk === now && location.hash !== `#${talk.id}`) history.replaceState(null, "", `#${talk.id}`);
  drawList();
}

function forget(talk) {
  conversations.delete(talk.id);
  try {
    localStorage.removeItem(KEY + talk.id);
  } catch {
    // Nothing was kept.
  }
}

function warn(text) {
  page.kept.textContent = text;
  page.kept.hidden = !text;
}

// What is asked, and what comes.

/** Has the model answer a message; whether anything came of it. */
async function ask(talk, to) {
  const undo = undoing(talk, to);
  const body = request(talk, to);
  const at = add(talk, to, { role: "assistant", model: talk.model, text: "", thinking: "" });
  const message = talk.messages[at];
  const stop = new AbortController();
  const started = performance.now();
  let first;
  busy = { stop, talk, message };
  tell("");
  draw();
  toEnd();
  say("Answering…");
  try {
    for await (const piece of pieces(body, stop.signal)) {
      const choice = piece.choices[0];
      const { content = "", reasoning_content = "" } = choice?.delta ?? {};
      message.text += content ?? "";
      message.thinking += reasoning_content ?? "";
      if (content || reasoning_content) first ??= performance.now();
      if (choice?.finish_reason) message.finish = choice.finish_reason;
      if (piece.usage) count(message, piece.usage, started, first, performance.now());
      repaint(talk, at);
    }
    say("");
  } catch (error) {
    message.stopped = true;
    say("Stopped.");
    const why = error instanceof Fault ? error.message : `The server cannot be reached: ${error.message}.`;
    if (error.name !== "AbortError" && talk === now) tell(why, error.param);
  }
  busy = null;
  const came = Boolean(message.text || message.thinking || message.finish);
  if (!came) undo();
  if (talk === now && came) {
    const follows = isAtEnd();
    fill(page.messages.lastElementChild, at);
    if (follows) toEnd();
  }
  turn();
  return came;
}

/** Sends what is in the box. What nothing came of is put back there. */
async function send() {
  const [talk, text, shown] = [now, page.text.value, pictures];
  if (busy || (!text.trim() && !shown.length)) return;
  if (!talk.model) return tell("There is no model to ask; load the page anew.");
  const edited = editing;
  const parent = edited ? talk.messages[edited.at].parent : (path(talk).at(-1) ?? -1);
  const undo = undoing(talk, parent);
  const at = add(talk, parent, { role: "user", text, pictures: shown });
  editing = null;
  fillBox(edited?.held ?? { text: "", pictures: [] });
  keep(talk);
  if (!(await ask(talk, at)) && talk === now) {
    undo();
    const held = { text: page.text.value, pictures };
    editing = edited && { ...edited, held };
    const both = { text: [text, held.text].filter(Boolean).join("\n"), pictures: [...shown, ...held.pictures] };
    fillBox(edited ? { text, pictures: shown } : both);
    draw();
    if (!talk.messages.length) forget(talk);
  }
  keep(talk);
  drawList();
}

async function again(parent) {
  if (busy) return;
  const talk = now;
  if (!(await ask(talk, parent)) && talk === now) draw();
  keep(talk);
}

// Pictures.

async function take(files) {
  for (const file of files) {
    try {
      pictures.push({ name: file.name, url: await shrunk(file) });
    } catch {
      tell(`This browser cannot read “${file.name}” as a picture.`);
    }
  }
  drawPictures();
}

/** A picture as a data URL, no larger than the largest that is sent. */
async function shrunk(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && AS_THEY_ARE.includes(file.type)) return dataUrl(file);
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = make("canvas", { width, height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  return canvas.toDataURL(file.type === "image/jpeg" ? "image/jpeg" : "image/png", 0.92);
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

function drawPictures() {
  const remove = (picture) => {
    pictures = pictures.filter((other) => other !== picture);
    drawPictures();
    page.text.focus();
  };
  const items = pictures.map((picture) => {
    const close = button("Remove", () => remove(picture), { ariaLabel: `Remove ${picture.name}` });
    return make("li", {}, make("img", { src: picture.url, alt: picture.name }), close);
  });
  page.pictures.replaceChildren(...items);
  page.pictures.hidden = !items.length;
}

// What is shown.

/** What each kind of block is shown as; `.leaf` holds its text and `.name` its name. */
const SHOWN = {
  text: () => make("p", { className: "leaf" }),
  thought: () => {
    const summary = make("summary", { className: "name" });
    return make("details", { className: "thought" }, summary, make("p", { className: "leaf" }));
  },
  code: () => {
    const code = make("code", { className: "leaf" });
    const copies = button("Copy", (one) => copy(code.textContent, one), { ariaLabel: "Copy this code" });
    const head = make("p", { className: "code-head" }, make("span", { className: "name" }), copies);
    return make("div", { className: "code" }, head, make("pre", { tabIndex: 0 }, code));
  },
};

/** Shows a message's text; of what is there already only what is new is touched, so that selections stay. */
function paint(body, message, isLive) {
  const { thought, text } = message.role === "assistant" ? parted(message) : { thought: "", text: message.text };
  const wanted = message.role === "assistant" ? [...blocks(text)] : text ? [{ kind: "text", text }] : [];
  if (thought) wanted.unshift({ kind: "thought", text: thought, name: isLive && !text ? "Thinking…" : "Thinking" });
  for (const [at, block] of wanted.entries()) {
    let shown = body.children[at];
    if (shown?.dataset.kind !== block.kind) {
      const made = SHOWN[block.kind]();
      made.dataset.kind = block.kind;
      if (shown) shown.replaceWith(made);
      else body.append(made);
      shown = made;
    }
    write(shown.matches(".leaf") ? shown : shown.querySelector(".leaf"), block.text);
    if (block.name !== undefined) write(shown.querySelector(".name"), block.name);
  }
  while (body.children.length > wanted.length) body.lastElementChild.remove();
}

function write(element, text) {
  const shown = element.textContent;
  if (shown === text) return;
  if (shown && text.startsWith(shown)) element.firstChild.appendData(text.slice(shown.length));
  else element.textContent = text;
}

let painting = 0;
function repaint(talk, at) {
  if (talk !== now || painting) return;
  painting = requestAnimationFrame(() => {
    painting = 0;
    const item = page.messages.lastElementChild;
    if (talk !== now || Number(item?.dataset.at) !== at) return;
    const follows = isAtEnd();
    paint(item.querySelector(".body"), talk.messages[at], busy?.message === talk.messages[at]);
    if (follows) toEnd();
  });
}

/** Fills the item of a message. */
function fill(item, at) {
  const message = now.messages[at];
  const isLive = busy?.message === message;
  const [head, images, body, about, tools] = item.children;
  head.textContent = message.role === "user" ? "You" : message.model;
  images.replaceChildren(...(message.pictures ?? []).map(({ url, name }) => make("img", { src: url, alt: name })));
  images.hidden = !message.pictures?.length;
  if (isLive) body.ariaLive = "polite";
  body.ariaBusy = String(isLive);
  paint(body, message, isLive);
  about.textContent = message.role === "user" ? "" : isLive ? "Answering…" : figures(message);
  tools.replaceChildren(...(isLive ? [] : toolsOf(message, at)));
}

function toolsOf(message, at) {
  const all = beside(now, at);
  const place = all.indexOf(at);
  const tools = [];
  if (all.length > 1) {
    const move = (by) => {
      if (busy) return;
      choose(now, message.parent, all[place + by]);
      keep(now);
      draw();
      const moved = page.messages.querySelector(`[data-at="${all[place + by]}"]`);
      const way = by < 0 ? ".earlier" : ".later";
      (moved.querySelector(`${way}:enabled`) ?? moved.querySelector(".branch:enabled")).focus();
    };
    const [first, last] = [place === 0, place === all.length - 1];
    tools.push(
      button("‹", () => move(-1), { className: "branch earlier", ariaLabel: "Earlier branch", disabled: first }),
      make("span", { textContent: `${place + 1} of ${all.length}` }),
      button("›", () => move(1), { className: "branch later", ariaLabel: "Later branch", disabled: last }),
    );
  }
  if (message.role === "user") tools.push(button("Edit", () => edit(at)));
  else tools.push(button("Regenerate", () => again(message.parent)));
  if (message.role === "user" && message.next === null) tools.push(button("Answer this", () => again(at)));
  tools.push(button("Copy", (one) => copy(message.role === "user" ? message.text : parted(message).text, one)));
  return tools;
}

function draw() {
  const items = path(now).map((at) => {
    const item = make("li", { className: now.messages[at].role });
    item.dataset.at = at;
    const named = (tag, className) => make(tag, { className });
    item.append(make("h2"), named("p", "images"), named("div", "body"), named("p", "words"), named("p", "chat-tools"));
    fill(item, at);
    return item;
  });
  page.messages.replaceChildren(...items);
  page.begin.hidden = items.length > 0;
  for (const name of ["export-json", "export-md", "delete"]) page[name].disabled = !items.length;
  turn();
}

function drawList() {
  const items = latest().map((talk) => {
    const link = make("a", { href: `#${talk.id}`, textContent: title(talk) });
    if (talk === now) link.ariaCurrent = "true";
    return make("li", {}, link);
  });
  page.conversations.replaceChildren(...items);
  page.past.firstElementChild.textContent = items.length ? `Conversations (${items.length})` : "Conversations";
}

/** Shows whose turn it is. */
function turn() {
  const [shown, other] = busy ? [page.stop, page.send] : [page.send, page.stop];
  const moves = document.activeElement === other;
  shown.hidden = false;
  other.hidden = true;
  if (moves) shown.focus();
  page.editing.hidden = !editing;
}

function tell(text, param) {
  page.fault.textContent = text;
  page.fault.hidden = !text;
  for (const name of ["system", ...NUMBERS]) fields[name].ariaInvalid = String(name === param);
  if (NUMBERS.includes(param)) {
    page.settings.open = true;
    fields[param].focus();
  }
}

function say(text) {
  page.said.textContent = text;
}

const end = () => page.compose.parentElement.getBoundingClientRect().bottom - window.innerHeight;
const isAtEnd = () => end() < 120;
const toEnd = () => window.scrollBy(0, Math.max(0, end()));

function fillBox(held) {
  page.text.value = held.text;
  pictures = held.pictures;
  drawPictures();
  turn();
}

function edit(at) {
  if (busy) return;
  editing = { at, held: editing?.held ?? { text: page.text.value, pictures } };
  fillBox({ text: now.messages[at].text, pictures: [...(now.messages[at].pictures ?? [])] });
  page.text.focus();
}

function leaveEditing() {
  const { held } = editing;
  editing = null;
  fillBox(held);
  page.text.focus();
}

async function copy(text, from) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    // Browsers give the clipboard to encrypted pages alone, and a phone on the same network has none.
    const box = make("textarea", { value: text, className: "unseen" });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    from.focus();
  }
  from.textContent = "Copied";
  setTimeout(() => (from.textContent = "Copy"), 2000);
}

/** Shows a conversation; an answer under way in another one ends. */
function open(talk) {
  busy?.stop.abort();
  if (editing) leaveEditing();
  now = talk;
  page.model.value = talk.model;
  if (page.model.selectedIndex < 0 && page.model.options.length) page.model.selectedIndex = 0;
  now.model = page.model.value || now.model;
  for (const name of ["system", ...NUMBERS]) fields[name].value = talk.settings[name] ?? "";
  tell("");
  draw();
  drawList();
  if (talk.messages.length) toEnd();
}

// Files.

function save(kind, mime, text) {
  const href = URL.createObjectURL(new Blob([text], { type: mime }));
  const link = make("a", { href, download: `plimsoll-chat-${now.id}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What is done with the page.

page.compose.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
page.text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (busy) busy.stop.abort();
  else if (editing) leaveEditing();
});
page.stop.addEventListener("click", () => busy?.stop.abort());
page.cancel.addEventListener("click", leaveEditing);
page.attach.addEventListener("click", () => page.file.click());
page.file.addEventListener("change", async () => {
  await take([...page.file.files]);
  page.file.value = "";
  page.text.focus();
});
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  // Office programs copy a picture of their text besides.
  if (!files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  take(files);
});
document.addEventListener("dragover", (event) => {
  if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  take([...event.dataTransfer.files]);
});
page.model.addEventListener("change", () => {
  now.model = page.model.value;
  keep(now);
});
page.fields.addEventListener("input", ({ target }) => (now.settings[target.name] = target.value));
page.fields.addEventListener("change", () => keep(now));
page.fields.addEventListener("submit", (event) => event.preventDefault());
page.new.addEventListener("click", () => {
  history.pushState(null, "", location.pathname);
  open(begun(now ?? latest()[0]));
  page.text.focus();
});
page.delete.addEventListener("click", () => {
  if (!confirm("Delete this conversation with all its branches? It is kept nowhere else.")) return;
  const gone = now;
  deleted.add(gone);
  history.replaceState(null, "", location.pathname);
  open(begun(now ?? latest()[0]));
  forget(gone);
  drawList();
});
page["export-json"].addEventListener("click", () => {
  save("json", "application/json", JSON.stringify(now, null, 2) + "\n");
});
page["export-md"].addEventListener("click", () => save("md", "text/markdown", markdown(now)));
window.addEventListener("popstate", () => {
  const talk = conversations.get(location.hash.slice(1));
  if (talk ? talk !== now : !location.hash) open(talk ?? begun(now ?? latest()[0]));
});
window.addEventListener("pagehide", () => {
  if (!busy) return;
  busy.message.stopped = true;
  keep(busy.talk);
});
// Another tab said something, or deleted a conversation.
window.addEventListener("storage", ({ key, newValue }) => {
  if (!key?.startsWith(KEY)) return;
  const id = key.slice(KEY.length);
  const talk = newValue && read(newValue);
  if (id === now.id && busy) return;
  if (talk) conversations.set(id, talk);
  else conversations.delete(id);
  if (talk && id === now.id) open(talk);
  else drawList();
});

async function start() {
  readAll();
  page.past.open = page.settings.open = window.matchMedia("(min-width: 60rem)").matches;
  let fault;
  try {
    const response = await fetch("/v1/models");
    if (!response.ok) throw await refusal(response);
    const { data } = await response.json();
    page.model.replaceChildren(...data.map(({ id }) => make("option", { value: id, textContent: id })));
  } catch (error) {
    fault = error;
  }
  // Shown once there is something to ask, and a conversation to ask in.
  page.chat.hidden = false;
  open(conversations.get(location.hash.slice(1)) ?? begun(now ?? latest()[0]));
  if (fault) tell(`The models cannot be listed: ${fault.message}`);
  if (window.matchMedia("(hover: hover)").matches) page.text.focus();
}
start();
