"""Computes a model's logits in another engine, for the program that started this.

    python worker.py onnxruntime|mlx THREADS [GRAPH_OR_FOLDER [EMBEDDING]]

Without a model it only says whether it could. First a line of JSON: {"engine": name and version} or {"error": why not}. Then, as often as it is asked, of standard input three
numbers (32 bits, little-endian), how many tokens of the last sequence stay, how many follow, and behind how many of these
logits are wanted, and the tokens; to standard output 0, the width of a row and as many rows of logits (32-bit floats), or the length
of a message and the message.
"""

import sys

# What lies in the folder that this is called from is no module.
sys.path = [path for path in sys.path if path]

import importlib
import json
import os
import struct


class OnnxRuntime:
    def __init__(self, threads, graph, embedding=None):
        import numpy
        import onnxruntime

        self.numpy = numpy
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait in a loop take the processor from whoever is measured in turn with this.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        opened = lambda path: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.decoder = opened(graph)
        self.embedding = opened(embedding) if embedding else None
        self.outputs = [port.name for port in self.decoder.get_outputs()]
        inputs = {port.name: port for port in self.decoder.get_inputs()}
        self.takes = set(inputs)
        kinds = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16}
        self.past = {
            name: numpy.zeros((1, port.shape[1], 0, port.shape[3]), kinds[port.type])
            for name, port in inputs.items() if name.startswith("past_key_values.")
        }
        self.engine = f"ONNX Runtime {onnxruntime.__version__}"

    def step(self, kept, ids, wanted):
        numpy = self.numpy
        self.past = {name: past[:, :, :kept] for name, past in self.past.items()}
        ids = numpy.array([ids], numpy.int64)
        feeds = {
            "attention_mask": numpy.ones((1, kept + ids.shape[1]), numpy.int64),
            "position_ids": numpy.arange(kept, kept + ids.shape[1], dtype=numpy.int64)[None],
        }
        if self.embedding:
            feeds["inputs_embeds"] = self.embedding.run(None, {self.embedding.get_inputs()[0].name: ids})[0]
        else:
            feeds["input_ids"] = ids
        feeds = {name: value for name, value in feeds.items() if name in self.takes}
        if "num_logits_to_keep" in self.takes:
            feeds["num_logits_to_keep"] = numpy.array(wanted, numpy.int64)
        found = dict(zip(self.outputs, self.decoder.run(None, {**feeds, **self.past})))
        self.past = {name: found[name.replace("past_key_values", "present")] for name in self.past}
        logits = found["logits"][0]
        return logits[logits.shape[0] - wanted:].astype(numpy.float32)


class Mlx:
    def __init__(self, _threads, folder):
        import mlx.core as mx
        import numpy
        from mlx_lm.models import cache

        self.mx, self.numpy, self.caches = mx, numpy, cache
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            sees = "vision_config" in json.load(file)
        if sees:
            from pathlib import Path

            from mlx_vlm import __version__ as version
            from mlx_vlm.utils import load_model

            self.model = load_model(Path(folder)).language_model
            name = "mlx-vlm"
        else:
            from pathlib import Path

            from mlx_lm import __version__ as version
            from mlx_lm.utils import load_model

            self.model = load_model(Path(folder))[0]
            name = "mlx-lm"
        self.cache = cache.make_prompt_cache(self.model)
        self.held = 0
        self.engine = f"mlx {mx.__version__} by {name} {version}"

    def step(self, kept, ids, wanted):
        if kept < self.held:
            if kept and self.caches.can_trim_prompt_cache(self.cache):
                self.caches.trim_prompt_cache(self.cache, self.held - kept)
            elif kept:
                raise RuntimeError(f"its cache of {self.held} tokens cannot be cut to {kept}")
            else:
                self.cache = self.caches.make_prompt_cache(self.model)
        output = self.model(self.mx.array([ids]), cache=self.cache)
        self.held = kept + len(ids)
        logits = getattr(output, "logits", output)[0]
        logits = logits[logits.shape[0] - wanted:].astype(self.mx.float32)
        self.mx.eval(logits, [layer.state for layer in self.cache])
        return self.numpy.array(logits)


def main():
    # Whatever a library prints is no answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked = sys.stdin.buffer
    name, threads, *files = sys.argv[1:]
    try:
        if not files:
            importlib.import_module({"onnxruntime": "onnxruntime", "mlx": "mlx_lm"}[name])
            answers.write(json.dumps({"engine": name}).encode() + b"\n")
            return
        engine = {"onnxruntime": OnnxRuntime, "mlx": Mlx}[name](int(threads), *files)
    except ModuleNotFoundError as error:
        answers.write(json.dumps({"missing": error.name}).encode() + b"\n")
        return
    except Exception as error:
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        return
    answers.write(json.dumps({"engine": engine.engine}).encode() + b"\n")
    answers.flush()
    while head := asked.read(12):
        kept, n, wanted = struct.unpack("<3I", head)
        ids = list(struct.unpack(f"<{n}I", asked.read(4 * n)))
        try:
            rows = engine.step(kept, ids, wanted)
            answers.write(struct.pack("<2I", 0, rows.shape[1]) + rows.astype("<f4").tobytes())
        except Exception as error:
            message = f"{type(error).__name__}: {error}".encode()[:4000] or b"?"
            answers.write(struct.pack("<I", len(message)) + message)
        answers.flush()


main()
