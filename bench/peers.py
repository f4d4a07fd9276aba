#!/usr/bin/env python3
"""Plimsoll beside its peers on the same GGUF files, in turns, as one table.

    bench/install.sh && bench/make_model.py smollm3-3b Q4_K_M bench/models/3b-q4_k_m.gguf
    bench/peers.py bench/models/*.gguf

Every round runs each engine once, A B A B, so that whatever slows the machine slows all of them; a figure is the median
of its rounds. Each sample is appended to the results file as soon as it is there, and a round found in that file is not
run again: an interrupted run continues where it stopped, and `--rounds 0` prints the table of what was measured.
Needs Python 3.10 and nothing else.
"""
import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import sys
import time

import engines
import table

HERE = pathlib.Path(__file__).resolve().parent
UNFINISHED = 3


def main():
    args = parse_args()
    running = [engine for engine in engines.all_engines(args.plimsoll, args.peers) if engine.name in args.engines]
    results = Results(args.results)
    if not results.samples and args.rounds:
        results.append({"machine": machine(), "threads": args.threads} | {e.name: e.version() for e in running})
    deadline = time.monotonic() + args.seconds
    for round_, cell in itertools.product(range(args.rounds), cells(args)):
        for engine in [e for e in running if e.can(cell) and not results.has(cell, e.name, round_)]:
            if time.monotonic() > deadline:
                print(f"stopped after {args.seconds:.0f} s; the same command continues", file=sys.stderr)
                sys.exit(UNFINISHED)
            print(f"round {round_ + 1}: {engine.name}: {cell}", file=sys.stderr)
            for sample in engine.measure(cell):
                results.append(dataclasses.asdict(cell) | {"engine": engine.name, "round": round_} | sample)
    rows = table.rows(results.samples)
    print(json.dumps({"about": results.about, "rows": rows}, indent=1) if args.json else table.text(rows))


def parse_args():
    numbers = lambda text: tuple(int(number) for number in text.split(",") if number)
    names = lambda text: tuple(text.split(","))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=pathlib.Path, help="GGUF files")
    p.add_argument("--engines", type=names, default=("plimsoll", "llama.cpp", "candle"), help="default: all three")
    p.add_argument("--levels", type=names, default=("native", "avx512", "avx2"),
                   help="native is what each engine chooses on this processor; default: native,avx512,avx2")
    p.add_argument("--phases", type=names, default=engines.PHASES, help=f"default: {','.join(engines.PHASES)}")
    p.add_argument("--prefill", type=numbers, default=(2, 4, 8, 16, 32, 256, 512), help="prompt lengths")
    p.add_argument("--decode", type=int, default=32, help="tokens decoded")
    p.add_argument("--depth", type=numbers, default=(0,),
                   help="tokens before the measured ones; all of them are computed anew in every round")
    p.add_argument("--sequences", type=int, default=8, help="sequences decoded at once in phase batch")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=float("inf"),
                   help=f"begin nothing after this time and exit with status {UNFINISHED}")
    p.add_argument("--results", type=pathlib.Path, default=HERE / "results.jsonl")
    p.add_argument("--peers", type=pathlib.Path, default=HERE / "peers", help="where install.sh put them")
    p.add_argument("--plimsoll", type=pathlib.Path, default=HERE.parent / "target/release/plimsoll")
    p.add_argument("--json", action="store_true", help="the table as one JSON document")
    return p.parse_args()


def cells(args):
    """What one process of each engine measures, round by round."""
    for model, level, phase in itertools.product(args.models, args.levels, args.phases):
        cell = engines.Cell(str(model), level, phase, threads=args.threads)
        match phase:
            case "prefill":
                for depth in args.depth:
                    yield dataclasses.replace(cell, tokens=args.prefill, depth=depth)
            case "decode":
                for depth in args.depth:
                    yield dataclasses.replace(cell, tokens=(args.decode,), depth=depth)
            case "batch":
                yield dataclasses.replace(cell, tokens=(args.decode,), sequences=args.sequences)
            case "start" | "memory":
                yield cell
            case _:
                sys.exit(f"unknown phase {phase}: there are {', '.join(engines.PHASES)}")


class Results:
    """The samples so far, in a file of JSON lines; its first line tells of the machine and the engines."""

    def __init__(self, path):
        self.path, self.about, self.samples = path, {}, []
        if path.exists():
            self.about, *self.samples = map(json.loads, path.read_text().splitlines())

    def append(self, line):
        if "machine" in line:
            self.about = line
        else:
            self.samples.append(line)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def has(self, cell, engine, round_):
        """Whether this round of the cell was run: a process that was killed has left no sample, or all that count."""
        wanted = json.loads(json.dumps(dataclasses.asdict(cell))) | {"engine": engine, "round": round_}
        return any(wanted.items() <= sample.items() for sample in self.samples)


def machine():
    """The processor as Linux names it, with what matters of its features."""
    info = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    first = lambda key: next((line.split(":", 1)[1].strip() for line in info if line.startswith(key)), "?")
    seen = [f for f in first("flags").split() if f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")]
    return f"{first('model name')}, {os.cpu_count()} cores, {' '.join(seen)}"


if __name__ == "__main__":
    main()
