// Clients of npm against the server at ADDRESS: node clients.mjs ADDRESS. tools/api_clients.py starts the server.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { generateObject, generateText, jsonSchema, streamText, tool } from "ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const address = process.argv[2];
const root = path.resolve(import.meta.dirname, "../..");
const picture = await readFile(path.join(root, "demo/images/five_shapes.png"));
const encoded = picture.toString("base64");
const asked = "What is 12 + 7?";
const colour = "What colour is the circle?";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "Tells the weather.", parameters };
const forecast = z.object({ city: z.enum(["Oslo", "Rome"]), days: z.array(z.number().int()).min(1).max(2) }).strict();
const user = (content) => [{ role: "user", content }];

async function collected(stream, text) {
  let all = "";
  for await (const piece of stream) all += text(piece) ?? "";
  return all;
}

/** OpenAI's own. */
async function openai() {
  const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
  const chat = { model: "demo:large", messages: user(asked), temperature: 0 };
  const answer = await client.chat.completions.create(chat);
  assert.equal(answer.choices[0].message.content, "19");
  const pieces = await client.chat.completions.create({ ...chat, stream: true });
  assert.equal(await collected(pieces, (piece) => piece.choices[0]?.delta.content), "19");
  const gathered = await client.chat.completions.stream(chat).finalContent();
  assert.equal(gathered, "19");
  const tools = [{ type: "function", function: weather }];
  const offered = await client.chat.completions.create({ ...chat, model: "caller", tools });
  assert.equal(offered.choices[0].message.role, "assistant");
  const held = { ...chat, max_tokens: 200, response_format: zodResponseFormat(forecast, "forecast") };
  forecast.parse((await client.chat.completions.parse(held)).choices[0].message.parsed);
  const forced = { ...chat, model: "caller", tools, tool_choice: "required", parallel_tool_calls: false };
  const [call] = (await client.chat.completions.create(forced)).choices[0].message.tool_calls;
  assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
  const url = `data:image/png;base64,${encoded}`;
  const parts = [{ type: "image_url", image_url: { url } }, { type: "text", text: colour }];
  const seen = await client.chat.completions.create({ ...chat, model: "demo:vision", messages: user(parts), max_tokens: 20 });
  assert.match(seen.choices[0].message.content, /black/);
  const respond = { model: "demo:large", input: asked, temperature: 0, store: false };
  assert.equal((await client.responses.create(respond)).output_text, "19");
  const events = client.responses.stream(respond);
  assert.equal(await collected(events, (event) => (event.type === "response.output_text.delta" ? event.delta : "")), "19");
  assert.equal((await events.finalResponse()).output_text, "19");
  await assert.rejects(client.chat.completions.create({ ...chat, temperature: 9 }), OpenAI.BadRequestError);
  await assert.rejects(client.responses.create({ ...respond, model: "gpt-9" }), OpenAI.NotFoundError);
}

/** Anthropic's own. */
async function anthropic() {
  const client = new Anthropic({ baseURL: address, apiKey: "none", maxRetries: 0 });
  const ask = { model: "demo:large", messages: user(asked), max_tokens: 20, temperature: 0 };
  assert.equal((await client.messages.create(ask)).content[0].text, "19");
  const stream = client.messages.stream(ask);
  assert.equal(await stream.finalText(), "19");
  const { type, data } = { type: "image", data: encoded };
  const parts = [{ type, source: { type: "base64", media_type: "image/png", data } }, { type: "text", text: colour }];
  const seen = await client.messages.create({ ...ask, model: "demo:vision", messages: user(parts) });
  assert.match(seen.content[0].text, /black/);
  const tools = [{ name: weather.name, description: weather.description, input_schema: parameters }];
  assert.equal((await client.messages.create({ ...ask, model: "caller", tools })).type, "message");
  const forced = { ...ask, model: "caller", max_tokens: 200, tools, tool_choice: { type: "any" } };
  const called = await client.messages.create(forced);
  const uses = called.content.filter((block) => block.type === "tool_use");
  assert.ok(uses.length > 0 && uses.every((use) => typeof use.input.city === "string"));
  assert.ok((await client.messages.countTokens({ model: "demo:large", messages: user(asked) })).input_tokens > 5);
  await assert.rejects(client.messages.create({ ...ask, model: "claude-9" }), Anthropic.NotFoundError);
}

/** Ollama's own. */
async function ollama() {
  const client = new Ollama({ host: address });
  const ask = { model: "demo:large", messages: user(asked), options: { temperature: 0, num_predict: 20 } };
  assert.equal((await client.chat(ask)).message.content, "19");
  assert.equal(await collected(await client.chat({ ...ask, stream: true }), (line) => line.message.content), "19");
  const seen = await client.generate({ model: "demo:vision", prompt: colour, images: [encoded], options: ask.options });
  assert.match(seen.response, /black/);
  const tools = [{ type: "function", function: weather }];
  assert.equal((await client.chat({ ...ask, model: "caller", tools })).done, true);
  const options = { ...ask.options, num_predict: 200 };
  const held = await client.chat({ ...ask, options, format: z.toJSONSchema(forecast) });
  forecast.parse(JSON.parse(held.message.content));
  assert.ok((await client.list()).models.some((model) => model.name === "demo:large"));
  assert.ok((await client.show({ model: "demo:vision" })).capabilities.includes("vision"));
  await assert.rejects(client.chat({ ...ask, model: "llama9" }), /demo:large/);
}

/** Vercel's, over what is like OpenAI's. */
async function vercel() {
  const provider = createOpenAICompatible({
    name: "plimsoll", baseURL: `${address}/v1`, includeUsage: true, supportsStructuredOutputs: true,
  });
  const ask = { model: provider("demo:large"), prompt: asked, temperature: 0, maxRetries: 0 };
  assert.equal((await generateText(ask)).text, "19");
  const streamed = streamText(ask);
  assert.equal(await collected(streamed.textStream, (text) => text), "19");
  assert.ok((await streamed.usage).inputTokens > 5);
  const content = [{ type: "file", mediaType: "image/png", data: picture }, { type: "text", text: colour }];
  const seen = await generateText({
    model: provider("demo:vision"), messages: user(content), temperature: 0, maxOutputTokens: 20, maxRetries: 0,
  });
  assert.match(seen.text, /black/);
  const tools = { get_weather: tool({ description: weather.description, inputSchema: jsonSchema(parameters) }) };
  assert.equal(typeof (await generateText({ ...ask, model: provider("caller"), tools })).text, "string");
  const forced = await generateText({ ...ask, model: provider("caller"), tools, toolChoice: "required" });
  assert.ok(forced.toolCalls.length > 0 && forced.toolCalls.every((call) => typeof call.input.city === "string"));
  forecast.parse((await generateObject({ ...ask, schema: forecast, maxOutputTokens: 200 })).object);
  await assert.rejects(generateText({ ...ask, model: provider("gpt-9") }), /demo:large/);
}

/** LangChain's, over OpenAI's. */
async function langchain() {
  const configuration = { baseURL: `${address}/v1` };
  const of = (model) => new ChatOpenAI({ model, apiKey: "none", temperature: 0, maxRetries: 0, configuration });
  assert.equal((await of("demo:large").invoke(asked)).content, "19");
  assert.equal(await collected(await of("demo:large").stream(asked), (piece) => piece.content), "19");
  const image_url = { url: `data:image/png;base64,${encoded}` };
  const content = [{ type: "image_url", image_url }, { type: "text", text: colour }];
  assert.match((await of("demo:vision").invoke(user(content))).content, /black/);
  const caller = of("caller").bindTools([{ type: "function", function: weather }]);
  assert.equal(typeof (await caller.invoke(asked)).content, "string");
  for (const method of ["jsonSchema", "functionCalling"]) {
    const structured = of(method === "jsonSchema" ? "demo:large" : "caller").withStructuredOutput(forecast, { method, strict: true });
    forecast.parse(await structured.invoke(asked));
  }
  await assert.rejects(of("gpt-9").invoke(asked), /demo:large/);
}

for (const client of [openai, anthropic, ollama, vercel, langchain]) {
  await client();
  console.log(`ok  ${client.name}, of npm`);
}
