#!/usr/bin/env python3
"""Trains demo:vision: a small SmolVLM on pictures that the project's own code draws, on the CPU.

    cargo run --release -p plimsoll-lab --example demo_data -- pictures 1 60000 P
    cargo run --release -p plimsoll-lab --example demo_data -- eval-vision E 1 40
    python demo/train_vision.py prepare --data P --work W
    python demo/train_vision.py train --eval E --work W
    python demo/train_vision.py export --work W --out demo/vision

Needs torch, torchvision, transformers (5.23), pillow and num2words from PyPI; README.md has the exact commands behind
the model. `train` may be stopped at any time and goes on where its last checkpoint stood. The learning rate follows the
clock, so that a run ends when it should on any machine.

Several questions about a picture share one sequence, in which none sees another: each attends to the picture and to
itself, at the positions that it would have alone. What is learned is what is asked: one question about one picture.

Answers of a word teach a tower slowly. So it also learns, through two linear maps that are thrown away afterwards, what
lies under each patch and what has its middle within each image token; for the first minutes it learns nothing else.
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
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SmolVLMConfig, SmolVLMForConditionalGeneration
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

from train import Muon, read_jsonl

HERE = Path(__file__).parent
DRAWN = 128  # side of a drawn picture [pixels]
TILE = 64  # side of what the tower sees [pixels]
PATCH = 8
SCALE = 2  # patches per edge that the connector makes one token of
IMAGE_TOKENS = (TILE // PATCH // SCALE) ** 2
GRID = 4  # rows and columns of tiles that have a token, for processors that split
PAD, START, IMAGE, FAKE, END, GLOBAL = range(6)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
TILES = [f"<row_{row}_col_{column}>" for row in range(1, GRID + 1) for column in range(1, GRID + 1)]
VOCAB_SIZE = 512
CONTEXT = 1024
FIGURES = ["circle", "square", "triangle", "star", "cross", *"ABCDEFHJKLMNPRTUVXYZ0123456789"]
COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "black", "white"]
HEIGHT_STEP = 6  # heights of marks are told apart in steps of so many pixels
N_HEIGHTS = 2 + 77 // HEIGHT_STEP
TOWER_BATCH = 20  # pictures of a step in which the tower learns alone
IGNORED = -100  # label of positions without a loss
ASK, REPLY = "<end_of_utterance>\nAssistant:", "<end_of_utterance>"  # what chat_template.jinja puts around an answer


def config():
    text = dict(
        model_type="llama", vocab_size=VOCAB_SIZE, hidden_size=128, intermediate_size=320, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, tie_word_embeddings=True,
        bos_token_id=START, eos_token_id=END, pad_token_id=PAD)
    vision = dict(hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
                  image_size=TILE, patch_size=PATCH)
    return SmolVLMConfig(text_config=text, vision_config=vision, scale_factor=SCALE, image_token_id=IMAGE,
                         tie_word_embeddings=True, pad_token_id=PAD)


# Tokenizer and processor

def make_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    # Digits stand alone, as in the demo pair. Every byte is in the alphabet, so that any text encodes.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True, normalized=False) for token in SPECIAL + TILES]
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE, special_tokens=special, show_progress=False, min_frequency=2,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[START], eos_token=SPECIAL[END], pad_token=SPECIAL[PAD],
        model_max_length=CONTEXT,
        extra_special_tokens={"image_token": SPECIAL[IMAGE], "fake_image_token": SPECIAL[FAKE],
                              "end_of_utterance_token": SPECIAL[END], "global_image_token": SPECIAL[GLOBAL]})


def image_processor():
    """Any picture as one tile: resized to the tile's side, without tiles of its parts."""
    return SmolVLMImageProcessorPil(do_image_splitting=False, size={"longest_edge": TILE},
                                    max_image_size={"longest_edge": TILE}, resample=Image.Resampling.LANCZOS)


def processor(tokenizer):
    frames = {"longest_edge": TILE}
    video = SmolVLMVideoProcessor(size=frames, max_image_size=frames, num_frames=4, fps=1,
                                  video_sampling={"fps": 1, "max_frames": 4, "video_size": frames})
    return SmolVLMProcessor(image_processor(), tokenizer, video, image_seq_len=IMAGE_TOKENS,
                            chat_template=(HERE / "vision.jinja").read_text())


# Data

def prepare(args):
    """Tokenises the questions, and resizes the pictures as the processor does (Pillow's Lanczos)."""
    asked = read_jsonl(args.data / "questions.jsonl")
    texts = ("User:" + item["prompt"] + "\nAssistant: " + item["answer"] for items in asked[:20_000] for item in items)
    processor(make_tokenizer(texts)).save_pretrained(args.work / "processor")
    drawn = np.memmap(args.data / "pictures.rgb", dtype=np.uint8, mode="r").reshape(-1, DRAWN, DRAWN, 3)
    assert len(drawn) == len(asked), (len(drawn), len(asked))
    temporary = args.work / "pictures.tmp.npy"
    tiles = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(drawn), TILE, TILE, 3))
    for i, picture in enumerate(drawn):
        tiles[i] = tile(Image.fromarray(picture))
    tiles.flush()
    temporary.replace(args.work / "pictures.npy")
    print(f"{len(drawn)} pictures, {sum(map(len, asked))} questions", flush=True)


def tile(picture):
    return np.asarray(picture.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS))


def labels_of_scene(scene):
    """What lies under each patch (figure, colour) and what has its middle in each image token's square (figure,
    colour, height); 0 is nothing. Squares are numbered row by row, as patches and tokens are."""
    patches, tokens = np.zeros((2, (TILE // PATCH) ** 2), np.uint8), np.zeros((3, IMAGE_TOKENS), np.uint8)
    per_patch, per_token = DRAWN * PATCH // TILE, DRAWN * PATCH * SCALE // TILE
    for mark in scene["marks"]:
        (kind, name), = mark["figure"].items()
        figure, colour, height = 1 + FIGURES.index(name), 1 + COLOURS.index(mark["colour"]), mark["height"]
        width = height if kind == "shape" else height * 5 // 7
        middle = np.arange(per_patch // 2, DRAWN, per_patch)
        across = (middle >= mark["left"]) & (middle < mark["left"] + width)
        down = (middle >= mark["top"]) & (middle < mark["top"] + height)
        under = (down[:, None] & across[None]).ravel()
        patches[:, under] = [[figure], [colour]]
        row, column = (mark["top"] + height // 2) // per_token, (mark["left"] + width // 2) // per_token
        tokens[:, row * (DRAWN // per_token) + column] = figure, colour, 1 + height // HEIGHT_STEP
    return patches, tokens


def encode(tokenizer, pairs):
    """(prompt, answer) pairs to token ids and the length of each prompt with what opens the answer."""
    prompts = tokenizer.encode_batch([prompt + ASK for prompt, _ in pairs], add_special_tokens=False)
    answers = tokenizer.encode_batch([" " + answer + REPLY for _, answer in pairs], add_special_tokens=False)
    return [(np.array(p.ids + a.ids, dtype=np.uint16), len(p.ids)) for p, a in zip(prompts, answers)]


def prefix_ids(tokenizer):
    text = SPECIAL[START] + "User:" + SPECIAL[FAKE] + SPECIAL[GLOBAL] + SPECIAL[IMAGE] * IMAGE_TOKENS + SPECIAL[FAKE]
    return np.array(tokenizer.encode(text, add_special_tokens=False).ids)


def batch_tensors(prefix, rows):
    """Each row a list of questions about one picture. ids, labels (batch, length); positions likewise; mask of what
    may be attended to (batch, 1, length, length)."""
    width = len(prefix) + max(sum(len(ids) for ids, _ in row) for row in rows)
    width = -(-width // 8) * 8
    ids = np.full((len(rows), width), PAD, dtype=np.int64)
    labels = np.full((len(rows), width), IGNORED, dtype=np.int64)
    positions = np.zeros((len(rows), width), dtype=np.int64)
    # Which question a token belongs to: 0 the picture, which all see; -1 padding, which sees itself alone.
    question = np.full((len(rows), width), -1, dtype=np.int64)
    for i, row in enumerate(rows):
        at = len(prefix)
        ids[i, :at], positions[i, :at], question[i, :at] = prefix, np.arange(at), 0
        for k, (tokens, n_prompt) in enumerate(row):
            end = at + len(tokens)
            ids[i, at:end] = tokens
            labels[i, at + n_prompt - 1:end - 1] = tokens[n_prompt:]
            positions[i, at:end] = len(prefix) + np.arange(len(tokens))
            question[i, at:end] = k + 1
            at = end
    question = torch.from_numpy(question)
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    sees = (question[:, :, None] == question[:, None, :]) | ((question[:, None, :] == 0) & (question[:, :, None] > 0))
    sees = (sees & causal)[:, None]
    return torch.from_numpy(ids), torch.from_numpy(labels), torch.from_numpy(positions), sees


def batches(pictures, questions, prefix, mix, args, seed):
    """Endless batches: the numbers of pictures in random order, and of each some of its questions, drawn by the weights
    of `mix`."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(questions))
        for start in range(0, len(order) - args.batch, args.batch):
            chosen = np.sort(order[start:start + args.batch])
            rows = []
            for i in chosen:
                weights = np.array([mix.get(category, 1.0) for category, _ in questions[i]])
                n = min(args.questions, len(weights))
                picked = rng.choice(len(weights), n, replace=False, p=weights / weights.sum())
                rows.append([questions[i][k][1] for k in picked])
            yield chosen, pictures[chosen], *batch_tensors(prefix, rows)


# Model

def look(model, tiles):
    """What the tower makes of each patch (pictures, patches, width), and the image tokens made of that."""
    pixels = torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 127.5 - 1
    patches = model.model.vision_model(pixel_values=pixels).last_hidden_state
    return patches, model.model.connector(patches)


def answer_logits(model, features, ids, labels, positions, sees):
    """Logits where a label is, and those labels."""
    embedded = model.get_input_embeddings()(ids)
    embedded = embedded.masked_scatter((ids == IMAGE)[:, :, None], features)
    bias = torch.zeros(sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)
    hidden = model.model.text_model(inputs_embeds=embedded, attention_mask=bias, position_ids=positions,
                                    use_cache=False).last_hidden_state
    at = labels != IGNORED
    return model.lm_head(hidden[at]), labels[at]


class Teacher(torch.nn.Module):
    """Two linear maps from what the tower makes of a picture to what is in it."""

    def __init__(self, width):
        super().__init__()
        self.sizes = [[1 + len(FIGURES), 1 + len(COLOURS)], [1 + len(FIGURES), 1 + len(COLOURS), N_HEIGHTS]]
        self.maps = torch.nn.ModuleList(torch.nn.Linear(width, sum(sizes)) for sizes in self.sizes)

    def loss(self, seen, truth):
        """Cross-entropies, summed over the properties of a square; squares with something in them count for more,
        since most are empty."""
        total = 0.0
        for features, labels, sizes, to_logits in zip(seen, truth, self.sizes, self.maps):
            labels = torch.from_numpy(labels).long()  # (pictures, properties, squares)
            for k, logits in enumerate(to_logits(features).split(sizes, dim=-1)):
                weight = torch.full((sizes[k],), 1.0)
                weight[0] = 0.2
                total = total + torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, k], weight=weight)
        return total


@torch.no_grad()
def accuracy(model, prefix, held_out):
    """Share of items whose answer is the greedy one. Teacher forcing decides that exactly: greedy decoding
    reproduces the answer just when each of its tokens is the likeliest after those before it."""
    model.eval()
    right = defaultdict(list)
    for start in range(0, len(held_out), 40):
        part = held_out[start:start + 40]
        tensors = batch_tensors(prefix, [[row] for _, _, row in part])
        logits, labels = answer_logits(model, look(model, np.stack([t for _, t, _ in part]))[1], *tensors)
        wrong = (logits.argmax(-1) != labels).split([len(row[0]) - row[1] for _, _, row in part])
        for (category, _, _), tokens in zip(part, wrong):
            right[category].append(not tokens.any())
    model.train()
    return {category: float(np.mean(values)) for category, values in right.items()}


def optimizers(model, teacher, lr):
    """Muon for the matrices inside the layers, AdamW for embeddings, biases, norms and what is thrown away."""
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n] + list(teacher.parameters())
    return [Muon(inner, lr, dtype=torch.float32), torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)]


def load_tokenizer(work):
    return Tokenizer.from_file(str(work / "processor" / "tokenizer.json"))


def load_questions(tokenizer, path):
    """For each picture its questions: category, and token ids with the length of the prompt."""
    asked = read_jsonl(path)
    flat = iter(encode(tokenizer, [(q["prompt"], q["answer"]) for items in asked for q in items]))
    return [[(q["category"], next(flat)) for q in items] for items in asked]


def load_held_out(tokenizer, folder):
    items = [item for item in read_jsonl(folder / "suite.jsonl") if item["category"] != "canary"]
    rows = encode(tokenizer, [(item["prompt"], item["reference"]) for item in items])
    return [(item["category"], tile(Image.open(folder / f"{item['id']}.png")), row) for item, row in zip(items, rows)]


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = load_tokenizer(args.work)
    prefix = prefix_ids(tokenizer)
    pictures = np.load(args.work / "pictures.npy", mmap_mode="r")
    questions = load_questions(tokenizer, args.data / "questions.jsonl")
    held_out = load_held_out(tokenizer, args.eval)
    model = SmolVLMForConditionalGeneration(config()).float()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(pictures)} pictures, "
          f"{sum(map(len, questions))} questions", flush=True)
    teacher = Teacher(model.config.vision_config.hidden_size)
    scenes = [labels_of_scene(scene) for scene in read_jsonl(args.data / "scenes.jsonl")]
    truth = [np.stack(part) for part in zip(*scenes)]
    opts = optimizers(model, teacher, args.lr)
    state = dict(step=0, seconds=0.0, pictures=0, answers=0)
    checkpoint = args.work / "vision.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        teacher.load_state_dict(saved["teacher"])
        for opt, opt_state in zip(opts, saved["opts"]):
            opt.load_state_dict(opt_state)
        state = saved["state"]
        print("resumed at", state, flush=True)
    mix = {name: float(weight) for name, weight in (pair.split("=") for pair in args.mix.split(",") if pair)}
    stream = batches(pictures, questions, prefix, mix, args, args.seed + state["step"])
    model.train()
    budget, last_report, last_save, losses = args.minutes * 60, state["seconds"], state["seconds"], []
    lessons, rng = [], np.random.default_rng(args.seed + state["step"])
    started = time.time() - state["seconds"]
    while (seconds := time.time() - started) < budget:
        scale = min(1.0, (state["step"] + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * seconds / budget)))
        chosen, tiles, *tensors = next(stream)
        tower_alone = seconds < args.tower_minutes * 60
        if tower_alone:
            chosen = np.sort(rng.choice(len(pictures), TOWER_BATCH, replace=False))
            tiles = pictures[chosen]
        seen = look(model, tiles)
        loss = taught = teacher.loss(seen, [part[chosen] for part in truth])
        answers = 0
        if not tower_alone:
            logits, labels = answer_logits(model, seen[1], *tensors)
            asked = torch.nn.functional.cross_entropy(logits, labels)
            loss = asked + args.teach * taught
            answers = int((labels == END).sum())
            losses.append(asked.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = args.lr * scale
            opt.step()
            opt.zero_grad(set_to_none=True)
        lessons.append(taught.item())
        state = dict(step=state["step"] + 1, seconds=time.time() - started, pictures=state["pictures"] + len(chosen),
                     answers=state["answers"] + answers)
        if seconds - last_report > args.report or state["step"] == 20:
            last_report = seconds
            print(f"{seconds:6.0f} s  step {state['step']}  {state['pictures']} pictures  {state['answers']} answers  "
                  f"loss {np.mean(losses[-50:] or [0]):.4f}  tower {np.mean(lessons[-50:]):.4f}", flush=True)
        if seconds - last_save > args.save:
            last_save = seconds
            save(checkpoint, model, teacher, opts, state, accuracy(model, prefix, held_out))
    save(checkpoint, model, teacher, opts, state, accuracy(model, prefix, held_out))


def save(checkpoint, model, teacher, opts, state, share):
    mean = sum(share.values()) / len(share)
    print(f"       held out {mean:.3f}  " + "  ".join(f"{k} {v:.2f}" for k, v in share.items()), flush=True)
    temporary = checkpoint.with_suffix(".tmp")
    torch.save(dict(model=model.state_dict(), teacher=teacher.state_dict(), opts=[o.state_dict() for o in opts],
                    state=state, share=share), temporary)
    temporary.replace(checkpoint)


def export(args):
    """Writes the Hugging Face folder: weights in bf16, config, tokenizer, processor, template."""
    saved = torch.load(args.work / "vision.pt")
    model = SmolVLMForConditionalGeneration(config())
    model.load_state_dict(saved["model"])
    model.generation_config.eos_token_id = END
    model.to(torch.bfloat16).save_pretrained(args.out)
    for file in (args.work / "processor").iterdir():
        shutil.copy(file, args.out / file.name)
    (args.out / "model.safetensors").chmod(0o644)
    print("exported", saved["state"], f"parameters {sum(p.numel() for p in model.parameters())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "train", "export"])
    parser.add_argument("--work", type=Path, required=True, help="folder for prepared data and checkpoints")
    parser.add_argument("--data", type=Path, help="folder of `demo_data pictures`")
    parser.add_argument("--eval", type=Path, help="folder of `demo_data eval-vision`")
    parser.add_argument("--out", type=Path, help="folder to export to")
    parser.add_argument("--minutes", type=float, default=60, help="wall-clock budget, resumed time included")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=32, help="pictures of a step")
    parser.add_argument("--questions", type=int, default=8, help="questions about a picture, at most")
    parser.add_argument("--tower-minutes", type=float, default=6, help="minutes in which the tower learns alone")
    parser.add_argument("--teach", type=float, default=0.3, help="weight of what the tower learns beside answers")
    parser.add_argument("--mix", default="", help="weights of categories, such as counts=2,colours=0.5")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=float, default=20, help="seconds between lines")
    parser.add_argument("--save", type=float, default=180, help="seconds between checkpoints")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    {"prepare": prepare, "train": train, "export": export}[args.what](args)


if __name__ == "__main__":
    main()
