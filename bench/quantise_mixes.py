#!/usr/bin/env python3
"""Which type llama.cpp's own quantiser gives each tensor of small models of random weights.

    bench/quantise_mixes.py LLAMA_QUANTIZE > crates/quantise/tests/data/mixes.txt

LLAMA_QUANTIZE is llama.cpp's tool of that name. Models with grouped queries, a tied embedding, eight experts, fused queries,
keys and values, rows that blocks of 256 do not divide, and as many layers as a 70B has, each without and with an importance
matrix in which all columns count alike. Needs the package `gguf`.
"""
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

from quantise_file import MIXES

MODELS = [
    dict(arch="llama", layers=10, heads=8, kv=2),
    dict(arch="llama", layers=33, heads=8, kv=8, inner=256, tied=True),
    dict(arch="llama", layers=9, heads=8, kv=2, inner=256, experts=8),
    dict(arch="llama", layers=9, heads=8, kv=4, inner=256, experts=4),
    dict(arch="phi3", layers=16, heads=8, kv=8, fused=True),
    dict(arch="llama", layers=8, heads=6, kv=2, width=192, inner=576, tied=True),
    dict(arch="llama", layers=80, heads=8, kv=4, inner=256),
]


def write(path, arch, layers, heads, kv, width=256, inner=512, tied=False, experts=0, fused=False):
    rng, writer = np.random.default_rng(3), gguf.GGUFWriter(path, arch)
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(64)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)

    def add(name, *shape):
        writer.add_tensor(name, rng.standard_normal(shape).astype(np.float32))

    add("token_embd.weight", 64, width)
    if not tied:
        add("output.weight", 64, width)
    add("output_norm.weight", width)
    keys = width // heads * kv
    for layer in (f"blk.{i}." for i in range(layers)):
        add(layer + "attn_norm.weight", width)
        add(layer + "ffn_norm.weight", width)
        add(layer + "attn_output.weight", width, width)
        parts = {"attn_qkv": width + 2 * keys} if fused else {"attn_q": width, "attn_k": keys, "attn_v": keys}
        for name, rows in parts.items():
            add(f"{layer}{name}.weight", rows, width)
        stack, end = ((experts,), "_exps") if experts else ((), "")
        if experts:
            add(layer + "ffn_gate_inp.weight", experts, width)
        if not fused:
            add(f"{layer}ffn_gate{end}.weight", *stack, inner, width)
        add(f"{layer}ffn_up{end}.weight", *stack, inner * (1 + fused), width)
        add(f"{layer}ffn_down{end}.weight", *stack, width, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def words(tensors):
    """`name:dimensions:columns:types`, the types of all layers in their order, each with how often it comes."""
    found = {}
    for t in tensors:
        if not t.name.endswith("_norm.weight"):
            layer, name = t.name.split(".", 2)[1:] if t.name.startswith("blk.") else (0, t.name)
            found.setdefault((name, len(t.shape), int(t.shape[0])), {})[int(layer)] = t.tensor_type.name
    for (name, dims, cols), types in sorted(found.items()):
        runs = ((kind, len(list(run))) for kind, run in itertools.groupby(types[i] for i in sorted(types)))
        yield f"{name}:{dims}:{cols}:" + ",".join(f"{kind}*{n}" for kind, n in runs)


def write_imatrix(path, model, draw=np.ones):
    """An importance matrix of what `draw` gives for the shape of every matrix's columns: of ones."""
    writer = gguf.GGUFWriter(path, "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", [draw.__name__])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 512)
    for t in gguf.GGUFReader(model).tensors:
        if len(t.shape) > 1 and not t.name.startswith(("token_embd", "output")):
            stack = int(t.shape[2]) if len(t.shape) > 2 else 1
            writer.add_tensor(t.name + ".in_sum2", draw((stack, int(t.shape[0]))).astype(np.float32))
            writer.add_tensor(t.name + ".counts", np.ones((stack, 1), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    tool = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        model, imatrix, out = (Path(folder) / name for name in ("model.gguf", "imatrix.gguf", "out.gguf"))
        for shape, weighed in itertools.product(MODELS, (False, True)):
            write(model, **shape)
            write_imatrix(imatrix, model)
            facts = (f"layers={shape['layers']} tied={int(shape.get('tied', False))} "
                     f"group={shape['heads'] // shape['kv']} experts={shape.get('experts', 0)} weighed={int(weighed)}")
            for mix in MIXES:
                options = ["--imatrix", imatrix] if weighed else []
                name = "MXFP4_MOE" if mix == "MXFP4" else mix
                done = subprocess.run([tool, *options, model, out, name], capture_output=True)
                if done.returncode:
                    print(mix, facts, "refused", flush=True)
                    continue
                print(mix, facts, *words(gguf.GGUFReader(out).tensors), flush=True)


if __name__ == "__main__":
    main()
