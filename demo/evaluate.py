#!/usr/bin/env python3
"""Answers a suite with transformers, as an independent check of what `plimsoll eval` finds.

    cargo run --release -p plimsoll-lab --example demo_data -- eval > eval.jsonl
    python demo/evaluate.py demo/large --suite eval.jsonl > large.jsonl
    cargo run --release -p plimsoll-lab --example demo_data -- mark large.jsonl [small.jsonl]

Greedy, in float32, each prompt through the checkpoint's own chat template. Choices are answered by likelihood: the
option with the largest sum of log-probabilities of its tokens as the beginning of the answer. Marking is left to the
project's own code, so there is one set of rules.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def prompt_ids(tokenizer, prompt):
    rendered = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False,
                                             add_generation_prompt=True)
    return tokenizer(rendered, add_special_tokens=False)["input_ids"]


def generate(model, tokenizer, ids, max_tokens):
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                         max_new_tokens=max_tokens, do_sample=False)
    return tokenizer.decode(out[0, len(ids):], skip_special_tokens=True)


def log_likelihood(model, tokenizer, ids, option):
    """Sum over the option's tokens. [nats]"""
    option_ids = tokenizer(option, add_special_tokens=False)["input_ids"]
    logits = model(torch.tensor([ids + option_ids])).logits[0, len(ids) - 1:-1]
    return float(logits.log_softmax(-1).gather(1, torch.tensor(option_ids)[:, None]).sum())


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder")
    parser.add_argument("--suite", type=Path, required=True, help="JSON lines of `demo_data eval`")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    for line in args.suite.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        ids = prompt_ids(tokenizer, item["prompt"])
        likelihoods = []
        if item["scoring"]["kind"] == "choice":
            options = item["scoring"]["options"]
            likelihoods = [log_likelihood(model, tokenizer, ids, option) for option in options]
            answer = options[max(range(len(options)), key=likelihoods.__getitem__)]
        else:
            answer = generate(model, tokenizer, ids, item["max_tokens"])
        print(json.dumps({"item": item["id"], "answer": answer, "log_likelihoods": likelihoods}, ensure_ascii=False))


if __name__ == "__main__":
    main()
