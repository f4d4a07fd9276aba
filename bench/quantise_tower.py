#!/usr/bin/env python3
"""Copies a SmolVLM or Idefics3 checkpoint with its vision tower and connector in another type: what sees goes to an mmproj
GGUF, what writes stays in safetensors as it was. For measuring what the type of a tower costs.

    python3 -m pip install gguf numpy safetensors torch
    bench/quantise_tower.py demo/vision F32 bench/models/vision-f32
    bench/quantise_tower.py demo/vision Q4_0 bench/models/vision-q4_0
    plimsoll compare bench/models/vision-f32 bench/models/vision-q4_0

Matrices have the type that is asked for, the connector that of --connector; rows that its blocks do not divide fall back
to F16, which is said. Positions, the patches' convolution and all vectors are in F32, as llama.cpp's converter writes
them.
"""
import argparse
import json
import pathlib
import shutil

import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter, quantize
from gguf.constants import GGML_QUANT_SIZES
from safetensors import safe_open
from safetensors.torch import save_file

TYPES = {"F32": T.F32, "F16": T.F16, "BF16": T.BF16, "Q8_0": T.Q8_0, "Q4_0": T.Q4_0}
TOWER, CONNECTOR = "model.vision_model.", "model.connector."
NAMES = {
    "embeddings.patch_embedding": "v.patch_embd",
    "embeddings.position_embedding": "v.position_embd",
    "post_layernorm": "v.post_ln",
    "modality_projection.proj": "mm.model.fc",
}
MODULES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down",
    "layer_norm1": "ln1", "layer_norm2": "ln2",
}
IN_F32 = ("v.patch_embd", "v.position_embd")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("type", choices=TYPES, help="of the tower")
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--connector", choices=TYPES, help="of the connector, if not that of the tower")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    text, sight = tensors(args.model)
    for file in args.model.glob("*.json*"):
        if not file.name.startswith(("golden", "model.safetensors")):
            shutil.copy(file, args.out)
    for file in args.model.glob("*.jinja"):
        shutil.copy(file, args.out)
    save_file(text, args.out / "model.safetensors", metadata={"format": "pt"})
    writer = GGUFWriter(args.out / f"mmproj-{args.type.lower()}.gguf", "clip")
    add_hyperparameters(writer, args.model)
    for name, value in sight.items():
        of_connector = name.startswith("mm.") and args.connector
        add_weight(writer, name, value, TYPES[args.connector if of_connector else args.type])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(folder):
    """What writes, under its own names, and what sees, under llama.cpp's."""
    text, sight = {}, {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name.startswith("golden"):
            continue
        with safe_open(path, "pt") as file:
            for name in file.keys():
                value = file.get_tensor(name)
                if name.startswith((TOWER, CONNECTOR)):
                    sight[gguf_name(name)] = value.to(torch.float32).numpy()
                else:
                    text[name] = value
    return text, sight


def gguf_name(name):
    module, _, part = name.removeprefix(TOWER).removeprefix(CONNECTOR).rpartition(".")
    if module.startswith("encoder.layers."):
        layer, _, module = module.removeprefix("encoder.layers.").partition(".")
        return f"v.blk.{layer}.{MODULES[module]}.{part}"
    return f"{NAMES[module]}.{part}"


def add_weight(w, name, value, kind):
    if value.ndim < 2 or name.startswith(IN_F32):
        kind = T.F32
    elif value.shape[-1] % GGML_QUANT_SIZES[kind][0]:
        print(f"{name}: rows of {value.shape[-1]} are no whole blocks of {kind.name}, kept in F16")
        kind = T.F16
    w.add_tensor(name, quantize(np.ascontiguousarray(value), kind), raw_dtype=kind)


def add_hyperparameters(w, folder):
    config = json.loads((folder / "config.json").read_text())
    processor = json.loads(next(folder / name for name in ("processor_config.json", "preprocessor_config.json")
                                if (folder / name).exists()).read_text())
    image = processor.get("image_processor", processor)
    vision = config["vision_config"]
    w.add_type("mmproj")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "idefics3")
    w.add_bool("clip.use_gelu", True)
    w.add_uint32("clip.vision.projection_dim", config["text_config"]["hidden_size"])
    w.add_uint32("clip.vision.image_size", vision["image_size"])
    w.add_uint32("clip.vision.preproc_image_size", image["size"]["longest_edge"])
    w.add_uint32("clip.vision.patch_size", vision["patch_size"])
    w.add_uint32("clip.vision.embedding_length", vision["hidden_size"])
    w.add_uint32("clip.vision.feed_forward_length", vision["intermediate_size"])
    w.add_uint32("clip.vision.block_count", vision["num_hidden_layers"])
    w.add_uint32("clip.vision.attention.head_count", vision["num_attention_heads"])
    w.add_float32("clip.vision.attention.layer_norm_epsilon", vision.get("layer_norm_eps", 1e-6))
    w.add_uint32("clip.vision.projector.scale_factor", config["scale_factor"])
    w.add_array("clip.vision.image_mean", image["image_mean"])
    w.add_array("clip.vision.image_std", image["image_std"])


if __name__ == "__main__":
    main()
