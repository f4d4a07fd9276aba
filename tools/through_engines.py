#!/usr/bin/env python3
"""Runs what is exported through the engine it is exported for, from this Python, and holds that to what the program says of it.

    /tmp/onnx-venv/bin/python tools/through_engines.py target/release/plimsoll onnx     with onnxruntime and numpy
    /tmp/mlx-venv/bin/python tools/through_engines.py target/release/plimsoll mlx       with mlx[cpu], mlx-lm and mlx-vlm

The embedded models are exported with --measure. Of each:
  loss      what is lost in few bits is kept beside the model, and `verify --base` finds the same; one that says less is found out
  floats    nothing is lost in singles: the divergence through the engine is that of rounding alone (ONNX)
  answer    in singles, greedy, the same answer through the engine as by the program itself
  compare   the comparison with its base names the engine, and has its speed and memory
  missing   a Python without the engine is told before anything is written
Exit status 1 if anything differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# In nats: sums of singles in another order, over the whole text.
ROUNDING = 1e-6
TARGETS = {
    "onnx": {
        "models": ["demo:small", "demo:vision"], "floats": ["--to", "fp32"], "few": ["--to", "q4"],
        "flags": [], "engine": "ONNX Runtime", "module": "onnxruntime", "items": 8,
    },
    # On a processor mlx takes minutes for what ONNX Runtime takes seconds for: one model, in few bits, once.
    "mlx": {
        "models": ["demo:small"], "floats": None, "few": ["--bits", "4"],
        "flags": ["--engine", "mlx"], "engine": "mlx", "module": "mlx_lm", "items": 2,
    },
}
QUESTION = "Which is larger, 17 or 71? Answer with the number only."


class Differs(Exception):
    """Something is not as it should be."""


def require(holds, what):
    if not holds:
        raise Differs(what)


def without_matrix_unit():
    """What has the program multiply prompts in more than bf16, whose rounding would be taken for a loss of the engine's."""
    cpu = Path("/proc/cpuinfo")
    return {"PLIMSOLL_ISA": "avx512"} if cpu.exists() and "amx_bf16" in cpu.read_text() else {}


class Program:
    def __init__(self, binary, python):
        self.binary, self.environment = binary, {**os.environ, **without_matrix_unit(), "PLIMSOLL_PYTHON": python}

    def run(self, *words, status=0):
        done = subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True, env=self.environment)
        require(done.returncode == status, f"{' '.join(map(str, words))}: {done.returncode}, {done.stderr.strip()}")
        return done.stdout if status == 0 else done.stdout + done.stderr

    def json(self, *words, status=0):
        return json.loads(self.run(*words, "--json", status=status))


def exported(program, target, model, folder, how):
    """The losses of a new folder, and what computed them."""
    told = program.json("export", target, model, "-o", folder, *how, "--measure", *TARGETS[target]["flags"])
    losses = list(told["losses"].values())
    require(len(losses) == 1, f"{model}: {len(losses)} losses of one model")
    engine = losses[0]["engine"] or ""
    require(engine.startswith(TARGETS[target]["engine"]), f"{model}: measured by `{engine}`")
    return losses[0]["loss"]["kl_mean"]["value"]


def check(program, target, model, root):
    settings, name = TARGETS[target], model.replace(":", "-")
    few = root / f"{name}-few"
    lost = exported(program, target, model, few, settings["few"])
    require(lost > ROUNDING, f"{model}: {lost} nats are lost in few bits")
    verified = program.json("verify", few, "--base", model, *settings["flags"])
    require(verified["passed"] and verified["engine"].startswith(settings["engine"]), f"{model}: {verified['why']}")
    if not settings["floats"]:
        return lost
    beside = few / "plimsoll-loss.json"
    losses = json.loads(beside.read_text())
    for measured in losses.values():
        measured["loss"]["kl_mean"]["value"] /= 2
    beside.write_text(json.dumps(losses))
    require("nats are said" in program.run("verify", few, "--base", model, *settings["flags"], status=1), f"{model}: half of it is not found out")
    floats = root / f"{name}-floats"
    rounding = exported(program, target, model, floats, settings["floats"])
    require(rounding <= ROUNDING, f"{model}: {rounding} nats are lost in singles")
    answers = [program.run("run", run, QUESTION, "--temperature", "0", "--max-tokens", "16") for run in (floats, model)]
    require(answers[0] == answers[1], f"{model}: answers differ: {answers}")
    return lost


def compared(program, target, model, root):
    settings = TARGETS[target]
    folder = root / f"{model.replace(':', '-')}-few"
    report = program.json("compare", model, folder, "--base", model, "--items", str(settings["items"]), "--repeat", "3", "--no-report", "--store", root / "evidence.db", *settings["flags"])
    engines = [found["facts"].get("engine") for found in report["models"]]
    require(engines[0] is None and (engines[1] or "").startswith(settings["engine"]), f"run by {engines}")
    own, other = (found["memory"]["peak"]["value"] for found in report["models"])
    require(other > own, "the memory of the engine is not counted")
    require(report["fidelity"]["text"]["kl_mean"]["value"] > 0, "no divergence of the two")
    return engines[1]


def missing(program, target, root):
    """A Python that has nothing: itself without its packages."""
    bare = root / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    bare.chmod(0o755)
    without = Program(program.binary, str(bare))
    to = root / "not-there"
    said = without.run("export", target, TARGETS[target]["models"][0], "-o", to, "--measure", *TARGETS[target]["flags"], status=1)
    require(f"there is no module `{TARGETS[target]['module']}`" in said and "pip install" in said, said)
    require(not to.exists(), "the folder is there all the same")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("target", choices=TARGETS)
    arguments = parser.parse_args()
    program = Program(str(arguments.binary.resolve()), sys.executable)
    target, failed = arguments.target, 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for model in TARGETS[target]["models"]:
            try:
                print(f"{model:12} {check(program, target, model, root):.4f} nats lost in few bits", flush=True)
            except Differs as error:
                failed += 1
                print(error)
        for last in [lambda: compared(program, target, TARGETS[target]["models"][0], root), lambda: missing(program, target, root)]:
            try:
                print(last() or "a Python without it is told", flush=True)
            except Differs as error:
                failed += 1
                print(error)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
