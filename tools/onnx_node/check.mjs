// Exported models, run by transformers.js from a local folder, beside `plimsoll run`.
//
//     npm ci --prefix tools/onnx_node --ignore-scripts
//     node tools/onnx_node/check.mjs target/release/plimsoll
//
// The embedded models are exported in every precision. Of text, tokens have to be those of `run` on the same weights: of what is
// quantised, on the GGUF that `quantize` makes of it. Of pictures, the answer has to be that of `run` on the model as it is: the
// library resizes pictures by other means, and answers come through its own processor and chat template. Prints a line for each;
// exit status 1 if anything differs.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AutoModelForCausalLM,
  AutoModelForImageTextToText,
  AutoProcessor,
  AutoTokenizer,
  RawImage,
  env,
} from "@huggingface/transformers";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PRECISIONS = ["fp32", "fp16", "q8", "q4", "q4f16"];
const OF_GGUF = { q8: "Q8_0", q4: "Q4_0", q4f16: "Q4_0" };
const MOST = 64;
const TEXTS = [
  ["demo:small", "Once upon a time"],
  ["demo:large", "What is 12 + 7?"],
];
const PICTURES = [
  ["five_shapes.png", "What colour is the circle?"],
  ["letter_and_digit.png", "Which letter is shown?"],
  ["circle_and_cross.png", "What colour is the cross?"],
];

const binary = resolve(process.argv[2] ?? "target/release/plimsoll");
const folder = mkdtempSync(join(tmpdir(), "plimsoll-onnx-"));
env.allowRemoteModels = false;
env.localModelPath = folder;
let failed = 0;

const plimsoll = (...words) => execFileSync(binary, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

const run = (model, text, ...words) => {
  const asked = ["run", model, text, "--temperature", "0", "--max-tokens", String(MOST), "--json", ...words];
  return JSON.parse(plimsoll(...asked)).tokens;
};

/** Tokens without the one that ended them, which `run` does not tell. */
const generated = (output, prompt, ends) => {
  const tokens = output.tolist()[0].slice(prompt).map(Number);
  return ends.includes(tokens.at(-1)) ? tokens.slice(0, -1) : tokens;
};

const ends = (model) => [model.generation_config?.eos_token_id ?? model.config.eos_token_id].flat();

const tell = (what, tokens, expected) => {
  const same = JSON.stringify(tokens) === JSON.stringify(expected);
  failed += same ? 0 : 1;
  console.log(`${what.padEnd(40)} ${same ? `${tokens.length} tokens` : `differ: ${tokens} where \`run\` has ${expected}`}`);
};

const exported = (model) => {
  const name = model.replace(":", "-");
  plimsoll("export", "onnx", model, "-o", join(folder, name), "--to", PRECISIONS.join());
  return name;
};

const gguf = (model, type) => {
  const file = join(folder, `${model.replace(":", "-")}-${type}.gguf`);
  const heads = ["--output-type", "Q8_0", "--embedding-type", "Q8_0"];
  plimsoll("quantize", model, "--to", type, ...heads, "--force", "-o", file);
  return file;
};

for (const [model, text] of TEXTS) {
  const name = exported(model);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const inputs = tokenizer(text);
  for (const dtype of PRECISIONS) {
    const decoder = await AutoModelForCausalLM.from_pretrained(name, { dtype });
    const output = await decoder.generate({ ...inputs, max_new_tokens: MOST, do_sample: false });
    const tokens = generated(output, inputs.input_ids.dims[1], ends(decoder));
    const weights = dtype in OF_GGUF ? gguf(model, OF_GGUF[dtype]) : model;
    tell(`${model} ${dtype}`, tokens, run(weights, text, "--raw"));
    await decoder.dispose();
  }
}

const seeing = exported("demo:vision");
const processor = await AutoProcessor.from_pretrained(seeing);
for (const dtype of PRECISIONS) {
  const model = await AutoModelForImageTextToText.from_pretrained(seeing, { dtype });
  for (const [file, text] of PICTURES) {
    const path = join(ROOT, "demo/images", file);
    const content = [{ type: "image" }, { type: "text", text }];
    const prompt = processor.apply_chat_template([{ role: "user", content }], { add_generation_prompt: true });
    const inputs = await processor(prompt, [await RawImage.read(path)]);
    const output = await model.generate({ ...inputs, max_new_tokens: MOST, do_sample: false });
    const tokens = generated(output, inputs.input_ids.dims[1], ends(model));
    tell(`demo:vision ${dtype} ${file}`, tokens, run("demo:vision", text, "--image", path));
  }
  await model.dispose();
}

rmSync(folder, { recursive: true });
console.log(failed ? `${failed} differ` : "all as they should be");
process.exit(failed ? 1 : 0);
