#!/usr/bin/env python3
"""How far the features of a vision tower move when its matrices are stored in another type: relative L2 distance from those
in F32, computed by transformers in float32 from weights rounded to the type and back.

    python3 -m pip install gguf numpy torch transformers pillow
    bench/tower_error.py demo/vision demo/images/*.png
    bench/tower_error.py random demo/images/five_shapes.png demo/images/circle_and_cross.png

`random` is make_tower.py's tower, SigLIP-so400m's shapes with weights that mean nothing: it shows what rounding adds up to
over 27 layers, not what it does to what a trained tower has learned. Rows that blocks do not divide stay in F16.
"""
import argparse
import pathlib

import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from gguf import dequantize, quantize
from gguf.constants import GGML_QUANT_SIZES
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, Idefics3Config
from transformers.models.idefics3.modeling_idefics3 import Idefics3Connector, Idefics3VisionTransformer

import make_tower

TYPES = {"F16": T.F16, "Q8_0": T.Q8_0, "Q4_0": T.Q4_0}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="a checkpoint's folder, or `random`")
    p.add_argument("pictures", type=pathlib.Path, nargs="+")
    args = p.parse_args()
    if args.model == "random":
        tower, connector = random_tower()
        pixels = torch.stack([square(path, make_tower.TILE) for path in args.pictures])
    else:
        model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32).model
        tower, connector = model.vision_model, model.connector
        processor = AutoImageProcessor.from_pretrained(args.model)
        pictures = [[Image.open(path).convert("RGB")] for path in args.pictures]
        pixels = processor(pictures, return_tensors="pt")["pixel_values"].flatten(0, 1).float()
    matrices = [m.weight for part in (tower, connector) for m in part.modules() if isinstance(m, torch.nn.Linear)]
    whole = [m.detach().clone() for m in matrices]
    exact = features(tower, connector, pixels)
    print(f"{len(pixels)} tiles, {exact.shape[0] * exact.shape[1]} features of {exact.shape[2]}")
    for name, kind in TYPES.items():
        for matrix, value in zip(matrices, whole):
            matrix.data = rounded(value, kind)
        found = features(tower, connector, pixels)
        each = torch.linalg.norm(found - exact, dim=-1) / torch.linalg.norm(exact, dim=-1)
        overall = torch.linalg.norm(found - exact) / torch.linalg.norm(exact)
        print(f"{name:<5} relative L2 {overall:.2e}, worst feature {each.max():.2e}")


def random_tower():
    config = Idefics3Config(
        scale_factor=make_tower.MERGE_SIDE,
        text_config={"model_type": "llama", "hidden_size": make_tower.TEXT_WIDTH},
        vision_config={
            "hidden_size": make_tower.D_MODEL, "intermediate_size": make_tower.D_FF,
            "num_hidden_layers": make_tower.N_LAYERS, "num_attention_heads": make_tower.N_HEADS,
            "image_size": make_tower.TILE, "patch_size": make_tower.PATCH,
        },
    )
    torch.manual_seed(0)
    parts = Idefics3VisionTransformer(config.vision_config).eval(), Idefics3Connector(config).eval()
    for part in parts:
        for name, value in part.named_parameters():
            if value.ndim > 1:
                torch.nn.init.normal_(value, std=make_tower.STD)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(value)
    return parts


def square(path, edge):
    levels = np.asarray(Image.open(path).convert("RGB").resize((edge, edge)), np.float32) / 255
    return torch.from_numpy((levels - 0.5) / 0.5).permute(2, 0, 1)


@torch.no_grad()
def features(tower, connector, pixels):
    patch = tower.config.patch_size
    mask = torch.ones(len(pixels), pixels.shape[2] // patch, pixels.shape[3] // patch, dtype=torch.bool)
    return connector(tower(pixels, patch_attention_mask=mask).last_hidden_state)


def rounded(value, kind):
    if value.shape[-1] % GGML_QUANT_SIZES[kind][0]:
        kind = T.F16
    return torch.from_numpy(dequantize(quantize(value.numpy(), kind), kind).astype(np.float32))


if __name__ == "__main__":
    main()
