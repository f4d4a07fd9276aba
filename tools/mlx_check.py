#!/usr/bin/env python3
"""Folders that `plimsoll export mlx` writes in mlx-lm and mlx-vlm, and folders that mlx-lm writes in Plimsoll.

    python3 -m venv /tmp/mlx-venv && /tmp/mlx-venv/bin/pip install "mlx[cpu]" mlx-lm mlx-vlm
    /tmp/mlx-venv/bin/python tools/mlx_check.py target/release/plimsoll [CASE …]

Needs cargo for the tiny checkpoints of crates/testing/golden (all, or those named), and MLX's CPU build; without mlx-vlm the
models that see are left out. For each:

    floats    the folder in f32: mlx's logits beside those of transformers (golden.json)
    bits      4 bits, f32 scales: mlx.dequantize beside the codes as they are packed, bit for bit
    logits    the same folder: mlx's logits beside Plimsoll's
    files     4 bits, the model's own type: names, shapes, types and totals beside those of `mlx_lm.convert -q`
    error     squared error of the weights over that of mlx_lm.convert
    theirs    mlx_lm.convert's folder: mlx's logits beside Plimsoll's
    exact     GGUFs of Q4_0 and Q8_0, or Q4_K and Q5_K, carried over: mlx's logits beside Plimsoll's of the folder
    fit       demo:large with a width for each matrix, `--fit`: several widths, mlx.dequantize beside the codes as they are packed
              bit for bit, mlx's logits beside Plimsoll's
    features  what mlx-vlm's tower makes of two tiles, beside transformers (golden.json)

What mlx-lm has no code for is listed in WITHOUT with the reason; there, its numbers are shown and not held to anything, and
Plimsoll says so in a note when it exports. VARIANTS are cases with what it lacks taken out, beside Plimsoll alone. Exit status
1 if anything else differs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy
from mlx.utils import tree_flatten
from mlx_lm.convert import convert
from mlx_lm.utils import load_model

try:
    import mlx_vlm.utils as vlm
    from mlx_vlm.quant_utils import quantize_model
except ImportError:
    vlm = None

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "crates" / "testing" / "golden"
TOLERANCE = 1e-3
# As TINY_TILES of make_golden.py.
TILES = 2
WIDTHS = [2, 3, 5, 6, 8]
# Squared error over mlx_lm.convert's, all weights of a case together.
RATIO = 0.85
COLUMNS = ["floats", "bits", "logits", "files", "error", "theirs", "exact", "fit", "features"]
# The case with a width for each matrix: an embedded model, for only such has text that widths are chosen by.
FITTED = "demo:large"
FITTED_TO = ["--fit", "2.5MB", "--context", "64"]
# Cases that mlx-lm computes otherwise than transformers, or not at all, and why.
WITHOUT = {
    "gemma3-softcap": "no cap of logits, and every sixth layer sees all",
    "llama4": "its class of the text model alone has no experts",
    "llama4-dense": "its class of the text model alone has no biases and no output projection",
    "llama4-moe": "its class of the text model alone has no experts",
    "mistral-sliding": "no window where every layer has one",
    "olmo3-yarn": "no attention_factor of YaRN",
    "phi3-longrope": "the long factors at any length",
    "qwen2-sliding": "no window, and bounds of YaRN in whole dimensions",
    "qwen3": "no attention_factor of YaRN",
    "qwen3-sliding": "no window and no biases of attention",
    "tower-gemma3": "a vocabulary of 262208, whatever the file says",
    "tower-llama4": "1e-6 for rms_norm_eps where queries and keys are normed",
}
# Cases of architectures of which no folders are written, which has to be said.
UNWRITTEN = {
    "gemma", "gemma2", "tower-gemma4", "tower-gemma4-both-ways", "tower-lfm2_vl", "tower-lfm3_vl",
    "tower-minicpmv4_6", "tower-paligemma", "tower-qwen2_5_vl", "tower-qwen3_5", "tower-qwen3_5_moe",
    "tower-qwen3_vl", "tower-qwen3_vl_moe",
    "gemma4", "gemma4-moe", "glm4-moe-lite", "gpt-oss", "granite-attention", "granite-hybrid", "lfm2", "lfm2-moe", "lfm3",
    "nemotron-h", "qwen3-moe", "qwen3-moe-dense", "qwen3_5", "qwen3_5-moe", "qwen3_5-one-to-one",
}
# Columns that hold what mlx computes.
NUMBERS = ["floats", "logits", "theirs", "exact"]
# Of the case, keys of its text model as they are here.
VARIANTS = {
    "phi3-partial": ("phi3-longrope", {"rope_scaling": None, "sliding_window": None}),
    "qwen2-plain": ("qwen2-sliding", {"use_sliding_window": False, "rope_parameters": {"rope_theta": 1e4, "rope_type": "default"}}),
    "qwen3-plain": ("qwen3", {"rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}}),
    "experts": ("tower-llama4", {"rms_norm_eps": 1e-6}),
    # Rows that blocks of 256 divide.
    "wide": ("llama", {"hidden_size": 256, "intermediate_size": 512}),
}


def run(*command, status=(0,)):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode not in status:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done


def write_case(name, folder):
    """The tiny checkpoint, with a tokenizer that mlx_lm.convert asks for."""
    of, changed = VARIANTS.get(name, (name, {}))
    case = GOLDEN / of
    keys = [case / "gguf.json"] if (case / "gguf.json").exists() else []
    config = json.loads((case / "config.json").read_text())
    config.get("text_config", config).update(changed)
    settings = folder.parent / "config.json"
    settings.write_text(json.dumps(config))
    run(ROOT / "target/release/examples/write_checkpoint", settings, folder, *keys)
    size = config.get("text_config", config)["vocab_size"]
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"t{i}": i for i in range(3, size)}
    added = [{"id": i, "content": text, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False} for text, i in list(vocabulary.items())[:3]]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {"version": "1.0", "added_tokens": added, "pre_tokenizer": level, "decoder": level,
                 "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def text_logits(folder, sees, ids):
    """Logits at every position, (tokens, vocabulary)."""
    if sees:
        output = vlm.load_model(folder).language_model(mx.array([ids]))
        logits = getattr(output, "logits", output)
    else:
        logits = load_model(folder)[0](mx.array([ids]))
    return numpy.array(logits.astype(mx.float32))[0]


def reference(folder, sees, prompts, to):
    """Writes mlx's numbers as a golden file."""
    cases = []
    for ids in prompts:
        logits = text_logits(folder, sees, ids)
        cases.append({"input_ids": ids, "last_logits": logits[-1].tolist(), "argmax": logits.argmax(-1).tolist()})
    to.write_text(json.dumps({"cases": cases, "made_with": f"mlx {mx.__version__}"}))


def verified(binary, model, golden):
    """The largest difference of Plimsoll's logits from a golden file."""
    done = run(binary, "verify", model, "--golden", golden, "--json", "--tolerance", TOLERANCE, status=(0, 1, 2))
    cases = json.loads(done.stdout)["cases"]
    if any(case.get("argmax_wrong") for case in cases):
        raise RuntimeError(f"{model}: another token is likeliest")
    return max(case["max_delta"] for case in cases)


def tensors(folder):
    found = {}
    for file in sorted(folder.glob("model*.safetensors")):
        found |= mx.load(str(file))
    return found


def codes_of(words, bits):
    """Codes as they are packed: a stream of bits from the lowest of each byte on."""
    stream = numpy.unpackbits(numpy.array(words).view(numpy.uint8), axis=-1, bitorder="little")
    codes = stream.reshape(*stream.shape[:-1], -1, bits)
    return (codes * (1 << numpy.arange(bits))).sum(-1).astype(numpy.float32)


def quantisation(folder):
    settings = json.loads((folder / "config.json").read_text())["quantization"]
    return lambda module: (settings.get(module) or settings)["bits"], lambda module: (settings.get(module) or settings)["group_size"]


def dequantised(folder):
    """Every quantised weight in f32, by mlx, and whether the codes say the same bit for bit."""
    found, (bits_of, group_of) = tensors(folder), quantisation(folder)
    weights, same = {}, True
    for name in found:
        if not name.endswith(".scales"):
            continue
        module = name.removesuffix(".scales")
        words, scales, biases = (found[f"{module}.{part}"] for part in ("weight", "scales", "biases"))
        scales, biases, bits, group = scales.astype(mx.float32), biases.astype(mx.float32), bits_of(module), group_of(module)
        by_mlx = numpy.array(mx.dequantize(words, scales, biases, group, bits))
        codes = codes_of(words, bits)
        codes = codes.reshape(*codes.shape[:-1], -1, group)
        read = codes * numpy.array(scales)[..., None] + numpy.array(biases)[..., None]
        same &= bool((read.reshape(by_mlx.shape) == by_mlx).all())
        weights[module] = by_mlx
    return weights, same


def squared_error(folder, originals):
    weights, _ = dequantised(folder)
    return sum(float(((values.astype(numpy.float64) - originals[f"{module}.weight"]) ** 2).sum())
               for module, values in weights.items())


def listing(folder):
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    shapes = {name: (value.shape, str(value.dtype)) for name, value in tensors(folder).items()}
    return {"tensors": shapes, "index": index, "quantization": config["quantization"],
            "quantization_config": config["quantization_config"]}


class Case:
    """The folders of a case, and what is found of them."""

    def __init__(self, binary, name, root):
        self.binary, self.name, self.root = binary, name, root
        self.folder = root / "published"
        self.folder.mkdir()
        write_case(name, self.folder)
        config = json.loads((self.folder / "config.json").read_text())
        self.sees = config["model_type"] in ("idefics3", "smolvlm")
        golden = json.loads((GOLDEN / VARIANTS.get(name, (name,))[0] / "golden.json").read_text())
        self.golden = golden["cases"]
        # What a picture stands for is compared by itself.
        token = config.get("image_token_id", config.get("image_token_index"))
        self.prompts = [[i for i in case["input_ids"] if i != token] for case in self.golden]
        self.differs = name in VARIANTS or any(token in case["input_ids"] for case in self.golden)

    def export(self, to, *flags):
        run(self.binary, "export", "mlx", self.folder, "-o", self.root / to, *flags)
        return self.root / to

    def published(self):
        """The same weights with the settings in the spelling that mlx-lm reads."""
        published = self.root / "published-before-5"
        if not published.exists():
            shutil.copytree(self.folder, published)
            shutil.copy(self.root / "floats" / "config.json", published)
        return published

    def theirs(self, to, dtype=None):
        """mlx_lm.convert's folder."""
        convert(str(self.published()), str(self.root / to), quantize=True, q_bits=4, q_group_size=32, dtype=dtype)
        return self.root / to

    def against_plimsoll(self, folder, model=None):
        golden = self.root / "golden.json"
        reference(folder, self.sees, self.prompts, golden)
        return verified(self.binary, model or folder, golden)

    def floats(self):
        folder = self.export("floats", "--bits", 16, "--dtype", "f32")
        if self.differs:
            return self.against_plimsoll(folder)
        deltas = [numpy.abs(text_logits(folder, self.sees, ids)[-1] - numpy.array(case["last_logits"])).max()
                  for ids, case in zip(self.prompts, self.golden)]
        return float(max(deltas))

    def bits(self):
        widths = WIDTHS if self.name == "llama" else []
        folders = [self.export("four", "--group", 32, "--dtype", "f32")]
        folders += [self.export(f"bits{bits}", "--bits", bits, "--group", 32, "--dtype", "f32") for bits in widths]
        folders += [self.export(f"type-{dtype}", "--bits", 8, "--group", 32, "--dtype", dtype) for dtype in ("f16", "bf16") if widths]
        return all(dequantised(folder)[1] for folder in folders)

    def logits(self):
        widths = WIDTHS if self.name == "llama" else []
        folders = [self.root / "four"] + [self.root / f"bits{bits}" for bits in widths]
        return max(self.against_plimsoll(folder) for folder in folders)

    def seeing_files(self):
        """As `files`, of what mlx_vlm.convert would save: it asks for a processor, which these folders have none of."""
        model, config = vlm.load_model(self.published()), vlm.load_config(self.published())
        quantize_model(model, config, 32, 4, quant_predicate=lambda path, _: not vlm.skip_multimodal_module(path))
        theirs = {name: (value.shape, str(value.dtype)) for name, value in tree_flatten(model.parameters())}
        ours = listing(self.export("own", "--group", 32))["tensors"]
        different = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
        if different:
            raise RuntimeError(f"tensors differ: {[(name, ours.get(name), theirs.get(name)) for name in different[:3]]}")
        return True

    def files(self):
        ours, theirs = listing(self.export("own", "--group", 32)), listing(self.theirs("their-own"))
        for key, value in theirs.items():
            if ours[key] != value:
                different = {k for k in set(value) | set(ours[key]) if value.get(k) != ours[key].get(k)}
                shown = [(k, ours[key].get(k), value.get(k)) for k in sorted(different)[:3]]
                raise RuntimeError(f"{key} differ: {shown}")
        return True

    def error(self):
        originals = {name: numpy.array(value, dtype=numpy.float64)
                     for name, value in tensors(self.root / "floats").items()}
        return squared_error(self.root / "own", originals) / squared_error(self.root / "their-own", originals)

    def their_logits(self):
        return self.against_plimsoll(self.theirs("their-f32", "float32"))

    def features(self):
        folder, config = self.root / "floats", json.loads((self.folder / "config.json").read_text())
        edge, patch = (config["vision_config"][key] for key in ("image_size", "patch_size"))
        pixels = uniform("pixels", TILES * 3 * edge * edge).reshape(TILES, 3, edge, edge).transpose(0, 2, 3, 1)
        model, seen = vlm.load_model(folder), mx.ones((TILES, edge // patch, edge // patch), dtype=mx.bool_)
        hidden = model.vision_model(mx.array(pixels), patch_attention_mask=seen, output_hidden_states=True)[0]
        features = numpy.array(model.connector(hidden)).reshape(-1)
        golden = json.loads((GOLDEN / self.name / "golden.json").read_text())["features"]
        return float(numpy.abs(features - numpy.array(golden)).max())

    def exact(self):
        gguf = self.folder / "model.gguf"
        is_wide = self.name == "wide"
        if not gguf.exists() or self.sees or self.name in VARIANTS and not is_wide:
            return None
        worst, flags = 0.0, ["--embedding-type", "Q4_K", "--output-type", "Q5_K"] if is_wide else []
        for to in ["Q4_K_S", "Q5_K_S"] if is_wide else ["Q4_0", "Q8_0"]:
            quantised = self.root / f"{to}.gguf"
            run(self.binary, "quantize", gguf, "--to", to, "-o", quantised, *flags)
            folder = self.root / f"exact-{to}"
            run(self.binary, "export", "mlx", quantised, "--exact", "--files", self.folder, "-o", folder)
            lifted = in_f32(folder, self.root / f"f32-{to}")
            worst = max(worst, self.against_plimsoll(lifted))
        return worst


def fitted(binary, root):
    """The largest difference of mlx's logits from Plimsoll's, of a model with a width for each matrix."""
    folder = root / "fitted"
    told = json.loads(run(binary, "export", "mlx", FITTED, "-o", folder, *FITTED_TO, "--dtype", "f32", "--json").stdout)
    widths = {(tensor["bits"], tensor["group"]) for tensor in told["tensors"] if tensor["bits"]}
    if len(widths) < 2 or not dequantised(folder)[1]:
        raise RuntimeError(f"widths are {widths}, or codes are not what mlx reads")
    if told["fit"]["memory"] > told["fit"]["budget"]:
        raise RuntimeError(f"more memory than there is: {told['fit']}")
    golden = json.loads((ROOT / "demo" / FITTED.removeprefix("demo:") / "golden.json").read_text())["cases"]
    to = root / "golden.json"
    reference(folder, False, [case["input_ids"] for case in golden], to)
    return verified(binary, folder, to)


def uniform(name, n):
    """As `uniform` of crates/testing/src/values.rs."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = numpy.uint64(seed) + numpy.arange(1, n + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ z >> numpy.uint64(shift)) * numpy.uint64(factor)
    return ((z ^ z >> numpy.uint64(31)) >> numpy.uint64(40)).astype(numpy.float32) / 2**23 - 1


def in_f32(folder, to):
    """The same folder with every float widened: in half precision mlx rounds what it adds up."""
    to.mkdir()
    for file in folder.iterdir():
        if file.suffix == ".json":
            (to / file.name).write_bytes(file.read_bytes())
    widened = {name: value if value.dtype == mx.uint32 else value.astype(mx.float32) for name, value in tensors(folder).items()}
    mx.save_safetensors(str(to / "model.safetensors"), widened, metadata={"format": "mlx"})
    index = {"weight_map": dict.fromkeys(widened, "model.safetensors")}
    (to / "model.safetensors.index.json").write_text(json.dumps(index))
    return to


def steps(case):
    yield "floats", case.floats, TOLERANCE
    yield "bits", case.bits, None
    yield "logits", case.logits, TOLERANCE
    if case.sees:
        yield "files", case.seeing_files, None
    else:
        yield "files", case.files, None
        yield "error", case.error, RATIO
        yield "theirs", case.their_logits, TOLERANCE
    yield "exact", case.exact, TOLERANCE
    if case.sees:
        yield "features", case.features, TOLERANCE


def check(binary, name, root):
    """The row of a case, and what differs."""
    row, wrong = {}, []
    only = [("fit", lambda: fitted(binary, root), TOLERANCE)] if name == FITTED else None
    for column, step, bound in only or steps(Case(binary, name, root)):
        try:
            found = step()
        except Exception as error:  # whatever mlx raises is a result
            row[column] = "fails"
            if name not in WITHOUT or column == "bits":
                wrong.append(f"{column}: {type(error).__name__}: {error}")
            continue
        row[column] = "" if found is None else ("same" if found else "differs") if isinstance(found, bool) else f"{found:.2g}"
        held = found is None or (found if isinstance(found, bool) else found <= bound)
        if not held and not (name in WITHOUT and column in NUMBERS):
            wrong.append(f"{column}: {found}")
    return row, wrong


def refused(binary, name, root):
    folder = root / "published"
    folder.mkdir()
    write_case(name, folder)
    done = run(binary, "export", "mlx", folder, "-o", root / "floats", status=(1,))
    if "no folders of MLX are written" not in done.stderr or (root / "floats").exists():
        raise RuntimeError(f"{name}: is not refused by name: {done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path, help="the program")
    parser.add_argument("cases", nargs="*", help="folders of crates/testing/golden; default: all")
    args = parser.parse_args()
    binary, failures = args.binary.resolve(), []
    print(f"{'':22}" + "".join(f"{column:>10}" for column in COLUMNS))
    for name in args.cases or sorted([*(folder.name for folder in GOLDEN.iterdir()), *VARIANTS, FITTED]):
        if vlm is None and name.startswith("tower"):
            print(f"{name:22}  mlx-vlm is not here")
            continue
        with tempfile.TemporaryDirectory() as root:
            if name in UNWRITTEN:
                refused(binary, name, Path(root))
                print(f"{name:22}  refused, as it has to be", flush=True)
                continue
            row, wrong = check(binary, name, Path(root))
        reason = f"  {WITHOUT[name]}" if name in WITHOUT else ""
        print(f"{name:22}" + "".join(f"{row.get(column, ''):>10}" for column in COLUMNS) + reason, flush=True)
        failures += [f"{name}: {what}" for what in wrong]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
