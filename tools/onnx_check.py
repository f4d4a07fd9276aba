#!/usr/bin/env python3
"""Writes models as ONNX with a binary of the program and holds what ONNX Runtime computes of them to what the reference computes.

    pip install onnx==1.23.2 onnxruntime==1.32.0 numpy
    cargo build --release -p plimsoll-testing --example write_checkpoint
    python tools/onnx_check.py target/release/plimsoll [CASE …]

Every case is a folder of `crates/testing/golden`: a tiny checkpoint, of which transformers computed logits and generated tokens.
Its folder is exported in singles, and where it has a GGUF, that too. Of each
  whole    onnx.checker's full check; inputs, outputs and the numbers in their shapes are those of transformers.js' layout
  logits   greatest difference from the reference at the last position, after a prompt of 1, 12 and 120 tokens: under 1e-3; and the
           likeliest token at every position
  greedy   tokens, one at a time behind a prompt: the reference's
  padded   two prompts together, filled up on the left, then on the right, and a step behind them: as each alone, to 1e-3
A tower is held to the reference's features, alone, with a tile that fills up, and with a tile of which a part counts.
What is quantised is held to the same weights: `--to q8` and `--to q4` of floats to the GGUF that `quantize` makes, its values
widened by `export onnx --to fp32`; `--exact` of a GGUF likewise. ONNX Runtime rounds inputs of such products to 8 bits, so what is
bounded is the divergence of the next token's distribution. The embedded models generate 64 tokens beside `run`. Networks that hold
experts have to be refused by name. Prints a table; exit status 1 if anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "crates/testing/golden"
TOLERANCE = 1e-3
# In nats, of a tiny random model whose logits spread over tens.
DIVERGENCE = 0.05
QUANTISED = {"q8": "Q8_0", "q4": "Q4_0", "Q4_1": "Q4_1", "Q5_0": "Q5_0"}


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
    worst, generated = 0, 0
    for case in cases:
        ids = np.array([case["input_ids"]], np.int64)
        logits, _ = graph.prompt(ids)
        worst = max(worst, float(np.abs(logits[0, -1] - np.array(case["last_logits"])).max()))
        require(logits[0].argmax(-1).tolist() == case["argmax"], f"likeliest tokens after {ids.shape[1]}")
        tokens = graph.greedy(ids, len(case["greedy"]))
        require(tokens == case["greedy"], f"generated {tokens}, the reference {case['greedy']}")
        generated += len(tokens)
    require(worst < TOLERANCE, f"logits differ by {worst:.2g}")
    return worst, generated


def padded(graph, cases):
    """Greatest difference of two prompts together from each alone, in the prompt and a step behind it."""
    prompts = [case["input_ids"] for case in cases[-2:]]
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


def divergence(graph, other, cases):
    """Greatest Kullback-Leibler divergence of the next token at any position, in nats."""
    worst = 0.0
    for case in cases:
        ids = np.array([case["input_ids"]], np.int64)
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


def tower(folder, config, golden):
    """Greatest difference of logits behind two tiles, and of the tiles' features however they are filled up."""
    edge = config["vision_config"]["image_size"]
    encoder, embed = Graph(folder / "vision_encoder.onnx"), Graph(folder / "embed_tokens.onnx")
    decoder = Decoder(folder / "decoder_model_merged.onnx")
    ports(decoder, config["text_config"], "inputs_embeds")
    pixels = uniform("pixels", 2 * 3 * edge * edge).reshape(1, 2, 3, edge, edge)
    found = features(encoder, pixels)
    worst = 0.0
    if found.size == len(golden["features"]):
        worst = float(np.abs(found.flatten() - np.array(golden["features"])).max())

    filled = np.concatenate([pixels, np.zeros_like(pixels[:, :1])], axis=1)
    counts = np.ones((1, 3, edge, edge), bool)
    counts[:, 2] = False
    again = features(encoder, filled, counts)
    require(again.shape == found.shape and np.abs(again - found).max() < 1e-5, "a tile that fills up shows")

    case = golden["cases"][0]
    ids = np.array([case["input_ids"]], np.int64)
    words = lambda ids: embed.run({"input_ids": ids})["inputs_embeds"]
    rows = words(ids)
    token = config.get("image_token_id", config.get("image_token_index"))
    rows[ids == token] = found.reshape(-1, rows.shape[-1])
    logits, _ = decoder.prompt(rows)
    worst = max(worst, float(np.abs(logits[0, -1] - np.array(case["last_logits"])).max()))
    require(worst < TOLERANCE, f"features or logits differ by {worst:.2g}")
    tokens = decoder.greedy(rows, len(case["greedy"]), words)
    require(tokens == case["greedy"], f"generated {tokens}, the reference {case['greedy']}")
    return worst, len(tokens), encoder, pixels


def part_of_a_tile(encoder, pixels, config):
    """The upper half of a tile with the rest filled up, as that half alone."""
    half = pixels.shape[3] // 2
    alone = features(encoder, np.ascontiguousarray(pixels[:, :1, :, :half]))
    canvas, counts = np.zeros_like(pixels[:, :1]), np.zeros((1, 1, *pixels.shape[3:]), bool)
    canvas[:, :, :, :half], counts[:, :, :half] = pixels[:, :1, :, :half], True
    worst = float(np.abs(features(encoder, canvas, counts)[:, : alone.shape[1]] - alone).max())
    require(worst < TOLERANCE, f"a part of a tile differs by {worst:.2g}")
    return worst


def checkpoint(case, root):
    folder = root / case
    folder.mkdir()
    writer, keys = ROOT / "target/release/examples/write_checkpoint", GOLDEN / case / "gguf.json"
    subprocess.run([writer, GOLDEN / case / "config.json", folder, *([keys] if keys.exists() else [])], check=True)
    gguf = folder / "model.gguf"
    if gguf.exists():
        # Of a folder with both, the program opens the safetensors.
        (folder / "gguf").mkdir()
        for file in folder.glob("*.gguf"):
            file.rename(folder / "gguf" / file.name)
    return folder, folder / "gguf/model.gguf"


def text_case(binary, folder, gguf, config, golden, row):
    """One row a model, filled in as it goes."""
    found = export(binary, folder, folder / "onnx-f32")
    whole(found, ["model.onnx"])
    graph = Decoder(found / "model.onnx")
    ports(graph, config, "input_ids")
    difference, tokens = against_reference(graph, golden["cases"])
    row.update(logits=f"{difference:.1e}", greedy=tokens, padded=f"{padded(graph, golden['cases']):.1e}")
    if gguf.exists():
        of_gguf = export(binary, gguf, folder / "onnx-gguf", "--files", folder)
        row["gguf"] = f"{against_reference(Decoder(of_gguf / 'model.onnx'), golden['cases'])[0]:.1e}"
    of_half = Decoder(export(binary, folder, folder / "onnx-f16", "--to", "fp16") / "model_fp16.onnx")
    row["fp16"] = f"{divergence(of_half, graph, golden['cases']):.1e}"
    for name, dtype in QUANTISED.items() if gguf.exists() else ():
        row[name] = f"{quantised(binary, folder, gguf, name, dtype, golden):.1e}"


def quantised(binary, folder, gguf, name, dtype, golden):
    """Divergence of a quantised graph from its own weights in singles."""
    file = folder / f"{dtype}.gguf"
    heads = ["--output-type", "Q8_0", "--embedding-type", "Q8_0"] if name == "q4" else []
    done = plimsoll(binary, "quantize", gguf, "--to", dtype, *heads, "-o", file)
    require(done.returncode == 0, f"quantize: {done.stderr.strip()}")
    widened = Decoder(export(binary, file, folder / f"onnx-{dtype}", "--files", folder) / "model.onnx")
    exact = export(binary, file, folder / f"onnx-{dtype}-exact", "--files", folder, "--exact")
    onnx.checker.check_model(str(exact / "model_q4.onnx"))
    found = divergence(Decoder(exact / "model_q4.onnx"), widened, golden["cases"])
    if name in ("q8", "q4"):
        suffix = {"q8": "_quantized", "q4": "_q4"}[name]
        fitted = export(binary, folder, folder / f"onnx-{name}", "--to", name) / f"model{suffix}.onnx"
        found = max(found, divergence(Decoder(fitted), widened, golden["cases"]))
    require(found < DIVERGENCE, f"{name} diverges by {found:.2g} nats")
    return found


def tower_case(binary, folder, gguf, config, golden, row):
    found = export(binary, folder, folder / "onnx-f32")
    whole(found, ["embed_tokens.onnx", "vision_encoder.onnx", "decoder_model_merged.onnx"])
    difference, tokens, encoder, pixels = tower(found, config, golden)
    row.update(logits=f"{difference:.1e}", greedy=tokens)
    if isinstance(encoder.inputs["pixel_values"].shape[3], str):
        row["padded"] = f"{part_of_a_tile(encoder, pixels, config):.1e}"
    if gguf.exists():
        of_gguf = export(binary, gguf, folder / "onnx-gguf", "--files", folder)
        row["gguf"] = f"{tower(of_gguf, config, golden)[0]:.1e}"


def embedded(binary, name, root, row):
    """Tokens beside those of `run`, which rounds less where it is told to."""
    folder = export(binary, name, root / name.replace(":", "-"), "--to", "fp32")
    text = "Once upon a time, there was a small boat that"
    ids = json.loads(plimsoll(binary, "tokenize", name, text, "--json").stdout)
    done = plimsoll(binary, "run", name, text, "--raw", "--temperature", "0", "--max-tokens", "64", "--cache", "f32", "--json")
    expected = json.loads(done.stdout)["tokens"]
    tokens = Decoder(folder / "model.onnx").greedy(np.array([ids], np.int64), len(expected))
    require(tokens == expected, f"generated {tokens}, `run` {expected}")
    row["greedy"] = len(tokens)


def has_experts(config):
    text = config.get("text_config", config)
    return text.get("num_local_experts", 0) > 0 and text.get("interleave_moe_layer_step", 1) > 0 and text.get("moe_layers") != []


def refused(binary, folder, row):
    done = plimsoll(binary, "export", "onnx", folder, "-o", folder / "onnx-f32")
    require(done.returncode == 1 and "Moe" in done.stderr, f"is not refused by name: {done.stderr.strip()}")
    require(not (folder / "onnx-f32").exists(), "something is left of what was refused")
    row["logits"] = "refused: Moe"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("case", nargs="*", help="names of cases, and of embedded models")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    names = arguments.case or [folder.name for folder in sorted(GOLDEN.iterdir())] + ["demo:small", "demo:large"]
    columns = ["logits", "greedy", "padded", "gguf", "fp16", *QUANTISED]
    print(f"{'':22}" + "".join(f"{column:>12}" for column in columns))
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            row, why = {}, ""
            try:
                one(binary, name, Path(root), row)
            except (Differs, onnx.checker.ValidationError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
                failed, why = failed + 1, f"  {error}"
            print(f"{name:22}" + "".join(f"{row.get(column, '-'):>12}" for column in columns) + why, flush=True)
    print(f"{len(names) - failed} of {len(names)} as they should be")
    sys.exit(1 if failed else 0)


def one(binary, name, root, row):
    if name.startswith("demo:"):
        return embedded(binary, name, root, row)
    config = json.loads((GOLDEN / name / "config.json").read_text())
    golden = json.loads((GOLDEN / name / "golden.json").read_text())
    folder, gguf = checkpoint(name, root)
    if has_experts(config):
        return refused(binary, folder, row)
    case = tower_case if "features" in golden else text_case
    case(binary, folder, gguf, config, golden, row)


if __name__ == "__main__":
    main()
