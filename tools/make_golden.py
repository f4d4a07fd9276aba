#!/usr/bin/env python3
"""Writes golden.json for a text checkpoint in the Hugging Face layout: what transformers computes, in float32.

    pip install "transformers==5.23.*" torch jinja2
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
"""

import argparse
import datetime
import json
import os
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

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
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    output = model(torch.tensor([ids]), use_cache=True, **pictures)
    logits = output.logits[0].float()  # (n_tokens, vocab_size)
    nll = -logits[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:], dtype=torch.long)[:, None]).sum()
    case = {
        "input_ids": ids,
        "last_logits": [round(value, 5) for value in logits[-1].tolist()],
        "argmax": logits.argmax(-1).tolist(),
        "nll_sum": float(nll),
    }
    greedy, margins, last, cache = [], [], logits[-1], output.past_key_values
    while len(greedy) < n_greedy and not (greedy and greedy[-1] in ends):
        best = last.topk(2)
        greedy.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 6))
        output = model(torch.tensor([greedy[-1:]]), past_key_values=cache, use_cache=True)
        last, cache = output.logits[0, -1].float(), output.past_key_values
    return case | {"greedy": greedy, "greedy_text": tokenizer.decode(greedy), "greedy_margins": margins,
                   "greedy_min_margin": min(margins, default=None)}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder")
    parser.add_argument("--out", type=Path, help="default: golden.json in the folder")
    parser.add_argument("--text", action="append", default=[], help="a case of raw text, repeatable; default: four texts")
    parser.add_argument("--chat", action="append", default=[], help="a case of one user message, repeatable")
    parser.add_argument("--greedy", type=int, default=24, help="tokens of greedy continuation (default 24)")
    parser.add_argument("--now", default="2026-11-21", help="date for templates that ask for it (default 2026-11-21)")
    args = parser.parse_args()
    args.out = args.out or args.model / "golden.json"
    make(args)


if __name__ == "__main__":
    main()
