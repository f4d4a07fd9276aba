#!/usr/bin/env python3
"""Load, faults and nonsense for `plimsoll serve`, and the same answer before and after.

    python3 tools/server_faults.py BINARY [--requests 1000] [--seed 1]

Requests over all APIs by a few clients, among 100 connections that say nothing and 20 that say and read slowly. A tenth is
cut off at a random moment: half sent, waiting, in the prompt, in the answer. A fifth is nonsense made of what is right: values
of other kinds and sizes, fields that are left out, doubled or unknown, and bytes that are no JSON. Bodies are made here, by
a seed, because a description of the API for a generator would be a second list of its fields, and because nonsense gets
furthest where the rest of a request is right. Then comes what a hostile client would send (`server_attacks.py`).

What holds: no status but the one that is due, and of those above 499 only a 503; errors in the shape of their API; streams
that end as they have to; nothing running, waiting or reserved at the end; no more memory than LEAK beyond what a quarter of
the requests took; then the answer, to the last bit of its likelihoods, that came first; and after SIGTERM an answer
that is finished, and status 0. Wants Linux for the memory, and nothing but Python.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server_attacks import attacks

# Connections of one address are 128 at most.
IDLE, SLOW, CLIENTS = 100, 20, 6
# Bytes that a server may grow by while it answers the last three quarters. Memory that is freed goes back to the system
# there, so that what an allocator keeps for later is not taken for what is held.
LEAK = 16 << 20
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "0"}
# Where nothing comes for so long, something hangs.
PATIENCE = 60
MODEL = "demo:large"
WORDS = "the quick brown fox jumps over a lazy dog while twelve and seven are added to nineteen".split()


def fail(what, seen):
    sys.exit(f"{what}: {seen!r}")


def bodies(rng):
    """One request that is right: its path, and its body."""
    text = " ".join(rng.choices(WORDS, k=rng.choice([3, 10, 60])))
    messages, stream, limit = [{"role": "user", "content": text}], rng.random() < 0.5, rng.randint(1, 24)
    drawn = {"temperature": rng.choice([0, 0.7]), "stream": stream}
    schema = {"type": "object", "properties": {"a": {"enum": ["x", 1, None]}}, "required": ["a"], "additionalProperties": False}
    return rng.choice([
        ("/v1/chat/completions", {"messages": messages, "max_tokens": limit, "n": rng.randint(1, 3), **drawn}),
        ("/v1/chat/completions", {"messages": messages, "max_tokens": 40, "logprobs": True, "top_logprobs": 2, **drawn,
                                  "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
        ("/v1/completions", {"prompt": [text, "Once"], "max_tokens": limit, "stop": ["fox", "\n\n"], "seed": 1, **drawn}),
        ("/v1/responses", {"input": messages, "max_output_tokens": limit, "metadata": {"a": "b"}, **drawn}),
        ("/v1/messages", {"messages": messages, "max_tokens": limit, "system": "Be brief.", **drawn}),
        ("/api/chat", {"messages": messages, "options": {"num_predict": limit, "temperature": 0.7}, "stream": stream}),
        ("/api/generate", {"prompt": text, "format": schema, "options": {"num_predict": 40, "top_k": 5}, "stream": stream}),
    ])


def request(rng):
    path, body = bodies(rng)
    return path, {"model": MODEL, **body}


NONSENSE = [None, True, -1, 0, 0.5, 1e308, 10**30, "", "\0", "\ud7ff\U0001f917" * 50, "x" * 100_000, [], {}, [[]], [None],
            {"": {}}, [1, "a", {}], {"type": "object"}, {"type": ["string", 7]}, {"$ref": "#"}, "data:image/png;base64,AAAA",
            [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], {"role": "tool", "content": "x"}]
FIELDS = ["temperature", "top_p", "top_k", "min_p", "n", "stop", "seed", "logit_bias", "logprobs", "top_logprobs", "tools",
          "tool_choice", "response_format", "stream_options", "max_tokens", "prompt", "messages", "input", "system", "options",
          "format", "think", "thinking", "reasoning", "chat_template_kwargs", "stop_sequences", "presence_penalty", "echo",
          "images", "keep_alive", "context", "metadata", "text", "instructions", "suffix", "no_such_field"]


def places(value, found=None):
    """Everything in a value that holds something."""
    found = [] if found is None else found
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
        found.append((value, key))
        places(value[key], found)
    return found


def nonsense(rng, body):
    """The bytes of a request that is right but for a few places."""
    body = json.loads(json.dumps(body))
    for _ in range(rng.choice([1, 1, 2, 3])):
        holder, key = rng.choice(places(body))
        kind = rng.randrange(4)
        if kind == 0:
            holder[key] = rng.choice(NONSENSE)
        elif kind == 1 and isinstance(holder, dict) and len(body) > 1:
            del holder[key]
        elif kind == 2:
            body[rng.choice(FIELDS)] = rng.choice(NONSENSE)
        else:
            holder[key] = [holder[key]] if rng.random() < 0.5 else {"a": holder[key]}
        if not places(body):
            break
        # What was put in is nobody's to change for the next.
        body = json.loads(json.dumps(body))
    data = json.dumps(body).encode()
    damage = rng.randrange(8)
    if damage == 0:
        return data[:rng.randrange(len(data))]
    if damage == 1:
        at = rng.randrange(len(data))
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]
    if damage == 2:
        return data[:-1] + b', "model": "demo:large", "stream": 3, "stream": false}'
    return data


class Server:
    def __init__(self, binary, folder):
        command = [binary, "serve", MODEL, "--port", "0", "--parallel", "2", "--context", "512", "--cache-memory", "0.01",
                   "--store", str(Path(folder) / "evidence.db")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **GIVES_BACK})
        address = next((line.split()[-1] for line in self.process.stdout if line.startswith("models at")), None)
        self.port = int(re.search(r":(\d+)/v1", address or fail("the server did not start", command))[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def head(self, path, length):
        return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
                f"Connection: close\r\nContent-Length: {length}\r\n\r\n").encode()

    def ask(self, path, data=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST" if data is not None else "GET", path, data, {"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def metric(self, name, label=""):
        """The sum of a metric over its labels, or over those with one of them."""
        status, text = self.ask("/metrics")
        labels = rf"{{.*{re.escape(label)}.*}}" if label else "(?:{.*})?"
        found = re.findall(rf"^{re.escape(name)}{labels} (\S+)$", text.decode(), re.MULTILINE)
        return sum(map(float, found)) if found else fail("there is no metric", (name, label, status))

    def settle(self):
        """Waits until it has measured the machine, which takes memory of its own for a while."""
        until = time.monotonic() + PATIENCE
        while b"is being measured" in self.ask("/")[1]:
            if time.monotonic() > until:
                fail("still measuring the machine", until)
            time.sleep(0.2)

    def resident(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) << 10


def in_shape(path, body):
    """Whether an error is as its API has them."""
    error = json.loads(body)
    if path.startswith("/api/"):
        return isinstance(error["error"], str)
    if path == "/v1/messages":
        return error["type"] == "error" and bool(error["error"]["message"])
    return set(error["error"]) == {"message", "type", "param", "code"}


def ended(path, body):
    """Whether a stream came to its end."""
    last = body.rstrip().rsplit(b"\n", 1)[-1]
    if path.startswith("/api/"):
        return json.loads(last).get("done") is True
    if path == "/v1/messages":
        return json.loads(last.removeprefix(b"data: "))["type"] == "message_stop"
    if path == "/v1/responses":
        return json.loads(last.removeprefix(b"data: "))["type"] in ("response.completed", "response.incomplete")
    return last == b"data: [DONE]"


class Load:
    def __init__(self, server):
        self.server, self.seen, self.lock = server, collections.Counter(), threading.Lock()

    def count(self, what):
        with self.lock:
            self.seen[what] += 1

    def one(self, seed):
        rng = random.Random(seed)
        path, body = request(rng)
        kind = rng.random()
        if kind < 0.1:
            self.cut_off(rng, path, json.dumps(body).encode())
        elif kind < 0.3:
            self.mistaken(path, nonsense(rng, body))
        else:
            self.right(path, body)

    def right(self, path, body):
        status, answer = self.server.ask(path, json.dumps(body).encode())
        if status in (429, 503):
            return self.count(f"right, {status}")
        if status != 200:
            fail("a request that is right", (status, path, body, answer))
        if body["stream"] and not ended(path, answer):
            fail("a stream that has no end", (path, body, answer[-300:]))
        return self.count("right, 200")

    def mistaken(self, path, data):
        status, answer = self.server.ask(path, data)
        if status not in (200, 429, 503) and not (400 <= status < 500 and in_shape(path, answer)):
            fail("nonsense", (status, path, data[:2000], answer))
        self.count(f"nonsense, {status}")

    def cut_off(self, rng, path, data):
        where = rng.choice(["in the request", "unanswered", "in the answer"])
        whole = self.server.head(path, len(data)) + data
        with self.server.connect() as connection:
            if where == "in the request":
                connection.sendall(whole[:rng.randrange(len(whole))])
            else:
                connection.sendall(whole)
            if where == "unanswered":
                time.sleep(rng.choice([0, 0, 0.001, 0.01, 0.05]))
            elif where == "in the answer":
                connection.recv(rng.choice([1, 100, 2000]))
        self.count(f"cut off {where}")


def slowly(server, stop, rng, reads):
    """Sends a body, or reads an answer, a byte at a time, again and again."""
    while not stop.is_set():
        path, body = request(rng)
        data = json.dumps({**body, "stream": True}).encode()
        try:
            with server.connect() as connection:
                connection.sendall(server.head(path, len(data)) + (data if reads else b""))
                for at in range(len(data) // 2):
                    if stop.wait(0.02) or (reads and not connection.recv(1)):
                        break
                    if not reads:
                        connection.sendall(data[at:at + 1])
        except OSError:
            pass  # the server has let go of who takes too long


def attacked(server):
    """Sends what is meant to hurt, one after the other; returns how many there were."""
    n = 0
    for n, (what, path, data) in enumerate(attacks(MODEL), 1):
        status, answer = server.ask(path, data)
        if status != 200 and not (400 <= status < 500 and in_shape(path, answer)):
            fail(what, (status, path, data[:300], answer))
    return n or fail("attacks", n)


def answers(server):
    """What is to be the same before and after."""
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "What is 12 + 7?"}], "seed": 7, "logprobs": True}
    text = {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 40, "temperature": 1, "seed": 7, "logprobs": 3}
    told = []
    for path, body in [("/v1/chat/completions", chat), ("/v1/completions", text)]:
        status, answer = server.ask(path, json.dumps(body).encode())
        told.append(json.loads(answer)["choices"] if status == 200 else fail("a clean answer", (status, answer)))
    return told


def quiet(server):
    """Waits until nothing is under way."""
    names = ["plimsoll:num_requests_running", "plimsoll:num_requests_waiting", "plimsoll:kv_cache_usage_perc"]
    until = time.monotonic() + PATIENCE
    while any(left := [server.metric(name) for name in names]):
        if time.monotonic() > until:
            fail("still running, waiting and reserved", left)
        time.sleep(0.05)


def loaded(server, requests, seed):
    load, stop = Load(server), threading.Event()
    idle = [server.connect() for _ in range(IDLE)]
    slow = [threading.Thread(target=slowly, args=(server, stop, random.Random(f"{seed} slow {n}"), n % 2 == 0))
            for n in range(SLOW)]
    for thread in slow:
        thread.start()
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            # One that fails ends all.
            for _ in clients.map(load.one, [f"{seed} {n}" for n in range(requests)]):
                pass
    finally:
        stop.set()
        for thread in slow:
            thread.join()
        for connection in idle:
            connection.close()
    quiet(server)
    return load.seen


def terminated(server):
    """Ends it while it answers: the answer is finished, and so is the server."""
    body = {"model": MODEL, "prompt": "Once", "max_tokens": 400, "stream": True, "temperature": 0,
            "logit_bias": {}, "seed": 1, "n": 4}
    data = json.dumps(body).encode()
    with server.connect() as connection:
        connection.sendall(server.head("/v1/completions", len(data)) + data)
        answer = connection.recv(1)
        server.process.send_signal(signal.SIGTERM)
        while piece := connection.recv(1 << 16):
            answer += piece
    if not answer.rstrip().endswith(b"0") or b"data: [DONE]" not in answer:
        fail("an answer during the end", answer[-300:])
    code = server.process.wait(timeout=PATIENCE)
    return code == 0 or fail("the end", code)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(asked.binary, folder)
        try:
            before = answers(server)
            server.settle()
            seen = loaded(server, asked.requests // 4, f"{asked.seed} warm")
            warm = server.resident()
            seen += loaded(server, asked.requests - asked.requests // 4, asked.seed)
            grown = server.resident() - warm
            aborted = server.metric("plimsoll:requests_finished_total", 'finished_reason="abort"')
            for what, count in sorted(seen.items()):
                print(f"{count:5} {what}")
            print(f"{aborted:5.0f} given up in the making")
            print(f"{grown / (1 << 20):+.1f} MiB of memory in the last three quarters; {warm / (1 << 20):.1f} MiB before")
            kinds = {what.split(",")[0] for what in seen}
            wanted = {"right", "nonsense", "cut off in the request", "cut off unanswered", "cut off in the answer"}
            if kinds != wanted or not aborted:
                fail("kinds of requests that there were", kinds)
            if grown > LEAK:
                fail("memory in bytes that it grew by", grown)
            print(f"{attacked(server):5} attacks, each answered or refused")
            quiet(server)
            if answers(server) != before:
                fail("another answer than before", answers(server))
            terminated(server)
        finally:
            server.process.kill()
    print("the same answer before and after, nothing left under way, and an end in order")


if __name__ == "__main__":
    main()
