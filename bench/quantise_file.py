#!/usr/bin/env python3
"""`plimsoll quantize` beside llama.cpp's own quantiser, on one model in floats.

    bench/quantise_file.py LIB_DIR MODEL.gguf [MIX …]

LIB_DIR holds llama.cpp's libllama.so, libggml.so, libggml-base.so and libggml-cpu.so (a build with -DBUILD_SHARED_LIBS=ON).
For each mix: whether every tensor has the type that llama.cpp gives it, our squared error over its, the time that each took
on as many threads as there are cores, and whether llama.cpp opens what we wrote. Needs the package `gguf`, and
`cargo build --release -p plimsoll-cli`.
"""
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gguf
import numpy as np

PLIMSOLL = Path(__file__).resolve().parent.parent / "target/release/plimsoll"
# enum llama_ftype
MIXES = {
    "Q8_0": 7, "Q6_K": 18, "Q5_K_M": 17, "Q5_K_S": 16, "Q5_1": 9, "Q5_0": 8, "Q4_K_M": 15, "Q4_K_S": 14, "Q4_1": 3,
    "Q4_0": 2, "IQ4_NL": 25, "IQ4_XS": 30, "MXFP4": 38, "Q3_K_L": 13, "Q3_K_M": 12, "Q3_K_S": 11, "Q2_K": 10, "TQ1_0": 36,
    "TQ2_0": 37, "IQ3_M": 27, "IQ3_S": 26, "F16": 1, "BF16": 32, "IQ3_XS": 22, "IQ3_XXS": 23, "Q2_K_S": 21, "IQ2_M": 29,
    "IQ2_S": 28, "IQ2_XS": 20, "IQ2_XXS": 19, "IQ1_M": 31, "IQ1_S": 24,
}


class Params(ctypes.Structure):
    """llama_model_quantize_params"""

    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int), ("output_type", ctypes.c_int),
                ("embedding_type", ctypes.c_int), ("allow_requantize", ctypes.c_bool), ("quantize_output", ctypes.c_bool),
                ("only_copy", ctypes.c_bool), ("pure", ctypes.c_bool), ("keep_split", ctypes.c_bool),
                ("dry_run", ctypes.c_bool), ("imatrix", ctypes.c_void_p), ("kv", ctypes.c_void_p), ("tt", ctypes.c_void_p),
                ("prune", ctypes.c_void_p), ("max_buf_size", ctypes.c_size_t)]


class ModelParams(ctypes.Structure):
    """llama_model_params, whose fields stay at their defaults: it is larger here than there."""

    _fields_ = [("bytes", ctypes.c_uint8 * 256)]


def load(folder):
    for name in ("libggml-base.so", "libggml-cpu.so", "libggml.so"):
        ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    llama = ctypes.CDLL(str(folder / "libllama.so"))
    llama.llama_model_quantize_default_params.restype = Params
    llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
    llama.llama_model_default_params.restype = ModelParams
    llama.llama_model_load_from_file.restype = ctypes.c_void_p
    llama.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
    llama.llama_model_free.argtypes = [ctypes.c_void_p]
    if not os.environ.get("VERBOSE"):
        silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        llama.silent = silent
        llama.llama_log_set(silent, None)
    return llama


def theirs(llama, model, mix, out):
    params = llama.llama_model_quantize_default_params()
    params.nthread, params.ftype = os.cpu_count(), MIXES[mix]
    began = time.perf_counter()
    status = llama.llama_model_quantize(str(model).encode(), str(out).encode(), ctypes.byref(params))
    return time.perf_counter() - began if status == 0 else None


def opens(llama, path):
    model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
    if model:
        llama.llama_model_free(model)
    return bool(model)


def values(tensor):
    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)


def error(path, original):
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    off = sum(float(((values(t) - original[name]) ** 2).sum()) for name, t in tensors.items())
    return off, {name: t.tensor_type.name for name, t in tensors.items()}


def main():
    llama, model = load(Path(sys.argv[1])), Path(sys.argv[2])
    original = {t.name: values(t) for t in gguf.GGUFReader(model).tensors}
    print(f"{'mix':8} {'types':>28} {'error':>8} {'seconds':>8} {'llama.cpp':>9}  opens")
    for mix in sys.argv[3:] or MIXES:
        with tempfile.TemporaryDirectory() as folder:
            mine, other = Path(folder) / "mine.gguf", Path(folder) / "other.gguf"
            began = time.perf_counter()
            subprocess.run([PLIMSOLL, "quantize", model, "--to", mix, "-o", mine], check=True, capture_output=True)
            spent, spent_there = time.perf_counter() - began, theirs(llama, model, mix, other)
            if spent_there is None:
                print(f"{mix:8} llama.cpp refuses")
                continue
            (ours, types), (there, types_there) = error(mine, original), error(other, original)
            apart = [f"{name} {types.get(name)} not {kind}" for name, kind in types_there.items() if types.get(name) != kind]
            same = "the same" if not apart else f"{len(apart)} apart"
            ratio = f"{ours / there:.4f}" if there else ("1" if not ours else "inf")
            print(f"{mix:8} {same:>28} {ratio:>8} {spent:8.1f} {spent_there:9.1f}  {opens(llama, mine)}", flush=True)
            for line in apart[:4]:
                print("        ", line)


if __name__ == "__main__":
    main()
