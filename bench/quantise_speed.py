#!/usr/bin/env python3
"""Seconds that `plimsoll quantize` and llama.cpp's tool take for the same file, in turns, on as many threads as there are cores.

    bench/quantise_speed.py LLAMA_QUANTIZE MODEL.gguf [--turns N] [MIX …]

LLAMA_QUANTIZE is llama.cpp's tool of that name, MODEL.gguf a model in floats, such as `bench/make_model.py` writes. With an
importance matrix both search the scales of every block; without one llama.cpp rounds by rule in the types of 32 values. The
matrix has a random weight for each column. Where files lie is a folder beside MODEL.gguf. Needs the package `gguf`, and
`cargo build --release -p plimsoll-cli`.
"""
import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from quantise_mixes import write_imatrix

PLIMSOLL = Path(__file__).resolve().parent.parent / "target/release/plimsoll"
MIXES = ["Q4_0", "Q8_0", "Q4_K_M", "Q5_K_M", "Q6_K", "Q3_K_M", "IQ4_XS"]


def uneven(shape):
    """Columns of which a few count for much more than the others, as the inputs of layers do."""
    return np.exp(np.random.default_rng(5).standard_normal(shape))


def seconds(command, out):
    out.unlink(missing_ok=True)
    os.sync()
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool")
    parser.add_argument("model", type=Path)
    parser.add_argument("mixes", nargs="*", default=MIXES)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_intermixed_args()
    threads = str(os.cpu_count())
    print(f"{args.model.name}, {threads} threads; the least of {args.turns} turns, ours and llama.cpp's, and its over ours")
    print(f"{'mix':8} {'imatrix':>8} {'ours':>7} {'theirs':>7} {'ratio':>6}")
    with tempfile.TemporaryDirectory(dir=args.model.parent) as folder:
        imatrix, mine, other = (Path(folder) / name for name in ("imatrix.gguf", "mine.gguf", "other.gguf"))
        write_imatrix(imatrix, args.model, uneven)
        for mix in args.mixes:
            for weighed in ([], ["--imatrix", imatrix]):
                ours, theirs = [], []
                for _ in range(args.turns):
                    command = [PLIMSOLL, "quantize", args.model, "--to", mix, "-o", mine, "--force", *weighed]
                    ours.append(seconds(command, mine))
                    theirs.append(seconds([args.tool, *weighed, args.model, other, mix, threads], other))
                word, least = "with" if weighed else "without", (min(ours), min(theirs))
                print(f"{mix:8} {word:>8} {least[0]:7.1f} {least[1]:7.1f} {least[1] / least[0]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
