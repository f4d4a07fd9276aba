"""The engines that peers.py measures: how each is asked for a cell, and how its answer is read."""
import dataclasses
import json
import os
import subprocess
import tempfile
import time

PHASES = ("prefill", "decode", "batch", "start", "memory")
MEMORY_PROMPT = 512
"""Tokens of the prompt after which phase memory looks at the resident size."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one process of each engine is asked for.

    `tokens` are the prompt lengths of phase prefill, else how many tokens are decoded; `depth` tokens stand before them.
    """
    model: str
    level: str
    phase: str
    tokens: tuple = ()
    depth: int = 0
    sequences: int = 1
    threads: int = 2

    def __str__(self):
        return f"{self.model} {self.level} {self.phase} {','.join(map(str, self.tokens))} depth {self.depth}"


class Failed(Exception):
    """An engine's process ended badly."""


def run(argv, **env):
    """Standard output of a process, its wall seconds, and the most bytes of memory that it had resident."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(list(map(str, argv)), stdout=out, stderr=err, env=os.environ | env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            raise Failed(f"{argv[0]}: exit status {process.returncode}: {err.read().decode(errors='replace')[-300:]}")
        return out.read().decode(), seconds, usage.ru_maxrss * 1024


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def sample(figure, n, value, **more):
    """One figure: tokens/s of phases that take `n` tokens or sequences, seconds of start, bytes of memory."""
    return {"figure": figure, "n": n, "value": value} | more


class Engine:
    """How one engine measures a cell: a method for each phase that it has, which yields samples."""

    def can(self, cell):
        return hasattr(self, cell.phase)

    def measure(self, cell):
        """All samples of the cell; one that says why where the engine fails."""
        try:
            return list(getattr(self, cell.phase)(cell))
        except Failed as failed:
            return [sample(cell.phase, n, None, failed=str(failed)) for n in cell.tokens or (None,)]


class Plimsoll(Engine):
    name = "plimsoll"

    def __init__(self, program):
        self.program = program

    def version(self):
        return run([self.program, "--version"])[0].strip()

    def run(self, cell, *args):
        env = {} if cell.level == "native" else {"PLIMSOLL_ISA": cell.level}
        return run([self.program, *args, "--threads", cell.threads], **env)

    def bench(self, cell, *args):
        flags = ["--depth", cell.depth, "--repeat", 1, "--json", *args]
        return json.loads(self.run(cell, "bench", cell.model, *flags)[0])["rows"][0]

    def prefill(self, cell):
        for n in cell.tokens:
            row = self.bench(cell, "--prefill", n, "--decode", 1)
            yield sample("prefill", n, row["prefill_tokens_per_s"], limit=row["limits"]["prefill_tokens_per_s"])

    def decode(self, cell):
        for n in cell.tokens:
            row = self.bench(cell, "--prefill", 1, "--decode", n)
            yield sample("decode", n, row["decode_tokens_per_s"], limit=row["limits"]["decode_tokens_per_s"])

    def batch(self, cell):
        for sequences in (1, cell.sequences):
            row = self.bench(cell, "--prefill", 1, "--decode", *cell.tokens, "--batch", sequences)
            yield sample("batch", sequences, row["decode_tokens_per_s"], limit=row["limits"]["decode_tokens_per_s"])

    def start(self, cell):
        seconds = self.run(cell, "run", cell.model, "--raw", "A", "--max-tokens", 1)[1]
        yield sample("start", None, seconds)

    def memory(self, cell):
        prompt = " a" * MEMORY_PROMPT  # one token each
        yield sample("memory", None, self.run(cell, "run", cell.model, "--raw", prompt, "--max-tokens", 1)[2])


class LlamaCpp(Engine):
    name = "llama.cpp"

    def __init__(self, folder):
        self.folder = folder

    def version(self):
        return (self.folder / "llama.cpp-version").read_text().strip()

    def can(self, cell):
        return super().can(cell) and self.tool(cell.level, "llama-bench").exists()

    def tool(self, level, name):
        return self.folder / f"llama.cpp-{level}" / "bin" / name

    def bench(self, cell, *args):
        flags = ["-m", cell.model, "-t", cell.threads, "-fa", 1, "-r", 1, "-o", "jsonl", *args]
        return run([self.tool(cell.level, "llama-bench"), *flags])

    def prefill(self, cell):
        out, *_ = self.bench(cell, "-p", ",".join(map(str, cell.tokens)), "-n", 0, "-d", cell.depth)
        for test in lines(out):
            yield sample("prefill", test["n_prompt"], test["avg_ts"])

    def decode(self, cell):
        out, *_ = self.bench(cell, "-p", 0, "-n", ",".join(map(str, cell.tokens)), "-d", cell.depth)
        for test in lines(out):
            yield sample("decode", test["n_gen"], test["avg_ts"])

    def batch(self, cell):
        argv = [self.tool(cell.level, "llama-batched-bench"), "-m", cell.model, "-t", cell.threads, "-fa", 1]
        prompt, (decoded,) = 16, cell.tokens
        argv += ["-npp", prompt, "-ntg", decoded, "-npl", f"1,{cell.sequences}"]
        argv += ["-c", cell.sequences * (prompt + decoded), "--output-format", "jsonl"]
        for test in lines(run(argv)[0]):
            yield sample("batch", test["pl"], test["speed_tg"])

    def start(self, cell):
        yield sample("start", None, self.bench(cell, "-p", 1, "-n", 0, "--no-warmup")[1])

    def memory(self, cell):
        yield sample("memory", None, self.bench(cell, "-p", MEMORY_PROMPT, "-n", 0, "--no-warmup")[2])


class Candle(Engine):
    """candle chooses its instructions when it is compiled: `install.sh` does so for this processor."""
    name = "candle"

    def __init__(self, program):
        self.program = program

    def version(self):
        return "0.11.1"

    def can(self, cell):
        return super().can(cell) and cell.level == "native" and self.program.exists()

    def bench(self, cell, *args):
        argv = [self.program, cell.model, "--depth", cell.depth, *args]
        return run(argv, RAYON_NUM_THREADS=str(cell.threads))

    def prefill(self, cell):
        return self.rates(self.bench(cell, "--prefill", ",".join(map(str, cell.tokens)))[0])

    def decode(self, cell):
        return self.rates(self.bench(cell, "--decode", *cell.tokens)[0])

    def rates(self, out):
        for test in lines(out):
            if "phase" in test:
                yield sample(test["phase"], test["tokens"], test["tokens"] / test["seconds"])

    def start(self, cell):
        yield sample("start", None, self.bench(cell)[1])

    def memory(self, cell):
        yield sample("memory", None, self.bench(cell, "--prefill", MEMORY_PROMPT)[2])


def all_engines(plimsoll, peers):
    """The three, `plimsoll` being the program and `peers` the folder that install.sh fills."""
    return [Plimsoll(plimsoll), LlamaCpp(peers), Candle(peers / "candle/release/candle-bench")]
