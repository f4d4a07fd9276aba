#!/usr/bin/env python3
"""Trains the demo pair: a byte-level BPE tokenizer and SmolLM3 models of two sizes, on the CPU.

    cargo run --release -p plimsoll-lab --example demo_data -- train 1 100000 > train.jsonl
    cargo run --release -p plimsoll-lab --example demo_data -- eval > eval.jsonl
    python demo/train.py tokenizer --data train.jsonl --work W
    python demo/train.py train --size large --compile --data train.jsonl --eval eval.jsonl --work W
    python demo/train.py export --size large --work W --out demo/large

Needs torch and transformers (5.23) from PyPI; README.md has the exact commands behind the pair. `train` may be stopped at any time and goes on where its last
checkpoint stood. The learning rate follows the clock, so that a run ends when it should on any machine.
"""

import argparse
import json
import math
import shutil
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SmolLM3Config, SmolLM3ForCausalLM

HERE = Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PAD, START, END = 0, 1, 2
VOCAB_SIZE = 640
CONTEXT = 1024  # room for measuring speed at depth; the training items are far shorter
IGNORED = -100  # label of positions without a loss
PROMPT_WEIGHT = 0.1  # the loss on a prompt's tokens against an answer's: enough to learn the language's texture

SIZES = {
    "large": dict(hidden_size=192, intermediate_size=576, num_hidden_layers=6, num_attention_heads=6,
                  num_key_value_heads=2),
    "small": dict(hidden_size=96, intermediate_size=256, num_hidden_layers=4, num_attention_heads=3,
                  num_key_value_heads=1),
}


def config(size):
    return SmolLM3Config(
        vocab_size=VOCAB_SIZE, max_position_embeddings=CONTEXT, tie_word_embeddings=True, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, initializer_range=0.02,
        bos_token_id=START, eos_token_id=END, pad_token_id=PAD, use_cache=True, **SIZES[size])


def read_jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def prompt_text(prompt):
    """What chat_template.jinja renders for one user message and the start of an answer."""
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


# Tokenizer

def make_tokenizer(items, folder):
    tokenizer = Tokenizer(models.BPE())
    # Digits stand alone, so that a number's place values stay visible.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    texts = (message["content"] for item in items for message in item["messages"])
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>",
                                      pad_token="<|endoftext|>", model_max_length=CONTEXT)
    wrapped.chat_template = (HERE / "chat_template.jinja").read_text()
    wrapped.save_pretrained(folder)


def load_tokenizer(work):
    return Tokenizer.from_file(str(work / "tokenizer" / "tokenizer.json"))


# Data

def encode(tokenizer, pairs):
    """(prompt, answer) pairs to token ids and the length of each prompt."""
    prompts = tokenizer.encode_batch([prompt_text(p) for p, _ in pairs])
    answers = tokenizer.encode_batch([a + "<|im_end|>" for _, a in pairs])
    return [(np.array(p.ids + a.ids, dtype=np.uint16), len(p.ids)) for p, a in zip(prompts, answers)]


def batch_tensors(rows):
    """Rows padded on the right (causal attention never looks there); labels aligned with the next token."""
    width = -(-max(len(ids) for ids, _ in rows) // 8) * 8
    ids = np.full((len(rows), width), PAD, dtype=np.int64)
    labels = np.full((len(rows), width), IGNORED, dtype=np.int64)
    weights = np.zeros((len(rows), width), dtype=np.float32)
    for i, (row, n_prompt) in enumerate(rows):
        ids[i, :len(row)] = row
        labels[i, :len(row) - 1] = row[1:]
        weights[i, :n_prompt - 1] = PROMPT_WEIGHT
        weights[i, n_prompt - 1:len(row) - 1] = 1.0
    return torch.from_numpy(ids), torch.from_numpy(labels), torch.from_numpy(weights)


def batches(by_category, mix, tokens_per_batch, seed):
    """Endless batches of rows of like length, categories drawn by `mix`."""
    rng = np.random.default_rng(seed)
    names = list(by_category)
    share = np.array([mix.get(name, 1.0) for name in names])
    share /= share.sum()
    orders = {name: iter(()) for name in names}
    while True:
        pool = []
        for k in rng.choice(len(names), size=4096, p=share):
            name = names[k]
            index = next(orders[name], None)
            if index is None:
                orders[name] = iter(rng.permutation(len(by_category[name])))
                index = next(orders[name])
            pool.append(by_category[name][index])
        pool.sort(key=lambda row: len(row[0]))
        cut, start = [], 0
        for end in range(1, len(pool) + 1):
            width = -(-len(pool[min(end, len(pool) - 1)][0]) // 8) * 8
            if end == len(pool) or (end + 1 - start) * width > tokens_per_batch:
                cut.append(pool[start:end])
                start = end
        rng.shuffle(cut)
        yield from cut


# Model

def weighted_loss(model, ids, labels, weights):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED,
                                             reduction="none")
    weights = weights.flatten()
    return (loss * weights).sum() / weights.sum()


@torch.no_grad()
def accuracy(model, rows_by_category):
    """Share of items whose answer is the greedy one. Teacher forcing decides that exactly: greedy decoding
    reproduces the answer just when each of its tokens is the likeliest after those before it."""
    model.eval()
    share = {}
    for name, rows in rows_by_category.items():
        right = 0
        for start in range(0, len(rows), 64):
            part = rows[start:start + 64]
            ids, labels, weights = batch_tensors(part)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                best = model(input_ids=ids, use_cache=False).logits.argmax(-1)
            wrong = ((best != labels) & (weights == 1.0)).any(1)
            right += int((~wrong).sum())
        share[name] = right / len(rows)
    model.train()
    return share


class Muon(torch.optim.Optimizer):
    """Muon (Jordan 2024), matrices of one shape orthogonalised as one batch: many small ones are slow on a CPU.
    Updates are scaled to AdamW's usual size, so both take the same learning rate. `dtype` is what the orthogonalising
    products are computed in: bfloat16 is faster where the processor multiplies it."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.05, dtype=torch.bfloat16):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.dtype = dtype

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in (p for p in group["params"] if p.grad is not None):
                by_shape[tuple(p.shape)].append(p)
            for (rows, columns), params in by_shape.items():
                updates = []
                for p in params:
                    m = self.state[p].setdefault("m", torch.zeros_like(p))
                    m.lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(m, group["momentum"]))
                scale = 0.2 * math.sqrt(max(rows, columns))
                for p, update in zip(params, orthogonal(torch.stack(updates), self.dtype)):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


def orthogonal(x, dtype):
    """The nearest orthogonal matrices, roughly, by five Newton–Schulz steps. x: (n, rows, columns)"""
    flip = x.size(-2) > x.size(-1)
    x = (x.mT if flip else x).to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if flip else x).float()


def optimizers(model, lr):
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [Muon(inner, lr), torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)]


def train(args):
    torch.manual_seed(args.seed)
    tokenizer = load_tokenizer(args.work)
    by_category = defaultdict(list)
    items = read_jsonl(args.data)
    for start in range(0, len(items), 10_000):
        part = items[start:start + 10_000]
        pairs = [tuple(message["content"] for message in item["messages"]) for item in part]
        for item, row in zip(part, encode(tokenizer, pairs)):
            by_category[item["category"]].append(row)
    held_out = defaultdict(list)
    questions = [q for q in read_jsonl(args.eval) if q["category"] != "canary"]
    for question, row in zip(questions, encode(tokenizer, [(q["prompt"], q["reference"]) for q in questions])):
        held_out[question["category"]].append(row)

    # One thread: beside other work on the machine, threads that wait for each other cost more than they give.
    torch.set_num_threads(args.threads)
    # Written-out attention: the fused CPU kernel is several times slower on sequences of this length.
    model = SmolLM3ForCausalLM._from_config(config(args.size), attn_implementation="eager").float()
    print(f"{args.size}: {sum(p.numel() for p in model.parameters())} parameters, {len(items)} items, "
          f"{sum(len(ids) for rows in by_category.values() for ids, _ in rows)} tokens", flush=True)
    opts = optimizers(model, args.lr)
    state = dict(step=0, seconds=0.0, tokens=0)
    checkpoint = args.work / f"{args.size}.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        for opt, opt_state in zip(opts, saved["opts"]):
            opt.load_state_dict(opt_state)
        state = saved["state"]
        print("resumed at", state, flush=True)
    mix = dict(pair.split("=") for pair in args.mix.split(",") if pair)
    stream = batches(by_category, {k: float(v) for k, v in mix.items()}, args.batch_tokens, args.seed + state["step"])
    run = torch.compile(model, dynamic=True) if args.compile else model
    model.train()
    budget, last_report, last_save, losses = args.minutes * 60, 0.0, 0.0, []
    started = time.time() - state["seconds"]
    while (seconds := time.time() - started) < budget:
        done = seconds / budget
        scale = min(1.0, (state["step"] + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        ids, labels, weights = batch_tensors(next(stream))
        loss = weighted_loss(run, ids, labels, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = args.lr * scale
            opt.step()
            opt.zero_grad(set_to_none=True)
        losses.append(loss.item())
        state = dict(step=state["step"] + 1, seconds=time.time() - started, tokens=state["tokens"] + ids.numel())
        if seconds - last_report > args.report or state["step"] == 20:
            last_report = seconds
            print(f"{seconds:6.0f} s  step {state['step']}  {state['tokens'] / 1e6:.2f} M tokens  "
                  f"loss {np.mean(losses[-100:]):.4f}", flush=True)
        if seconds - last_save > args.save:
            last_save = seconds
            save(checkpoint, model, opts, state, accuracy(model, held_out))
    save(checkpoint, model, opts, state, accuracy(model, held_out))


def save(checkpoint, model, opts, state, share):
    mean = sum(share.values()) / len(share)
    print(f"       held out {mean:.3f}  " + "  ".join(f"{k} {v:.2f}" for k, v in share.items()), flush=True)
    temporary = checkpoint.with_suffix(".tmp")
    torch.save(dict(model=model.state_dict(), opts=[o.state_dict() for o in opts], state=state, share=share), temporary)
    temporary.replace(checkpoint)


def export(args):
    """Writes the Hugging Face folder: weights in bf16, config, tokenizer, template."""
    saved = torch.load(args.work / f"{args.size}.pt")
    model = SmolLM3ForCausalLM(config(args.size))
    model.load_state_dict(saved["model"])
    model.to(torch.bfloat16).save_pretrained(args.out)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(args.work / "tokenizer" / name, args.out / name)
    (args.out / "model.safetensors").chmod(0o644)
    print("exported", saved["state"], f"parameters {sum(p.numel() for p in model.parameters())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokenizer", "train", "export"])
    parser.add_argument("--work", type=Path, required=True, help="folder for the tokenizer and checkpoints")
    parser.add_argument("--data", type=Path, help="training items, JSON lines")
    parser.add_argument("--eval", type=Path, help="held-out items, JSON lines")
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--out", type=Path, help="folder to export to")
    parser.add_argument("--minutes", type=float, default=45, help="wall-clock budget, resumed time included")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--mix", default="", help="weights of categories, such as dates=2,copying=0.5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="torch.compile (needs a C++ compiler)")
    parser.add_argument("--report", type=float, default=20, help="seconds between lines")
    parser.add_argument("--save", type=float, default=180, help="seconds between checkpoints")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.what == "tokenizer":
        make_tokenizer(read_jsonl(args.data), args.work / "tokenizer")
    elif args.what == "train":
        train(args)
    else:
        export(args)


if __name__ == "__main__":
    main()
