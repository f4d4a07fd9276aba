#!/usr/bin/env python3
"""Writes golden.json for a checkpoint that sees, in the Hugging Face layout: what transformers computes, in float32.

    pip install "transformers==5.23.*" torch torchvision pillow num2words jinja2
    python tools/make_golden_vision.py path/to/checkpoint --ask picture.png "What colour is the circle?"
    plimsoll verify path/to/checkpoint

As make_golden.py, of which it is the half for pictures. A case has besides
  images         paths of its pictures, relative to golden.json
  pixel_values, image_features
                 what the image processor (its Pillow backend) and tower with connector make of them: `shape`, `mean`,
                 `std`, and `values` at 64 flat indices (`at`) evenly spread
`input_ids` are those after image tokens took the place of the picture. The same folder gets golden_pixels.safetensors
with the pixel tensors (`case0`, …), so that the tower can be checked apart from resizing.
"""

import argparse
import json
import os
from pathlib import Path

import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from make_golden import numbers, weights_dtype

SAMPLES = 64


def sampled(tensor):
    flat = tensor.flatten().double()
    at = torch.linspace(0, len(flat) - 1, SAMPLES, dtype=torch.float64).long()
    return {"shape": list(tensor.shape), "mean": float(flat.mean()), "std": float(flat.std()), "at": at.tolist(),
            "values": [round(value, 6) for value in flat[at].tolist()]}


@torch.no_grad()
def case(model, processor, picture, question, folder, n_greedy):
    """One question about one picture: the case, and its pixel tensor."""
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    rendered = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=rendered, images=[Image.open(picture)], return_tensors="pt", add_special_tokens=False)
    pictures = {name: inputs[name] for name in ("pixel_values", "pixel_attention_mask") if name in inputs}
    features = torch.cat(list(model.model.get_image_features(**pictures).pooler_output))
    found = {"images": [os.path.relpath(picture, folder)], "messages": messages, "rendered": rendered,
             "pixel_values": sampled(inputs["pixel_values"]), "image_features": sampled(features[None])}
    ids = inputs["input_ids"][0].tolist()
    return found | numbers(model, processor.tokenizer, ids, n_greedy, **pictures), inputs["pixel_values"].contiguous()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder")
    parser.add_argument("--ask", action="append", nargs=2, required=True, metavar=("PICTURE", "QUESTION"))
    parser.add_argument("--greedy", type=int, default=24, help="tokens of greedy continuation (default 24)")
    args = parser.parse_args()
    processor = AutoProcessor.from_pretrained(args.model)
    processor.image_processor = AutoImageProcessor.from_pretrained(args.model, backend="pil")
    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32,
                                                        attn_implementation="eager").eval()
    made = [case(model, processor, Path(picture), question, args.model, args.greedy) for picture, question in args.ask]
    golden = {"weights_dtype": weights_dtype(args.model), "cases": [found for found, _ in made], "chats": [],
              "made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float32 on CPU"}
    pixels = args.model / "golden_pixels.safetensors"
    save_file({f"case{i}": tensor for i, (_, tensor) in enumerate(made)}, pixels)
    pixels.chmod(0o644)
    temporary = args.model / "golden.partial"
    temporary.write_text(json.dumps(golden, ensure_ascii=False))
    os.replace(temporary, args.model / "golden.json")
    for found, _ in made:
        print(found["images"][0], found["messages"][0]["content"][1]["text"], "->", found["greedy_text"])


if __name__ == "__main__":
    main()
