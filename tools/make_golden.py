#!/usr/bin/env python3
"""Writes golden.json for a text checkpoint in the Hugging Face layout: what transformers computes, in float32.

    pip install "transformers==5.24.*" torch jinja2
    python tools/make_golden.py path/to/checkpoint                    # writes path/to/checkpoint/golden.json
    python tools/make_golden.py path/to/checkpoint --text "Some text" --chat "A question" --out golden.json
    plimsoll verify path/to/checkpoint

The file holds
  weights_dtype  how the weights are stored
  made_with      the versions that computed it
  now            the date that templates with a clock were given
  cases[]        `text`, or `messages` and `rendered`; `input_ids`; `last_logits` (the whole vocabulary at the last
                 position, 5 decimals); `argmax` (every position); `nll_sum` (nats over the sequence, first token
                 excepted); `greedy` (ids generated one by one, an end-of-text token being the last);
                 `greedy_text`; `greedy_margins` (gap between the two best logits at each step: after the first
                 below 1e-3 a difference means nothing) and their least, `greedy_min_margin`
  chats[]        `messages`, `add_generation_prompt`, `rendered`, `input_ids`; none if there is no template

Texts are tokenised with the special tokens the tokenizer adds by itself; rendered chats without.

    pip install "transformers==5.24.*" torch torchvision pillow num2words
    python tools/make_golden.py --tiny                                # all cases of crates/testing/golden
    python tools/make_golden.py --tiny llama mistral-sliding          # these

writes golden.json beside the config.json of each case, for a checkpoint that crates/testing/examples/write_checkpoint.rs
makes of it. Nothing of that checkpoint may be left over or missing. The file holds
  made_with      the versions that computed it
  cases[]        `input_ids`, `last_logits`, `argmax`, `greedy`, `greedy_margins` as above; one case for each of three lengths, the
                 last beyond every window, chunk and original context; of models that see one case with two tiles
  tiles          of models that see pictures of any shape: heights and widths of the tiles; else they are squares
  features       of models that see: what the tower makes of the tiles, all values in order (5 decimals)
"""

import argparse
import datetime
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
from transformers.modeling_outputs import MoeCausalLMOutputWithPast

# transformers 5.24's Llama 4 reads this off what its text model gives, which has no such field.
MoeCausalLMOutputWithPast.image_outputs = None

TEXTS = [
    "The licence grants you",
    "Once upon a time, there was a small boat.\n\n1234567 + 89 =",
    "naïve café — 東京 🚢 tabs\tand  spaces",
    "a",
]
CHATS = [
    [{"role": "user", "content": "Which one should I ship?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
     {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Name a colour."}],
]
ROOT = Path(__file__).resolve().parent.parent
TINY_LENGTHS, TINY_GREEDY, TINY_TILES = (1, 12, 120), 12, 2
DTYPE_NAMES = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


def weights_dtype(folder):
    """The storage type of the first two-dimensional tensor; None where there are no safetensors."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():
                view = tensors.get_slice(name)
                if len(view.get_shape()) == 2:
                    return DTYPE_NAMES.get(view.get_dtype(), view.get_dtype().lower())
    return None


@torch.no_grad()
def numbers(model, tokenizer, ids, n_greedy, **pictures):
    """What the model computes on `ids` (and the `pictures` that some of them stand for), then `n_greedy` tokens of
    greedy continuation."""
    output = model(torch.tensor([ids]), use_cache=True, **pictures)
    logits = output.logits[0].float()  # (n_tokens, vocab_size)
    nll = -logits[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:], dtype=torch.long)[:, None]).sum()
    case = {
        "input_ids": ids,
        "last_logits": [round(value, 5) for value in logits[-1].tolist()],
        "argmax": logits.argmax(-1).tolist(),
        "nll_sum": float(nll),
    }
    greedy, margins = continued(model, logits[-1], output.past_key_values, n_greedy)
    return case | {"greedy": greedy, "greedy_text": tokenizer.decode(greedy), "greedy_margins": margins,
                   "greedy_min_margin": min(margins, default=None)}


def continued(model, last, cache, n_greedy):
    """Greedy tokens behind the logits `last`, and the gap between the two best at each step."""
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    greedy, margins = [], []
    while len(greedy) < n_greedy and not (greedy and greedy[-1] in ends):
        best = last.topk(2)
        greedy.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 6))
        output = model(torch.tensor([greedy[-1:]]), past_key_values=cache, use_cache=True)
        last, cache = output.logits[0, -1].float(), output.past_key_values
    return greedy, margins


def render(tokenizer, messages, add_generation_prompt, now):
    """The rendered chat and its ids, the template's clock standing at `now`."""
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt,
                                             strftime_now=now.strftime)
    return rendered, tokenizer(rendered, add_special_tokens=False)["input_ids"]


def make(args):
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    now = datetime.datetime.fromisoformat(args.now)
    cases = [{"text": text} | numbers(model, tokenizer, tokenizer(text)["input_ids"], args.greedy)
             for text in args.text or TEXTS]
    chats = []
    if tokenizer.chat_template:
        for question in args.chat:
            messages = [{"role": "user", "content": question}]
            rendered, ids = render(tokenizer, messages, True, now)
            cases.append({"messages": messages, "rendered": rendered}
                         | numbers(model, tokenizer, ids, args.greedy))
        for messages in CHATS:
            for add_generation_prompt in (True, False):
                rendered, ids = render(tokenizer, messages, add_generation_prompt, now)
                chats.append({"messages": messages, "add_generation_prompt": add_generation_prompt,
                              "rendered": rendered, "input_ids": ids})
    elif args.chat:
        raise SystemExit("--chat needs a chat template, and this checkpoint has none")
    golden = {"weights_dtype": weights_dtype(args.model), "cases": cases, "chats": chats, "now": args.now,
              "made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float32 on CPU"}
    temporary = args.out.with_suffix(".partial")
    temporary.write_text(json.dumps(golden, ensure_ascii=False))
    os.replace(temporary, args.out)
    print(f"{args.out}: {len(cases)} cases, {len(chats)} chats, {args.out.stat().st_size} bytes")


def uniform(name, n):
    """As `uniform` of crates/testing/src/values.rs."""
    mask, seed = 2**64 - 1, 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & mask

    def value(i):
        z = seed + i * 0x9E3779B97F4A7C15 & mask
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return ((z ^ z >> 31) >> 40) / 2**23 - 1

    return torch.tensor([value(i) for i in range(1, n + 1)], dtype=torch.float32)


# Of towers that see pictures of any shape: the edge of what becomes one feature, from the wrapper's and the tower's configuration.
ANY_SHAPE = {
    "qwen3_vl": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "qwen3_5": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "qwen3_5_moe": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "qwen3_vl_moe": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "qwen2_5_vl": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "lfm3_vl": lambda outer, of: of["patch_size"] * of["spatial_merge_size"],
    "gemma4": lambda outer, of: of["patch_size"] * of["pooling_kernel_size"],
    "lfm2_vl": lambda outer, of: of["patch_size"] * outer["downsample_factor"],
    "mistral3": lambda outer, of: of["patch_size"] * outer["spatial_merge_size"],
    "minicpmv4_6": lambda outer, of: of["patch_size"] * 4,
}


def tiny_tiles(config):
    """Heights and widths of the tiles, which golden.json tells where they are no squares."""
    vision = config["vision_config"]
    if config["model_type"] not in ANY_SHAPE:
        return [(vision["image_size"], vision["image_size"])] * TINY_TILES
    unit = ANY_SHAPE[config["model_type"]](config, vision)
    return [(2 * unit, 3 * unit), (4 * unit, unit)]


def in_patches(tile, patch, merge=1):
    """A tile (3, height, width) as patches (patches, 3, patch, patch), by squares of `merge` by `merge`."""
    _, height, width = tile.shape
    rows, cols = height // patch // merge, width // patch // merge
    cut = tile.reshape(3, rows, merge, patch, cols, merge, patch)
    return cut.permute(1, 4, 2, 5, 0, 3, 6).reshape(-1, 3, patch, patch)


def filled(rows, n):
    """Rows and zeros behind them up to `n`."""
    return torch.cat([rows, torch.zeros(n - len(rows), *rows.shape[1:], dtype=rows.dtype)])


def tiny_inputs(config, tiles):
    """The tiles as the class's image processor would hand them over."""
    kind, vision = config["model_type"], config["vision_config"]
    patch = vision["patch_size"]
    grid = [(tile.shape[1] // patch, tile.shape[2] // patch) for tile in tiles]
    if kind in ("idefics3", "smolvlm"):
        return {"pixel_values": torch.stack(tiles)[None]}
    if kind.startswith("qwen") or kind == "lfm3_vl":
        patches = torch.cat([in_patches(tile, patch, vision["spatial_merge_size"]) for tile in tiles])
        frames = patches[:, :, None].expand(-1, -1, 2, -1, -1).reshape(len(patches), -1)
        return {"pixel_values": frames, "image_grid_thw": torch.tensor([[1, *size] for size in grid])}
    if kind in ("gemma4", "lfm2_vl"):
        rows = [in_patches(tile, patch).permute(0, 2, 3, 1).flatten(1) for tile in tiles]
        most = max(map(len, rows))
        values = torch.stack([filled(row, most) for row in rows])
        if kind == "lfm2_vl":
            mask = torch.stack([filled(torch.ones(len(row), dtype=torch.long), most) for row in rows])
            return {"pixel_values": values, "pixel_attention_mask": mask, "spatial_shapes": torch.tensor(grid)}
        places = torch.full((len(rows), most, 2), -1)
        for at, (down, across) in zip(places, grid):
            at[: down * across] = torch.tensor([(x, y) for y in range(down) for x in range(across)])
        # Gemma 4 takes levels from 0 to 1 and stretches them itself.
        return {"pixel_values": values, "image_position_ids": places}
    if kind == "mistral3":
        height, width = (max(tile.shape[i] for tile in tiles) for i in (1, 2))
        planes = [torch.nn.functional.pad(tile, (0, width - tile.shape[2], 0, height - tile.shape[1])) for tile in tiles]
        return {"pixel_values": torch.stack(planes), "image_sizes": torch.tensor([tile.shape[1:] for tile in tiles])}
    if kind == "minicpmv4_6":
        strips = [in_patches(tile, patch).permute(1, 2, 0, 3).flatten(2) for tile in tiles]
        return {"pixel_values": torch.cat(strips, -1)[None], "target_sizes": torch.tensor(grid)}
    return {"pixel_values": torch.stack(tiles)}


def tiny_pictures(model, config):
    """What the tower is given, the features that it makes of it, and the ids around them."""
    token = config.get("image_token_id", config.get("image_token_index"))
    sizes = tiny_tiles(config)
    values = uniform("pixels", sum(3 * height * width for height, width in sizes))
    tiles = [part.reshape(3, *size) for part, size in zip(values.split([3 * h * w for h, w in sizes]), sizes)]
    pictures = tiny_inputs(config, tiles)
    output = getattr(model, "model", model).get_image_features(**pictures)
    features = output.last_hidden_state if output.pooler_output is None else output.pooler_output
    features = features if torch.is_tensor(features) else torch.cat(list(features))
    features = features.reshape(-1, features.shape[-1])
    if config["model_type"] in ("idefics3", "smolvlm", "llama4"):
        return pictures, features, [7, 8, *[token] * len(features), 9, 10, 11]
    # A token between pictures, so that each is told from the next.
    shares = [height * width for height, width in sizes]
    first = len(features) * shares[0] // sum(shares)
    ids = [7, 8, *[token] * first, 9, *[token] * (len(features) - first), 10, 11, 12]
    kinds = torch.tensor([[int(one == token) for one in ids]])
    told = {"paligemma": {"token_type_ids": torch.zeros_like(kinds)}, "gemma3": {"token_type_ids": kinds},
            "gemma4": {"mm_token_type_ids": kinds}}
    if config["model_type"].startswith("qwen"):
        told[config["model_type"]] = {"mm_token_type_ids": kinds}
    return pictures | told.get(config["model_type"], {}), features, ids


@torch.no_grad()
def make_tiny(folder):
    """Writes golden.json into the folder of a tiny case."""
    config = json.loads((folder / "config.json").read_text())
    sees = "vision_config" in config
    with tempfile.TemporaryDirectory() as checkpoint:
        subprocess.run(["cargo", "run", "--quiet", "--package", "plimsoll-testing", "--example", "write_checkpoint",
                        "--", folder / "config.json", checkpoint], check=True, cwd=ROOT)
        kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model, info = kind.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager",
                                           output_loading_info=True)
    if any(info.values()):
        raise SystemExit(f"{folder.name}: {info}")
    model.eval()
    golden = {"made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float32 on CPU"}
    if sees:
        pictures, features, ids = tiny_pictures(model, config)
        if config["model_type"] in ANY_SHAPE:
            golden["tiles"] = tiny_tiles(config)
        golden["features"] = [round(value, 5) for value in features.flatten().tolist()]
        prompts = [ids]
    else:
        pick = random.Random(folder.name)
        pictures, prompts = {}, [[pick.randrange(3, config["vocab_size"]) for _ in range(n)] for n in TINY_LENGTHS]
    golden["cases"] = []
    for ids in prompts:
        output = model(torch.tensor([ids]), use_cache=True, **pictures)
        last = output.logits[0, -1].float()
        greedy, margins = continued(model, last, output.past_key_values, TINY_GREEDY)
        golden["cases"].append({"input_ids": ids, "last_logits": [round(value, 5) for value in last.tolist()],
                                "argmax": output.logits[0].argmax(-1).tolist(), "greedy": greedy,
                                "greedy_margins": margins})
    text = json.dumps(golden, separators=(",", ":")).replace('"cases"', '\n"cases"').replace('{"input_ids"', '\n{"input_ids"')
    (folder / "golden.json").write_text(text + "\n")
    print(f"{folder.name}: {len(golden['cases'])} cases, least margin {min(min(c['greedy_margins']) for c in golden['cases'])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="checkpoint folder")
    parser.add_argument("--tiny", nargs="*", metavar="CASE", help="cases of crates/testing/golden instead; default: all")
    parser.add_argument("--out", type=Path, help="default: golden.json in the folder")
    parser.add_argument("--text", action="append", default=[], help="a case of raw text, repeatable; default: four texts")
    parser.add_argument("--chat", action="append", default=[], help="a case of one user message, repeatable")
    parser.add_argument("--greedy", type=int, default=24, help="tokens of greedy continuation (default 24)")
    parser.add_argument("--now", default="2026-11-21", help="date for templates that ask for it (default 2026-11-21)")
    args = parser.parse_args()
    if args.tiny is not None:
        folders = ROOT / "crates" / "testing" / "golden"
        for name in args.tiny or sorted(folder.name for folder in folders.iterdir()):
            make_tiny(folders / name)
        return
    if args.model is None:
        parser.error("a checkpoint folder or --tiny")
    args.out = args.out or args.model / "golden.json"
    make(args)


if __name__ == "__main__":
    main()
