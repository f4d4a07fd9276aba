#!/usr/bin/env python3
"""Writes models as ONNX with a binary of the program and holds what ONNX Runtime computes of them to what the reference computes.

    pip install onnx==1.23.2 onnxruntime==1.32.0 onnxruntime-genai==0.18.0 numpy
    cargo build --release -p plimsoll-testing --example write_checkpoint
    python tools/onnx_check.py target/release/plimsoll [CASE …]

Every case is a folder of `crates/testing/golden`: a tiny checkpoint, of which transformers computed logits and generated tokens.
Its folder is exported in singles, and where it has a GGUF, that too. Of each
  whole    onnx.checker's full check; inputs, outputs and the numbers in their shapes are those of transformers.js' layout
  logits   greatest difference from the reference at the last position, after a prompt of 1, 12 and 120 tokens: under 1e-3; the
           likeliest token at every position; and the reference's tokens, generated one at a time behind the prompt
  onnx     the same difference by the evaluator that defines ONNX's operations; no other operation is in a graph of floats
  verify   greatest difference of logits from the program's own, and 64 tokens generated: `verify` with what ONNX Runtime gives
           in the reference's place
  padded   two prompts together, filled up on the left, then on the right, and a step behind them: as each alone, to 1e-3
  genai    tokens of onnxruntime-genai from the same folder, where it is installed and knows the type: those of the graph
  gguf     as `logits`, of the GGUF
A tower is held to the reference's features, alone, with a tile that fills up, and with a tile of which a part counts. Networks with
experts have to be refused by name; without them they go through the rest, but for the reference's numbers.
  fp16     divergence of the next token's distribution from that in singles, in nats
  q8 …     a GGUF of that type `--exact`, and floats fitted to it where `--to` can: inputs unrounded, logits are those of the same
           weights in singles to 1e-3; shown is the divergence with inputs rounded to 8 bits, as ONNX Runtime has it by default
  exact    the same of a GGUF of one type or mix, `wide` for blocks of 256
  fit      demo:large with a type for each matrix, `--fit`: the types are those that were told, the weights are within the
           memory that was predicted, and the divergence, with inputs unrounded, is of the size that was measured
A CASE may be a folder that tools/make_golden.py wrote a golden.json into, too.
Prints a table; exit status 1 if anything differs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

try:
    import onnxruntime_genai as genai
except ImportError:
    genai = None

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "crates/testing/golden"
TOLERANCE = 1e-3
# In nats, of a tiny random model whose logits spread over tens.
DIVERGENCE = 0.05
# What is fitted, for only an embedded model has text that types are chosen by, and to what share of the bytes of singles.
FITTED = "demo:large"
FITTED_TO = 0.3
FITTED_CONTEXT = 64
QUANTISED = {"q8": "Q8_0", "q4": "Q4_0", "Q4_1": "Q4_1", "Q5_0": "Q5_0"}
# Blocks of 256, and groups of 16.
WIDE = {"hidden_size": 256, "intermediate_size": 512}
WIDE_TYPES = ["Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS", "IQ3_S", "TQ2_0"]
SUFFIXES = {"q8": "_quantized", "q4": "_q4"}
GENERATED = 64
WITHOUT_EXPERTS = {"moe_layers": []}


class Differs(Exception):
    """Something is not as it should be."""


def require(holds, what):
    if not holds:
        raise Differs(what)


class Graph:
    """A session with what its inputs are."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {port.name: port for port in self.session.get_inputs()}
        self.outputs = [port.name for port in self.session.get_outputs()]

    def run(self, feeds):
        return dict(zip(self.outputs, self.session.run(None, feeds)))


class Decoder(Graph):
    """A decoder that is asked step by step."""

    def empty(self, batch):
        kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        past = {name: port for name, port in self.inputs.items() if name.startswith("past_key_values.")}
        return {name: np.zeros((batch, port.shape[1], 0, port.shape[3]), kind[port.type]) for name, port in past.items()}

    def step(self, rows, mask, past):
        """Logits and the cache behind some tokens, ids or embeddings; `mask` covers what was before too."""
        first = "input_ids" if "input_ids" in self.inputs else "inputs_embeds"
        positions = np.maximum(np.cumsum(mask, axis=1) - 1, 0)[:, mask.shape[1] - rows.shape[1]:]
        found = self.run({first: rows, "attention_mask": mask, "position_ids": positions, **past})
        present = {name.replace("present", "past_key_values"): value for name, value in found.items() if name != "logits"}
        return found["logits"], present

    def prompt(self, rows):
        return self.step(rows, np.ones(rows.shape[:2], np.int64), self.empty(rows.shape[0]))

    def greedy(self, rows, n, embed=lambda ids: ids):
        logits, past = self.prompt(rows)
        total, tokens = rows.shape[1], []
        for _ in range(n):
            tokens.append(int(logits[0, -1].argmax()))
            total += 1
            ids = embed(np.array([[tokens[-1]]], np.int64))
            logits, past = self.step(ids, np.ones((1, total), np.int64), past)
        return tokens


def plimsoll(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)


def export(binary, model, to, *arguments):
    done = plimsoll(binary, "export", "onnx", model, "-o", to, *arguments)
    require(done.returncode == 0, f"export: {done.stderr.strip()}")
    return to / "onnx"


def whole(folder, names):
    """Every graph passes ONNX's own checker, and no file is there that was not asked for."""
    for name in names:
        onnx.checker.check_model(str(folder / name), full_check=True)
        model = onnx.load(str(folder / name), load_external_data=False)
        foreign = {node.op_type for node in model.graph.node if node.domain}
        require(not foreign, f"{name} has operations that are not ONNX's: {foreign}")
    found = {file.name for file in folder.iterdir()}
    require(found == {name + end for name in names for end in ("", "_data")}, f"files are {sorted(found)}")


def ports(graph, config, first):
    """Names and numbers by which transformers.js makes an empty cache."""
    layers = config["num_hidden_layers"]
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    cached = [f"{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]
    expected = [first, "attention_mask", "position_ids", *(f"past_key_values.{name}" for name in cached)]
    require(list(graph.inputs) == expected, f"inputs are {list(graph.inputs)}")
    require(graph.outputs == ["logits", *(f"present.{name}" for name in cached)], f"outputs are {graph.outputs}")
    for name in cached:
        shape = graph.inputs[f"past_key_values.{name}"].shape
        require(shape == ["batch_size", heads, "past_sequence_length", head_dim], f"{name} is {shape}")


def against_reference(graph, cases):
    """Greatest difference of logits, and tokens generated."""
    worst = 0
    for case in cases:
        ids = np.array([case["input_ids"]], np.int64)
        logits, _ = graph.prompt(ids)
        worst = max(worst, float(np.abs(logits[0, -1] - np.array(case["last_logits"])).max()))
        likeliest = logits[0].argmax(-1).tolist()
        require(likeliest == case.get("argmax", likeliest), f"likeliest tokens after {ids.shape[1]}")
        tokens = graph.greedy(ids, len(case["greedy"]))
        require(tokens == case["greedy"], f"generated {tokens}, the reference {case['greedy']}")
    require(worst < TOLERANCE, f"logits differ by {worst:.2g}")
    return worst


def by_definition(path, graph, cases):
    """Greatest difference of ONNX's own evaluator from the reference."""
    evaluator, worst = ReferenceEvaluator(str(path)), 0.0
    for case in cases:
        ids = np.array([case["input_ids"]], np.int64)
        positions = np.arange(ids.shape[1])[None]
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": positions, **graph.empty(1)}
        logits = evaluator.run(["logits"], feeds)[0]
        worst = max(worst, float(np.abs(logits[0, -1] - np.array(case["last_logits"])).max()))
    require(worst < TOLERANCE, f"ONNX's own evaluator differs by {worst:.2g}")
    return worst


def beside_verify(binary, folder, graph, config, prompts):
    """Greatest difference of logits from the program's own; every generated token has to be the same."""
    # Keys that were cached before a sequence outgrew its first frequencies stay as they are here, and are computed anew there.
    bound = config.get("original_max_position_embeddings", sys.maxsize)
    cases = []
    for prompt in prompts:
        ids = np.array([prompt], np.int64)
        logits = graph.prompt(ids)[0][0]
        n = min(GENERATED, bound - len(prompt)) if len(prompt) < bound else GENERATED
        cases.append({"input_ids": prompt, "last_logits": logits[-1].tolist(), "argmax": logits.argmax(-1).tolist(),
                      "greedy": graph.greedy(ids, n)})
    if not (folder / "tokenizer.json").exists():
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(ROOT / "demo/small" / name, folder)
    (folder / "golden.json").write_text(json.dumps({"made_with": "ONNX Runtime", "cases": cases}))
    done = plimsoll(binary, "verify", folder, "--tolerance", TOLERANCE, "--json")
    require(done.returncode == 0, f"verify: {done.stderr.strip() or json.loads(done.stdout)['cases']}")
    return max(case["max_delta"] for case in json.loads(done.stdout)["cases"])


def beside_genai(folder, graph, prompts):
    """Tokens of onnxruntime-genai, which has to give those of the graph alone; nothing if it does not know the model's type."""
    try:
        model = genai.Model(str(folder))
    except RuntimeError as error:
        require("Unsupported model_type" in str(error), f"onnxruntime-genai: {error}")
        return None
    n = 0
    for prompt in prompts[:2]:
        options = genai.GeneratorParams(model)
        options.set_search_options(max_length=len(prompt) + GENERATED // 2, do_sample=False)
        generator = genai.Generator(model, options)
        generator.append_tokens(np.array(prompt, np.int32))
        tokens = []
        while not generator.is_done():
            generator.generate_next_token()
            tokens.append(int(generator.get_next_tokens()[0]))
        expected = graph.greedy(np.array([prompt], np.int64), len(tokens))
        require(tokens == expected, f"onnxruntime-genai generated {tokens}, the graph alone {expected}")
        n += len(tokens)
    return n


def padded(graph, prompts):
    """Greatest difference of two prompts together from each alone, in the prompt and a step behind it."""
    prompts = prompts[-2:]
    longest = max(map(len, prompts))
    worst = 0.0
    for left in (True, False):
        ids, mask = np.zeros((2, longest), np.int64), np.zeros((2, longest), np.int64)
        for row, prompt in enumerate(prompts):
            at = slice(longest - len(prompt), longest) if left else slice(0, len(prompt))
            ids[row, at], mask[row, at] = prompt, 1
        together, past = graph.step(ids, mask, graph.empty(2))
        behind = np.concatenate([mask, np.ones((2, 1), np.int64)], axis=1)
        after, _ = graph.step(np.array([[5], [6]], np.int64), behind, past)
        for row, prompt in enumerate(prompts):
            alone, own = graph.prompt(np.array([prompt], np.int64))
            step, _ = graph.step(np.array([[5 + row]], np.int64), np.ones((1, len(prompt) + 1), np.int64), own)
            worst = max(worst, float(np.abs(together[row][mask[row] == 1] - alone[0]).max()))
            worst = max(worst, float(np.abs(after[row] - step[0]).max()))
    require(worst < TOLERANCE, f"padded prompts differ by {worst:.2g}")
    return worst


def divergence(graph, other, prompts):
    """Greatest Kullback-Leibler divergence of the next token at any position, in nats."""
    worst = 0.0
    for prompt in prompts:
        ids = np.array([prompt], np.int64)
        logs = []
        for found in (other, graph):
            logits = found.prompt(ids)[0][0].astype(np.float64)
            logits -= logits.max(-1, keepdims=True)
            logs.append(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
        worst = max(worst, float((np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1).max()))
    return worst


def uniform(name, n):
    """As `uniform` of crates/testing/src/values.rs."""
    mask, seed = 2**64 - 1, 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & mask
    values = []
    for i in range(1, n + 1):
        z = seed + i * 0x9E3779B97F4A7C15 & mask
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        values.append(((z ^ z >> 31) >> 40) / 2**23 - 1)
    return np.array(values, np.float32)


def features(encoder, pixels, mask=None):
    mask = np.ones(pixels.shape[:2] + pixels.shape[3:], bool) if mask is None else mask
    return encoder.run({"pixel_values": pixels, "pixel_attention_mask": mask})["image_features"]


def tower(folder, config, golden, projection):
    """Greatest difference of features, and of logits behind two tiles; with what the next check needs."""
    edge = config["vision_config"]["image_size"]
    encoder, embed = Graph(folder / "vision_encoder.onnx"), Graph(folder / "embed_tokens.onnx")
    decoder = Decoder(folder / "decoder_model_merged.onnx")
    ports(decoder, config["text_config"], "inputs_embeds")
    pixels = uniform("pixels", 2 * 3 * edge * edge).reshape(1, 2, 3, edge, edge)
    found = features(encoder, pixels)
    expected = np.array(golden["features"], np.float32)
    expected = expected if projection is None else (expected.reshape(-1, projection.shape[1]) @ projection.T).flatten()
    worst = float(np.abs(found.flatten() - expected).max())

    filled = np.concatenate([pixels, np.zeros_like(pixels[:, :1])], axis=1)
    counts = np.ones((1, 3, edge, edge), bool)
    counts[:, 2] = False
    again = features(encoder, filled, counts)
    require(again.shape == found.shape and np.abs(again - found).max() < 1e-5, "a tile that fills up shows")

    if golden["cases"]:
        worst = max(worst, behind_tiles(decoder, embed, found, config, golden["cases"][0]))
    require(worst < TOLERANCE, f"features or logits differ by {worst:.2g}")
    return worst, encoder, pixels


def behind_tiles(decoder, embed, found, config, case):
    """Greatest difference of logits where features stand in for tokens of pictures, and the reference's tokens behind them."""
    words = lambda ids: embed.run({"input_ids": ids})["inputs_embeds"]
    ids = np.array([case["input_ids"]], np.int64)
    rows = words(ids)
    rows[ids == config["image_token_id"]] = found.reshape(-1, rows.shape[-1])
    logits, _ = decoder.prompt(rows)
    tokens = decoder.greedy(rows, len(case["greedy"]), words)
    require(tokens == case["greedy"], f"generated {tokens}, the reference {case['greedy']}")
    return float(np.abs(logits[0, -1] - np.array(case["last_logits"])).max())


def bf16(folder, name):
    """A tensor of a checkpoint, in singles."""
    data = (folder / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:begin])[name]
    first, last = entry["data_offsets"]
    values = np.frombuffer(data[begin + first : begin + last], np.uint16).astype(np.uint32) << 16
    return values.view(np.float32).reshape(entry["shape"])


def part_of_a_tile(encoder, pixels, config):
    """The upper half of a tile with the rest filled up, as that half alone."""
    half = pixels.shape[3] // 2
    alone = features(encoder, np.ascontiguousarray(pixels[:, :1, :, :half]))
    canvas, counts = np.zeros_like(pixels[:, :1]), np.zeros((1, 1, *pixels.shape[3:]), bool)
    canvas[:, :, :, :half], counts[:, :, :half] = pixels[:, :1, :, :half], True
    worst = float(np.abs(features(encoder, canvas, counts)[:, : alone.shape[1]] - alone).max())
    require(worst < TOLERANCE, f"a part of a tile differs by {worst:.2g}")
    return worst


def checkpoint(config, keys, folder):
    """Writes a folder of safetensors, and a GGUF into a folder of its own: of one with both, the program opens the former."""
    folder.mkdir()
    (folder / "asked.json").write_text(json.dumps(config))
    writer = ROOT / "target/release/examples/write_checkpoint"
    subprocess.run([writer, folder / "asked.json", folder, *([keys] if keys.exists() else [])], check=True)
    (folder / "gguf").mkdir()
    for file in folder.glob("*.gguf"):
        file.rename(folder / "gguf" / file.name)
    gguf = folder / "gguf/model.gguf"
    return gguf if gguf.exists() else None


def text_case(binary, folder, gguf, config, golden, row):
    """Fills in the row of a model as it goes."""
    found = export(binary, folder, folder / "onnx-f32")
    whole(found, ["model.onnx"])
    graph = Decoder(found / "model.onnx")
    ports(graph, config, "input_ids")
    if golden["cases"]:
        row["logits"] = against_reference(graph, golden["cases"])
        row["onnx"] = by_definition(found / "model.onnx", graph, golden["cases"])
    row["verify"] = beside_verify(binary, folder, graph, config, golden["prompts"])
    row["padded"] = padded(graph, golden["prompts"])
    if genai and (tokens := beside_genai(folder / "onnx-f32", graph, golden["prompts"])):
        row["genai"] = tokens
    of_half = Decoder(export(binary, folder, folder / "onnx-f16", "--to", "fp16") / "model_fp16.onnx")
    row["fp16"] = divergence(of_half, graph, golden["prompts"])
    if gguf:
        of_gguf = export(binary, gguf, folder / "onnx-gguf", "--files", folder)
        row["gguf"] = against_reference(Decoder(of_gguf / "model.onnx"), golden["cases"])
        for name in QUANTISED:
            row[name] = quantised(binary, folder, gguf, name, golden["prompts"])


def quantised(binary, folder, gguf, name, prompts):
    """Divergence of a quantised graph from its own weights in singles."""
    dtype = QUANTISED.get(name, name)
    file = gguf.with_name(f"{dtype}.gguf")
    heads = ["--output-type", "Q8_0", "--embedding-type", "Q8_0"] if name == "q4" else []
    done = plimsoll(binary, "quantize", gguf, "--to", dtype, *heads, "-o", file, "--json")
    require(done.returncode == 0, f"quantize: {done.stderr.strip()}")
    as_asked = all(tensor["asked"] in (None, tensor["to"]) for tensor in json.loads(done.stdout)["tensors"])
    widened = Decoder(export(binary, file, folder / f"onnx-{dtype}", "--files", folder) / "model.onnx")
    graphs = [export(binary, file, folder / f"onnx-{dtype}-exact", "--files", folder, "--exact") / "model_q4.onnx"]
    if as_asked and name in SUFFIXES:
        graphs.append(export(binary, folder, folder / f"onnx-{name}", "--to", name) / f"model{SUFFIXES[name]}.onnx")
    worst = 0.0
    for path in graphs:
        unrounded = Decoder(with_unrounded_inputs(path))
        for prompt in prompts:
            ids = np.array([prompt], np.int64)
            off = float(np.abs(unrounded.prompt(ids)[0] - widened.prompt(ids)[0]).max())
            require(off < TOLERANCE, f"{path.name} of {dtype}: the weights differ, logits by {off:.2g}")
        worst = max(worst, divergence(Decoder(path), widened, prompts))
    require(worst < DIVERGENCE, f"{name} diverges by {worst:.2g} nats")
    return worst


def wide(binary, dtype, root, row):
    """A GGUF whose rows hold whole blocks of every type."""
    config = json.loads((GOLDEN / "llama/config.json").read_text()) | WIDE
    folder = root / f"wide-{dtype}"
    gguf = checkpoint(config, GOLDEN / "llama/gguf.json", folder)
    prompts = [case["input_ids"] for case in json.loads((GOLDEN / "llama/golden.json").read_text())["cases"]]
    row["exact"] = quantised(binary, folder, gguf, dtype, prompts)


def with_unrounded_inputs(path):
    """The same graph, its quantised products with inputs as they are."""
    model = onnx.load(str(path), load_external_data=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 0
    to = path.with_name("unrounded.onnx")
    onnx.save(model, str(to))
    return to


def tower_case(binary, folder, gguf, config, golden, row):
    """As `text_case`, of a model that sees."""
    found = export(binary, folder, folder / "onnx-f32")
    whole(found, ["embed_tokens.onnx", "vision_encoder.onnx", "decoder_model_merged.onnx"])
    # What the reference calls features is projected to the text's width afterwards, or was before.
    name = "multi_modal_projector.linear_1.weight"
    projection = bf16(folder, name) if name.encode() in (folder / "model.safetensors").read_bytes() else None
    row["logits"], encoder, pixels = tower(found, config, golden, projection)
    if isinstance(encoder.inputs["pixel_values"].shape[3], str):
        row["padded"] = part_of_a_tile(encoder, pixels, config)
    if gguf:
        of_gguf = export(binary, gguf, folder / "onnx-gguf", "--files", folder)
        row["gguf"] = tower(of_gguf, config, golden, projection)[0]


def embedded(binary, name, root, row):
    """Of an embedded model, whose text means something."""
    files = ROOT / "demo" / name.removeprefix("demo:")
    folder = root / name.replace(":", "-")
    shutil.copytree(files, folder)
    golden = json.loads((files / "golden.json").read_text())
    graph = Decoder(export(binary, name, root / (folder.name + "-onnx")) / "model.onnx")
    prompts = [case["input_ids"] for case in golden["cases"]]
    row["verify"] = beside_verify(binary, folder, graph, {}, prompts)
    if name == FITTED:
        row["fit"] = fitted(binary, name, root / (folder.name + "-fit"), prompts)


def fitted(binary, name, to, prompts):
    """Divergence of a model with a type for each matrix from itself in singles."""
    singles = Decoder(export(binary, name, to / "singles") / "model.onnx")
    size = sum(file.stat().st_size for file in (to / "singles/onnx").iterdir()) * FITTED_TO
    arguments = ["--fit", f"{size / 1e6:.3f}MB", "--context", FITTED_CONTEXT, "--json"]
    done = plimsoll(binary, "export", "onnx", name, "-o", to / "fitted", *arguments)
    require(done.returncode == 0, f"export --fit: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    folder = to / "fitted/onnx"
    onnx.checker.check_model(str(folder / "model_q4.onnx"), full_check=True)
    require(len(set(told["types"].values())) > 1, f"all matrices are {set(told['types'].values())}")
    names = {tensor.name for tensor in onnx.load(str(folder / "model_q4.onnx"), load_external_data=False).graph.initializer}
    for matrix, dtype in told["types"].items():
        as_told = matrix in names if dtype == "F32" else f"{matrix}.codes" in names
        require(as_told and (f"{matrix}.offsets" in names) == (dtype == "Q4_1"), f"{matrix} is not {dtype}")
    weights = (folder / "model_q4.onnx_data").stat().st_size
    require(weights <= told["fit"]["memory"] <= told["fit"]["budget"], f"{weights} bytes of weights, told {told['fit']}")
    found = divergence(Decoder(with_unrounded_inputs(folder / "model_q4.onnx")), singles, prompts)
    [measured] = told["losses"].values()
    high = measured["loss"]["kl_high"]["value"]
    require(found < max(DIVERGENCE, 20 * high), f"diverges by {found:.2g}, told {high:.2g} at most of 99.9 %")
    return found


def published(binary, folder, to, row):
    """A folder as a maker would publish it, with the reference's numbers beside it; of pictures, from the reference's pixels."""
    golden, config = json.loads((folder / "golden.json").read_text()), json.loads((folder / "config.json").read_text())
    found = export(binary, folder, to)
    if (found / "model.onnx").exists():
        whole(found, ["model.onnx"])
        graph = Decoder(found / "model.onnx")
        row["logits"] = against_reference(graph, golden["cases"])
        row["padded"] = padded(graph, [case["input_ids"] for case in golden["cases"]])
        if genai and (tokens := beside_genai(to, graph, [case["input_ids"] for case in golden["cases"]])):
            row["genai"] = tokens
        return
    whole(found, ["embed_tokens.onnx", "vision_encoder.onnx", "decoder_model_merged.onnx"])
    encoder, embed = Graph(found / "vision_encoder.onnx"), Graph(found / "embed_tokens.onnx")
    decoder, worst = Decoder(found / "decoder_model_merged.onnx"), 0.0
    for index, case in enumerate(golden["cases"]):
        shown = features(encoder, pixels_of(folder, f"case{index}")) if case.get("images") else np.zeros(0, np.float32)
        worst = max(worst, behind_tiles(decoder, embed, shown, config, case))
    require(worst < TOLERANCE, f"logits differ by {worst:.2g}")
    row["logits"] = worst


def pixels_of(folder, name):
    """Tiles of a case, (1, n, 3, height, width), in singles."""
    data = (folder / "golden_pixels.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:begin])[name]
    first, last = entry["data_offsets"]
    values = np.frombuffer(data[begin + first : begin + last], np.float32)
    return values.reshape(1, -1, *entry["shape"][-3:])


# Cases with operations that no graph is made of.
REFUSED = {
    "gemma4", "gemma4-moe", "glm4-moe-lite", "gpt-oss", "granite-hybrid", "lfm2", "lfm2-moe", "lfm3", "nemotron-h",
    "qwen3-moe", "qwen3-moe-dense", "qwen3_5", "qwen3_5-moe", "qwen3_5-one-to-one",
}
# Towers of which nothing is written, which is said of them.
UNWRITTEN = {
    "tower-gemma3", "tower-gemma4", "tower-gemma4-both-ways", "tower-lfm2_vl", "tower-lfm3_vl",
    "tower-minicpmv4_6", "tower-mistral3", "tower-paligemma", "tower-qwen2_5_vl", "tower-qwen3_5",
    "tower-qwen3_5_moe", "tower-qwen3_vl", "tower-qwen3_vl_moe",
}
# Operations without a rule, of which one is named where a case is refused.
WITHOUT_RULE = ["Moe", "Convolution", "LinearAttention", "EmbedBeside", "HeadLinear", "Columns", "Attention", "ScaleColumns"]


def refused(binary, folder):
    done = plimsoll(binary, "export", "onnx", folder, "-o", folder / "refused")
    unwritten = folder.name in UNWRITTEN and "of which nothing is written here" in done.stderr
    named = unwritten or any(f", {op}, has no rule" in done.stderr for op in WITHOUT_RULE)
    require(done.returncode == 1 and named, f"is not refused by name: {done.stderr.strip()}")
    require(not (folder / "refused").exists(), "something is left of what was refused")


def one(binary, name, root, row):
    if name.startswith("demo:"):
        return embedded(binary, name, root, row)
    if (Path(name) / "golden.json").exists():
        return published(binary, Path(name), root / Path(name).name, row)
    if name.startswith("wide "):
        return wide(binary, name.removeprefix("wide "), root, row)
    config = json.loads((GOLDEN / name / "config.json").read_text())
    golden = json.loads((GOLDEN / name / "golden.json").read_text())
    golden["prompts"] = [case["input_ids"] for case in golden["cases"]]
    folder, text = root / name, config.get("text_config", config)
    gguf = checkpoint(config, GOLDEN / name / "gguf.json", folder)
    if name in REFUSED | UNWRITTEN:
        return refused(binary, folder)
    if text.get("num_local_experts"):
        refused(binary, folder)
        text.update(WITHOUT_EXPERTS)
        folder, golden["cases"] = root / f"{name}-without", []
        gguf = checkpoint(config, Path("none"), folder)
    case = tower_case if "features" in golden else text_case
    case(binary, folder, gguf, config, golden, row)


def shown_as(value):
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("case", nargs="*", help="names of cases and of embedded models, and folders with golden.json")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    golden = [folder.name for folder in sorted(GOLDEN.iterdir())]
    names = arguments.case or [*golden, "demo:small", "demo:large", *(f"wide {dtype}" for dtype in WIDE_TYPES)]
    columns = ["logits", "onnx", "verify", "padded", "genai", "gguf", "fp16", *QUANTISED, "exact", "fit"]
    print(f"{'':22}" + "".join(f"{column:>9}" for column in columns))
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            row, why = {}, ""
            try:
                one(binary, name, Path(root), row)
            except (Differs, onnx.checker.ValidationError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
                failed, why = failed + 1, f"  {error}"
            shown = [shown_as(row.get(column)) for column in columns]
            print(f"{Path(name).name:22}" + "".join(f"{value:>9}" for value in shown) + why, flush=True)
    print(f"{len(names) - failed} of {len(names)} as they should be")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
