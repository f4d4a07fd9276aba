#!/usr/bin/env python3
"""`plimsoll quantize --fit` at ten budgets of memory: what running the model then takes, and what it lost.

    bench/quantise_fit.py MODEL … [--tokens N]

For each budget, between what the model takes in little more than four bits and what it takes as it is: bytes of the file, resident
memory predicted, and measured with N tokens of context (by a process of its own), and the mean divergence from the base. The
exit status is 1 where memory goes over its budget, or the divergence rises as the budget grows.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEWEST = 0.68  # of 16-bit weights
PLIMSOLL = Path(__file__).resolve().parent.parent / "target/release/plimsoll"


def run(*argv):  # a process that measures memory ends with its input
    pipe = subprocess.PIPE
    with subprocess.Popen([PLIMSOLL, *map(str, argv)], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        said, error = child.stdout.read(), child.stderr.read()
        return child.wait(), said, error


def fit(model, budget, tokens, out):
    code, text, error = run("quantize", model, "--fit", f"{budget / 1e6:.3f}MB", "--context", tokens, "-o", out, "--force", "--json")
    if code:
        sys.exit(error)
    return json.loads(text)


def of(model, tokens, folder):
    predicted = json.loads(run("info", model, "--context", tokens, "--json")[1])["predicted"]
    highest, weights = predicted["memory_bytes"], predicted["memory"]["weights"]
    lowest = highest - FEWEST * weights
    fine, before = True, float("inf")
    for i in range(10):
        budget = int(lowest + (highest - lowest) * i / 9)
        made = fit(model, budget, tokens, folder / "fit.gguf")
        code, text, error = run("measure-memory", folder / "fit.gguf", "--context", tokens)
        if code:
            sys.exit(error)
        measured, divergence = json.loads(text)["peak_bytes"], made["loss"]["kl_mean"]["value"]
        held = measured <= budget
        # Chosen on other questions than it is measured on.
        falls = divergence <= before * 1.05 + 1e-6
        fine, before = fine and held and falls, min(before, divergence)
        cells = [Path(model).name, f"{budget / 1e6:.2f}", f"{made['bytes'] / 1e6:.2f}", f"{made['fit']['memory'] / 1e6:.2f}",
                 f"{measured / 1e6:.2f}{'' if held else ' over'}", f"{divergence:.5f}{'' if falls else ' rises'}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    return fine


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--tokens", type=int, default=512)
    args = p.parse_args()
    print("| model | budget, MB | file, MB | predicted, MB | measured, MB | mean KL, nats |")
    print("| :-- | --: | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        fine = [of(model, args.tokens, Path(folder)) for model in args.models]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
