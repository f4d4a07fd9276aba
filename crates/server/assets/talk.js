// Conversations, and what the API is asked and says, without a page around them.
//
// A conversation is a list of messages that are a tree: each knows its `parent` and which of its answers is shown `next`
// (-1 stands for the beginning, null for none). Whoever edits or asks again adds a branch; none is lost.

/** What a conversation says it is, in storage and in files. */
const FORMAT = "plimsoll-chat-1";
/** Answers that took less after their first token have no speed. [ms] */
const SHORTEST = 50;
/** Fields of a request that are numbers. */
export const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];

/** A conversation that begins, with the model and the settings of another one. */
export function begun(last) {
  const id = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
  const { model = "", settings } = last ?? {};
  return { format: FORMAT, id, changed: "", model, settings: { ...settings }, first: null, messages: [] };
}

/** A conversation as it was kept; nothing where it is none. */
export function read(text) {
  try {
    const talk = JSON.parse(text);
    const whole = talk.format === FORMAT && typeof talk.id === "string" && typeof talk.changed === "string";
    return whole && Array.isArray(talk.messages) && talk.settings ? talk : null;
  } catch {
    return null;
  }
}

const next = (talk, at) => (at < 0 ? talk.first : talk.messages[at].next);

export function choose(talk, parent, child) {
  if (parent < 0) talk.first = child;
  else talk.messages[parent].next = child;
}

export function add(talk, parent, message) {
  const at = talk.messages.push({ parent, next: null, ...message }) - 1;
  choose(talk, parent, at);
  return at;
}

/** What takes back all that is added after `parent` from here on. */
export function undoing(talk, parent) {
  const [length, child] = [talk.messages.length, next(talk, parent)];
  return () => {
    talk.messages.length = length;
    choose(talk, parent, child);
  };
}

/** The messages that are shown, by their places in the list. */
export function path(talk) {
  const found = [];
  const { messages } = talk;
  for (let at = talk.first; messages[at] && found.length < messages.length; at = messages[at].next) found.push(at);
  return found;
}

/** The messages that stand in the same place as one, itself among them. */
export function beside({ messages }, at) {
  return [...messages.keys()].filter((other) => messages[other].parent === messages[at].parent);
}

export function title(talk) {
  const first = talk.messages.find((message) => message.role === "user");
  return first?.text.trim().split("\n")[0].slice(0, 80) || (first?.pictures?.length ? "A picture" : "New conversation");
}

// What is asked, and what comes.

/** Something went wrong that the API says in a sentence, of a field of the request where it names one. */
export class Fault extends Error {
  constructor({ message, param }) {
    super(message);
    this.param = param;
  }
}

export async function refusal(response) {
  const body = await response.json().catch(() => null);
  const plain = { message: `The server answers ${response.status} ${response.statusText}.` };
  return new Fault(body?.error?.message ? body.error : plain);
}

/** A message as the API has it; of an answer only what was said after thinking. */
function content(message) {
  const text = message.role === "assistant" ? parted(message).text : message.text;
  if (!message.pictures?.length) return text;
  const shown = message.pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return text ? [...shown, { type: "text", text }] : shown;
}

/** The body of the request that has a message answered. */
export function request(talk, until) {
  const { model, settings } = talk;
  const shown = path(talk);
  const messages = shown.slice(0, shown.indexOf(until) + 1).map((at) => talk.messages[at]);
  const said = messages.map((message) => ({ role: message.role, content: content(message) }));
  if (settings.system?.trim()) said.unshift({ role: "system", content: settings.system });
  const body = { model, messages: said, stream: true, stream_options: { include_usage: true } };
  for (const name of NUMBERS) {
    const text = (settings[name] ?? "").trim();
    const number = Number(text);
    const exact = Number.isFinite(number) && !(Number.isInteger(number) && !Number.isSafeInteger(number));
    // What is no number is sent as it stands, so that it is refused and not left out.
    if (text) body[name] = exact ? number : text;
  }
  return body;
}

/** The objects of an answer, as they come. */
export async function* pieces(body, signal) {
  const headers = { "content-type": "application/json" };
  const response = await fetch("/v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) throw new Fault({ message: "The answer broke off: the connection was closed." });
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events.filter((event) => event.startsWith("data: "))) {
      if (event === "data: [DONE]") return;
      const piece = JSON.parse(event.slice(6));
      if (piece.error) throw new Fault(piece.error);
      yield piece;
    }
  }
}

/** Notes what an answer took; times are in ms. */
export function count(message, usage, started, first, ended) {
  const { prompt_tokens, completion_tokens, prompt_tokens_details } = usage;
  message.usage = { prompt: prompt_tokens, cached: prompt_tokens_details?.cached_tokens ?? 0, answer: completion_tokens };
  if (first === undefined) return;
  message.first = (first - started) / 1000;
  // What comes in a single breath tells nothing of the model's speed.
  if (completion_tokens > 1 && ended - first >= SHORTEST) message.rate = (1000 * (completion_tokens - 1)) / (ended - first);
}

// What is read.

/** An answer's thinking and what was said after it. */
export function parted(message) {
  const text = message.text.trimStart();
  const end = text.indexOf("</think>");
  const begins = text.startsWith("<think>");
  // Templates that begin the thinking themselves leave only its end in the answer.
  if (begins || end >= 0) {
    const thought = text.slice(begins ? 7 : 0, end < 0 ? undefined : end).trim();
    const all = [message.thinking, thought].filter(Boolean).join("\n");
    return { thought: all, text: end < 0 ? "" : text.slice(end + 8).trimStart() };
  }
  return { thought: message.thinking ?? "", text: text && "<think>".startsWith(text) ? "" : text };
}

/** Code between fences, of which the last may be missing yet: its language, and itself. */
const FENCED = /^```([^\n`]*)\n([^]*?)(?:^```[ \t]*(?:\n|$(?![^]))|$(?![^]))/gm;

/** A text in pieces: code between fences, and what stands around it. */
export function* blocks(text) {
  const around = (from, to) => text.slice(from, to).replace(/^\n+|\s+$/g, "");
  let from = 0;
  for (const found of text.matchAll(FENCED)) {
    if (around(from, found.index)) yield { kind: "text", text: around(from, found.index) };
    yield { kind: "code", text: found[2].replace(/\n$/, ""), name: found[1].trim() };
    from = found.index + found[0].length;
  }
  if (around(from)) yield { kind: "text", text: around(from) };
}

const short = (number, digits) => String(Number(number.toPrecision(digits)));
const tokens = (count) => `${count} ${count === 1 ? "token" : "tokens"}`;

/** What an answer took, in words. */
export function figures({ usage, rate, first, finish, stopped }) {
  const said = [];
  if (usage) said.push(tokens(usage.answer));
  if (rate) said.push(`${short(rate, 3)} tokens/s`);
  if (first) said.push(`first after ${short(first, 2)} s`);
  if (usage) said.push(`prompt ${tokens(usage.prompt)}${usage.cached ? `, ${usage.cached} of them known already` : ""}`);
  if (finish === "length") said.push("ended by the limit of tokens");
  if (stopped) said.push("stopped");
  return said.join(" · ");
}

/** The branch that is shown, as Markdown. */
export function markdown(talk) {
  const lines = [`# ${title(talk)}`];
  if (talk.settings.system?.trim()) lines.push("## System", talk.settings.system);
  for (const message of path(talk).map((at) => talk.messages[at])) {
    const { thought, text } = message.role === "assistant" ? parted(message) : { thought: "", text: message.text };
    lines.push(message.role === "user" ? "## You" : `## ${message.model}`);
    for (const { name, url } of message.pictures ?? []) lines.push(`![${name.replace(/[[\]]/g, "")}](${url})`);
    if (thought) lines.push(thought.replace(/^/gm, "> "));
    lines.push(text);
    if (message.usage) lines.push(`*${figures(message)}*`);
  }
  return lines.join("\n\n") + "\n";
}
