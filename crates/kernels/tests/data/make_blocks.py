#!/usr/bin/env python3
"""Writes blocks.txt: for each type one random block and its values, by ggml's own Python package.

pip install gguf numpy; python make_blocks.py > blocks.txt
One line a type: name, the block in hex, its values as f32 little-endian in hex. Scales are kept finite and moderate.
"""
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

HALF_SCALES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q2_K": [80, 82], "Q3_K": [108],
               "Q6_K": [208], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "IQ1_M": []}
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS",
         "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4"]

random = np.random.default_rng(20260101)
for name in TYPES:
    kind = GGMLQuantizationType[name]
    block = random.integers(0, 256, GGML_QUANT_SIZES[kind][1], dtype=np.uint8)
    for at in HALF_SCALES.get(name, [0]):
        block[at : at + 2] = np.array([random.uniform(-0.01, 0.01)], dtype=np.float16).view(np.uint8)
    if name == "MXFP4":
        block[0] = 120 + block[0] % 8
    if name == "IQ1_M":
        block[55] &= 0x3F  # the scale's exponent
    print(name, block.tobytes().hex(), dequantize(block, kind).astype("<f4").tobytes().hex())
