#!/usr/bin/env python3
"""Writes the mmproj GGUF of a vision tower of full size with random weights: SmolVLM-Instruct's shapes, no meaning. For
measuring only; the text half comes from make_model.py.

    python3 -m pip install gguf numpy
    bench/make_model.py smolvlm-2.2b Q8_0 bench/models/smolvlm-q8_0.gguf
    bench/make_tower.py Q8_0 bench/models/mmproj-smolvlm-q8_0.gguf

Matrices have the type that is asked for; rows that its blocks do not divide fall back to F16, positions, the patches'
convolution and all vectors are in F32, as llama.cpp's converter writes them.
"""
import argparse
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter

from make_model import BLOCKS, SHAPES, STD, add_random, rng

TYPES = {"F16": T.F16, "BF16": T.BF16, "Q8_0": T.Q8_0, "Q4_0": T.Q4_0}
# SigLIP-so400m as SmolVLM-Instruct has it.
N_LAYERS, D_MODEL, D_FF, N_HEADS = 27, 1152, 4304, 16
TILE, PATCH, MERGE_SIDE = 384, 14, 3
LONGEST_EDGE = 1536
TEXT_WIDTH = SHAPES["smolvlm-2.2b"].d_model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("type", choices=TYPES)
    p.add_argument("out", type=pathlib.Path)
    args = p.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(args.out, "clip", use_temp_file=True)
    add_hyperparameters(writer)
    add_weights(writer, TYPES[args.type])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_hyperparameters(w):
    w.add_type("mmproj")
    w.add_name("random smolvlm-2.2b tower")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "idefics3")
    w.add_bool("clip.use_gelu", True)
    w.add_uint32("clip.vision.projection_dim", TEXT_WIDTH)
    w.add_uint32("clip.vision.image_size", TILE)
    w.add_uint32("clip.vision.preproc_image_size", LONGEST_EDGE)
    w.add_uint32("clip.vision.patch_size", PATCH)
    w.add_uint32("clip.vision.embedding_length", D_MODEL)
    w.add_uint32("clip.vision.feed_forward_length", D_FF)
    w.add_uint32("clip.vision.block_count", N_LAYERS)
    w.add_uint32("clip.vision.attention.head_count", N_HEADS)
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    w.add_uint32("clip.vision.projector.scale_factor", MERGE_SIDE)
    w.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    w.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])


def add_weights(w, kind):
    patches = (TILE // PATCH) ** 2
    random = lambda name, *dims: w.add_tensor(name, rng.standard_normal(dims, np.float32) * np.float32(STD))
    zeros = lambda name, n: w.add_tensor(name, np.zeros(n, np.float32))
    random("v.patch_embd.weight", D_MODEL, 3, PATCH, PATCH)
    zeros("v.patch_embd.bias", D_MODEL)
    random("v.position_embd.weight", patches, D_MODEL)
    add_norm(w, "v.post_ln")
    for i in range(N_LAYERS):
        layer = f"v.blk.{i}."
        add_norm(w, layer + "ln1")
        add_norm(w, layer + "ln2")
        for part, out, width in (
            ("attn_q", D_MODEL, D_MODEL), ("attn_k", D_MODEL, D_MODEL), ("attn_v", D_MODEL, D_MODEL),
            ("attn_out", D_MODEL, D_MODEL), ("ffn_up", D_FF, D_MODEL), ("ffn_down", D_MODEL, D_FF),
        ):
            add_matrix(w, f"{layer}{part}.weight", kind, out, width)
            zeros(f"{layer}{part}.bias", out)
    add_matrix(w, "mm.model.fc.weight", kind, TEXT_WIDTH, D_MODEL * MERGE_SIDE**2)


def add_matrix(w, name, kind, out, width):
    whole_blocks = kind not in BLOCKS or width % BLOCKS[kind][0] == 0
    add_random(w, name, kind if whole_blocks else T.F16, (out, width))


def add_norm(w, name):
    w.add_tensor(f"{name}.weight", np.ones(D_MODEL, np.float32))
    w.add_tensor(f"{name}.bias", np.zeros(D_MODEL, np.float32))


if __name__ == "__main__":
    main()
