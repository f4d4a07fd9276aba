#!/usr/bin/env python3
"""Answers the suite about pictures with transformers, as an independent check of what `plimsoll eval` finds.

    cargo run --release -p plimsoll-lab --example demo_data -- eval-vision E
    python demo/evaluate_vision.py demo/vision --suite E > vision.jsonl
    cargo run --release -p plimsoll-lab --example demo_data -- mark vision.jsonl

Greedy, in float32 from the weights as stored, each picture and prompt through the checkpoint's own processor (its Pillow
backend) and chat template. As in evaluate.py, choices are answered by likelihood, and marking is left to the project's
own code.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor


def inputs_of(processor, picture, prompt):
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
    rendered = processor.apply_chat_template(messages, add_generation_prompt=True)
    return processor(text=rendered, images=[Image.open(picture)], return_tensors="pt", add_special_tokens=False)


def log_likelihood(model, processor, inputs, option):
    """Sum over the option's tokens. [nats]"""
    option_ids = torch.tensor(processor.tokenizer(option, add_special_tokens=False)["input_ids"])
    ids = torch.cat([inputs["input_ids"][0], option_ids])[None]
    logits = model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits[0, inputs["input_ids"].shape[1] - 1:-1]
    return float(logits.log_softmax(-1).gather(1, option_ids[:, None]).sum())


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder")
    parser.add_argument("--suite", type=Path, required=True, help="folder of `demo_data eval-vision`")
    args = parser.parse_args()
    torch.set_num_threads(1)
    processor = AutoProcessor.from_pretrained(args.model)
    processor.image_processor = AutoImageProcessor.from_pretrained(args.model, backend="pil")
    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32,
                                                        attn_implementation="eager").eval()
    for line in (args.suite / "suite.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        inputs = inputs_of(processor, args.suite / f"{item['id']}.png", item["prompt"])
        likelihoods = []
        if item["scoring"]["kind"] == "choice":
            options = item["scoring"]["options"]
            likelihoods = [log_likelihood(model, processor, inputs, option) for option in options]
            answer = options[max(range(len(options)), key=likelihoods.__getitem__)]
        else:
            out = model.generate(**inputs, max_new_tokens=item["max_tokens"], do_sample=False)
            answer = processor.tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        print(json.dumps({"item": item["id"], "answer": answer, "log_likelihoods": likelihoods}, ensure_ascii=False))


if __name__ == "__main__":
    main()
