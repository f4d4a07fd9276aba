#!/usr/bin/env python3
"""Plimsoll's server beside llama.cpp's on the same GGUF file, under the same load, in turns, as one table.

    python3 -m venv bench/peers/serving && bench/peers/serving/bin/pip install xllamacpp
    bench/make_model.py smollm2-135m Q8_0 bench/models/135m-q8_0.gguf
    bench/peers/serving/bin/python bench/serving.py bench/models/135m-q8_0.gguf

Both servers run all the time and one of them is asked at a time, A B A B. Clients are a closed loop: each sends its next
prompt when its answer has ended. Prompts are random token ids, none twice, so that nothing is cached; answers have a fixed
length: one token of plain text is biased so much that it is always the next. Told are, as medians of the rounds: the median time to the first token, tokens
per second of all clients together, and the 99th percentile of the time between two tokens of an answer. The last rows are
clients in the middle of their answers while a long prompt arrives.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CONTEXT = 2304
SEQUENCES = 8
ALWAYS = 20
"""A token that is plain text in any byte-level vocabulary, and so one event."""


def main():
    args = parse_args()
    if args.serve:
        return serve_llama_cpp(args.models[0], args.serve, args.threads)
    for model in args.models:
        with Plimsoll(args, model) as ours, LlamaCpp(args, model) as theirs:
            print(f"{model.name}, {args.threads} threads, {machine()}", flush=True)
            print(f"{'clients':>7} {'prompt':>6}  {'first token':>22}  {'tokens per second':>22}  {'p99 between tokens':>22}")
            for clients, prompt in [(c, p) for p in args.prompts for c in args.clients]:
                load = lambda server: server.load(clients, prompt, args.tokens, args.requests)
                row(clients, prompt, args.rounds, (ours, theirs), load)
            for clients in sorted({min(clients, SEQUENCES - 1) for clients in args.clients[1:] or args.clients}):
                arrival = lambda server: server.arrival(clients, max(args.prompts), 4 * args.tokens)
                row(clients, "+long", args.rounds, (ours, theirs), arrival)


def parse_args():
    numbers = lambda text: [int(number) for number in text.split(",")]
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+", type=pathlib.Path, help="GGUF files")
    p.add_argument("--clients", type=numbers, default=[1, 4, 8])
    p.add_argument("--prompts", type=numbers, default=[50, 2000], help="lengths in tokens")
    p.add_argument("--tokens", type=int, default=32, help="of each answer")
    p.add_argument("--requests", type=int, default=2, help="of each client in a round")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--plimsoll", type=pathlib.Path, default=HERE.parent / "target/release/plimsoll")
    p.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    return p.parse_args()


def row(clients, prompt, rounds, servers, measure):
    """Measures every server in turns and prints the medians, ours first, with the ratio."""
    samples = [[] for _ in servers]
    for _ in range(rounds):
        for taken, server in zip(samples, servers):
            taken.append(measure(server))
    ours, theirs = [[statistics.median(values) for values in zip(*taken)] for taken in samples]
    cells = []
    for name, a, b in zip(("first", "rate", "gap"), ours, theirs):
        shown = f"{a:7.1f} {b:7.1f}" if name == "rate" else f"{a * 1000:6.0f}ms {b * 1000:6.0f}ms"
        better = a / b if name == "rate" else b / a if a else float("nan")
        cells.append(f"{shown} {better:5.2f}")
    print(f"{clients:>7} {prompt:>6}  " + "  ".join(f"{cell:>22}" for cell in cells), flush=True)


class Server:
    """A process that answers at /v1/completions."""

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit(f"{self.command[0]} ended: {' '.join(map(str, self.command))}")
            try:
                self.ask([7], 1)
                return self
            except (OSError, http.client.HTTPException, RuntimeError):
                time.sleep(0.5)
        sys.exit(f"{self.command[0]} does not answer")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, prompt, tokens):
        """When each token of the answer came, and when it was asked for."""
        body = {"model": self.name, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True,
                "logit_bias": {str(ALWAYS): 100}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        asked, times = time.perf_counter(), []
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.read()[:300]}")
        for line in answer:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:]).get("choices")
                if choices and choices[0].get("finish_reason") is None:
                    times.append(time.perf_counter())
        connection.close()
        return asked, times

    def load(self, clients, prompt, tokens, requests):
        answers, started = [], time.perf_counter()
        ask = lambda: answers.extend(self.ask(ids(prompt), tokens) for _ in range(requests))
        together([ask] * clients)
        took = time.perf_counter() - started
        first = statistics.median(times[0] - asked for asked, times in answers)
        return first, clients * requests * tokens / took, percentile(gaps(answers))

    def arrival(self, clients, prompt, tokens):
        """Clients in the middle of their answers, and one more with a long prompt."""
        answers, late, begun = [], [], threading.Barrier(clients + 1)

        def stay():
            begun.wait()
            answers.append(self.ask(ids(50), tokens))

        def come():
            begun.wait()
            time.sleep(1)
            late.append(self.ask(ids(prompt), 2))

        started = time.perf_counter()
        together([stay] * clients + [come])
        took = time.perf_counter() - started
        return late[0][1][0] - late[0][0], (clients * tokens + 2) / took, percentile(gaps(answers))


class Plimsoll(Server):
    def __init__(self, args, model):
        self.port, self.name = free_port(), model.stem
        self.command = [args.plimsoll, "serve", model, "--port", self.port, "--threads", args.threads, "--context", CONTEXT,
                        "--parallel", SEQUENCES, "--cache-memory", 4]
        self.command = list(map(str, self.command)) + ["--store", str(HERE / "models/serving.sqlite")]


class LlamaCpp(Server):
    name = "model"

    def __init__(self, args, model):
        self.port = free_port()
        self.command = [sys.executable, __file__, str(model), "--serve", str(self.port), "--threads", str(args.threads)]


def serve_llama_cpp(model, port, threads):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.port, params.n_parallel, params.n_ctx = port, SEQUENCES, CONTEXT * SEQUENCES
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup = False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


def together(calls):
    failed = []

    def run(call):
        try:
            call()
        except Exception as error:  # told by whoever waits
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(f"a client failed: {failed[0]!r}")


def ids(n):
    return [random.randrange(1000, 40000) for _ in range(n)]


def gaps(answers):
    return [after - before for _, times in answers for before, after in zip(times, times[1:])]


def percentile(values, share=0.99):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} logical processors"


if __name__ == "__main__":
    main()
