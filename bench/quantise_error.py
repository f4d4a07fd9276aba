#!/usr/bin/env python3
"""Squared error and speed of our block types beside ggml's, on one thread.

    bench/quantise_error.py LIBGGML_BASE [TYPE …]
    bench/quantise_error.py LIBGGML_BASE --reference > crates/quantise/tests/data/reference.txt

LIBGGML_BASE is llama.cpp's libggml-base.so, built with -ffp-contract=off (what a compiler fuses changes its bytes):

    cmake -S LLAMA_CPP -B DIR -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DCMAKE_C_FLAGS=-ffp-contract=off
    cmake --build DIR --target ggml-base

Needs numpy, and `cargo build --release -p plimsoll-quantise --example encode`. Each cell is our error over ggml's: of values
that are all worth the same, and under a weight for each column, which ggml gets as its importance matrix. Both are read
back by ggml. Speed is of the processor's time, so that other work on the machine counts little.
"""
import ctypes
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TYPES = {
    "Q8_0": 8, "Q6_K": 14, "Q5_K": 13, "Q5_1": 7, "Q5_0": 6, "Q4_K": 12, "Q4_1": 3, "Q4_0": 2, "IQ4_NL": 20, "IQ4_XS": 23,
    "MXFP4": 39, "Q3_K": 11, "Q2_K": 10, "TQ1_0": 34, "TQ2_0": 35, "IQ3_S": 21, "IQ3_XXS": 18, "IQ2_S": 22, "IQ2_XS": 17,
    "IQ2_XXS": 16, "IQ1_S": 19, "IQ1_M": 29,
}
COLS, ROWS = 1024, 64
F32 = np.float32


class Traits(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("blck_size", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("size", ctypes.c_size_t), ("is_quantized", ctypes.c_bool), ("to_float", ctypes.c_void_p),
                ("from_float_ref", ctypes.c_void_p)]


def load(path):
    ggml = ctypes.CDLL(path)
    ggml.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    ggml.ggml_row_size.restype = ctypes.c_size_t
    ggml.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                         ctypes.c_int64, ctypes.c_void_p]
    ggml.ggml_quantize_requires_imatrix.restype = ctypes.c_bool
    ggml.ggml_quantize_init.argtypes = [ctypes.c_int]
    return ggml


def theirs(ggml, kind, values, weights):
    rows, cols = values.shape
    out = np.zeros(rows * ggml.ggml_row_size(kind, cols), np.uint8)
    ggml.ggml_quantize_init(kind)
    began = time.process_time()
    ggml.ggml_quantize_chunk(kind, values.ctypes.data, out.ctypes.data, 0, rows, cols,
                             None if weights is None else weights.ctypes.data)
    return out, time.process_time() - began


def ours(name, values, weights):
    with tempfile.NamedTemporaryFile() as file:
        extra = []
        if weights is not None:
            file.write(weights.tobytes())
            file.flush()
            extra = [file.name]
        encode = ROOT / "target/release/examples/encode"
        done = subprocess.run([encode, name, str(values.shape[1]), *extra], input=values.tobytes(), capture_output=True)
    done.check_returncode()
    return np.frombuffer(done.stdout, np.uint8), float(done.stderr)


def read_back(ggml, kind, blocks, shape):
    out = np.zeros(shape, F32)
    to_float = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    traits = ggml.ggml_get_type_traits(kind).contents
    to_float(traits.to_float)(blocks.ctypes.data, out.ctypes.data, out.size)
    return out


def demo():
    """Matrices of the large demo model, their rows joined to the length that all types divide."""
    raw = (ROOT / "demo/large/model.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    for name, entry in header.items():
        if name.endswith("proj.weight"):
            start, end = (8 + length + at for at in entry["data_offsets"])
            bits = np.frombuffer(raw[start:end], np.uint16).astype(np.uint32) << 16
            yield bits.view(F32)


def samples():
    rng = np.random.default_rng(1)
    shape = (ROWS, COLS)
    whole = np.concatenate(list(demo()))
    return {
        "Gaussian": rng.standard_normal(shape).astype(F32) * F32(0.02),
        "Student t, 4": rng.standard_t(4, shape).astype(F32) * F32(0.02),
        "demo model": whole[: whole.size // COLS * COLS].reshape(-1, COLS).copy(),
    }


class Numbers:
    """As in crates/quantise/tests/common."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        a = (self.state ^ self.state >> 30) * 0xBF58476D1CE4E5B9 & mask
        b = (a ^ a >> 27) * 0x94D049BB133111EB & mask
        return b ^ b >> 31

    def smooth(self):
        return (sum(self.next() >> 44 for _ in range(4)) - (2 << 20)) / (1 << 24)

    def tailed(self):
        value, bits = self.smooth(), self.next()
        return value * (1 << min((bits & -bits).bit_length() - 1 if bits else 64, 5))

    def weight(self):
        return (1 << self.next() % 6) / 8


def reference(ggml):
    numbers, cols, rows = Numbers(1), 512, 24
    smooth, tailed = (np.array([make() for _ in range(rows * cols)], F32).reshape(rows, cols)
                      for make in (numbers.smooth, numbers.tailed))
    weights = np.array([numbers.weight() for _ in range(cols)], F32)
    for name, kind in TYPES.items():
        cells = []
        for w in (None, weights):
            for values in (smooth, tailed):
                if w is None and ggml.ggml_quantize_requires_imatrix(kind):
                    cells.append("-")
                    continue
                off = (read_back(ggml, kind, theirs(ggml, kind, values, w)[0], values.shape) - values).astype(np.float64)
                cells.append(f"{float((off**2 * (1.0 if w is None else w.astype(np.float64))).sum()):.6e}")
        print(name, *cells)


def main():
    ggml = load(sys.argv[1])
    if sys.argv[2:] == ["--reference"]:
        return reference(ggml)
    names = sys.argv[2:] or list(TYPES)
    data = samples()
    # Inputs of a layer: a few columns count for much more than the others.
    weights = np.exp(np.random.default_rng(2).standard_normal(COLS)).astype(F32)
    heads = [f"{name}{end}" for name in data for end in ("", ", w")]
    print(f"{'type':8}", *(f"{head:>15}" for head in heads), f"{'Mvalues/s':>10} {'w':>6} {'ggml':>6} {'w':>6}")
    for name in names:
        kind, cells, speed = TYPES[name], [], [[0, 0] for _ in range(4)]
        for values in data.values():
            for at, w in enumerate((None, weights)):
                if w is None and ggml.ggml_quantize_requires_imatrix(kind):
                    cells.append("-")
                    continue
                (mine, spent), (blocks, other) = ours(name, values, w), theirs(ggml, kind, values, w)
                count = np.ones(COLS) if w is None else w.astype(np.float64)
                error = [float((((read_back(ggml, kind, b, values.shape) - values).astype(np.float64) ** 2) * count).sum())
                         for b in (mine, blocks)]
                cells.append(f"{error[0] / error[1]:.4f}")
                for column, seconds in ((at, spent), (2 + at, other)):
                    speed[column][0] += values.size
                    speed[column][1] += seconds
        rates = [f"{n / s / 1e6:.1f}" if s else "-" for n, s in speed]
        print(f"{name:8}", *(f"{cell:>15}" for cell in cells), f"{rates[0]:>10} {rates[1]:>6} {rates[2]:>6} {rates[3]:>6}", flush=True)


if __name__ == "__main__":
    main()
