#!/usr/bin/env python3
"""Writes a GGUF of full size with random weights: shapes and block types as published, no meaning. For measuring only.

    python3 -m pip install gguf numpy
    bench/make_model.py smollm3-3b Q4_K_M bench/models/3b-q4_k_m.gguf

Types are mixed as llama.cpp's quantisation tool mixes them: with Q4_0 the embedding is Q6_K, with Q4_K_M that and half of
the value and down projections; rows that a block does not divide fall back to Q8_0.
"""
import argparse
import dataclasses
import itertools
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFReader, GGUFWriter

from families import FAMILIES

STD = 0.02
"""Standard deviation of the weights, so that activations neither vanish nor overflow."""
rng = np.random.default_rng(0)


@dataclasses.dataclass
class Shape:
    """Hyperparameters; a vocabulary is tied to the output unless there are experts."""
    arch: str
    n_layers: int
    d_model: int
    d_ff: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    rope_theta: float
    vocab_size: int
    n_experts: int = 0
    n_used: int = 1
    control_tokens: tuple = ()
    chat_template: str | None = None
    # Of a model with states: which layers attend, what the others are made of, and the keys that say so.
    attends: tuple = ()
    recurrent: tuple = ()
    keys: dict = dataclasses.field(default_factory=dict)
    gated: bool = False
    """Whether queries come with a gate for each value."""


PICTURE_TOKENS = (
    "<|im_start|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>",
    *(f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)),
)
"""What SmolVLM writes around pictures; the first two begin and end a turn."""

PICTURE_TEMPLATE = """<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}: \
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}\
{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}{{ '<image>' }}{% endif %}{% endfor %}{% endif %}<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""

SHAPES = {
    "smollm2-135m": Shape("llama", 30, 576, 1536, 9, 3, 64, 1e5, 49152),
    "smollm3-3b": Shape("smollm3", 36, 2048, 11008, 16, 4, 128, 5e6, 128256),
    # The text half of SmolVLM-Instruct; make_tower.py makes the other
    "smolvlm-2.2b": Shape("llama", 24, 2048, 8192, 32, 32, 64, 130000.0, 49280,
                          control_tokens=PICTURE_TOKENS, chat_template=PICTURE_TEMPLATE),
    # 18 layers of delta nets and 6 of attention
    "qwen3.5-2b": Shape("qwen35", 24, 2048, 6144, 8, 2, 256, 1e7, 248320, attends=tuple(range(3, 24, 4)), gated=True,
                        recurrent=(("attn_qkv", 6144, 2048), ("attn_gate", 2048, 2048), ("ssm_alpha", 16, 2048),
                                   ("ssm_beta", 16, 2048), ("ssm_out", 2048, 2048), ("ssm_conv1d", 6144, 4),
                                   ("ssm_norm", 128), ("ssm_a", 16), ("ssm_dt", 16)),
                        keys={"ssm.conv_kernel": 4, "ssm.state_size": 128, "ssm.group_count": 16, "ssm.time_step_rank": 16,
                              "ssm.inner_size": 2048, "full_attention_interval": 4, "rope.dimension_count": 64}),
    # 10 layers of short convolutions and 6 of attention
    "lfm2.5-1.2b": Shape("lfm2", 16, 2048, 8192, 32, 8, 64, 1e6, 65536, attends=(2, 5, 8, 10, 12, 14),
                         recurrent=(("shortconv.in_proj", 6144, 2048), ("shortconv.out_proj", 2048, 2048),
                                    ("shortconv.conv", 2048, 3)),
                         keys={"shortconv.l_cache": 3}),
    # A table of 256 values a token for each of 35 layers, of which the last 20 share keys and values
    "gemma4-e2b": Shape("gemma4", 35, 1536, 6144, 8, 1, 512, 1e6, 262144),
    # 32 experts of which 4 work; with MXFP4 as published
    "gpt-oss-20b": Shape("gpt-oss", 24, 2880, 2880, 64, 8, 64, 1.5e5, 201088, n_experts=32, n_used=4),
    # Llama 4 Scout at a fifth of its depth
    "scout-mini": Shape("llama4", 10, 5120, 8192, 40, 8, 128, 5e5, 128256, n_experts=16),
}

# Type of most weights, and of the better ones.
MIXES = {
    "F16": (T.F16, T.F16),
    "BF16": (T.BF16, T.BF16),
    "Q8_0": (T.Q8_0, T.Q8_0),
    "Q6_K": (T.Q6_K, T.Q6_K),
    "Q4_0": (T.Q4_0, T.Q4_0),
    "Q4_K_M": (T.Q4_K, T.Q6_K),
    "MXFP4": (T.MXFP4, T.Q8_0),
}

# Of each block: values, bytes, and where its factors in half precision are, given what makes random bytes come out with
# deviation 1. Q4_K's second factor is that of its minima and takes the mean out.
BLOCKS = {
    T.Q8_0: (32, 34, {0: 1 / 74}),
    T.Q4_0: (32, 18, {0: 1 / 4.3}),
    T.Q4_K: (256, 144, {0: 1 / 258, 2: 7.5 / 258}),
    T.Q6_K: (256, 210, {208: 1 / 1366}),
    T.MXFP4: (32, 17, {}),
}

MXFP4_SCALE = 120
"""The power of two, less 127, that makes random codes come out near deviation STD."""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("shape", choices=SHAPES)
    p.add_argument("type", choices=MIXES)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--vocab", type=pathlib.Path, help="GGUF to take a byte-level vocabulary from; else one is made up")
    args = p.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    shape = SHAPES[args.shape]
    vocab = read_vocab(args.vocab) if args.vocab else make_vocab(shape.vocab_size, shape.control_tokens)
    writer = GGUFWriter(args.out, shape.arch, use_temp_file=True)  # a model need not fit memory
    add_hyperparameters(writer, f"random {args.shape}", shape, len(vocab["tokens"]))
    add_vocab(writer, vocab)
    if shape.chat_template:
        writer.add_chat_template(shape.chat_template)
    add_weights(writer, shape, len(vocab["tokens"]), args.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_hyperparameters(w, name, s, vocab_size):
    w.add_name(name)
    w.add_context_length(65536)
    w.add_embedding_length(s.d_model)
    w.add_block_count(s.n_layers)
    if s.arch != "gemma4":  # one for each layer
        w.add_feed_forward_length(s.d_ff)
    w.add_head_count(s.n_heads)
    every = [s.n_kv_heads if i in s.attends else 0 for i in range(s.n_layers)]
    w.add_head_count_kv(every if s.arch == "lfm2" else s.n_kv_heads)
    for key, value in s.keys.items():
        w.add_uint32(f"{s.arch}.{key}", value)
    if s.arch == "qwen35":
        w.add_array("qwen35.rope.dimension_sections", [11, 11, 10, 0])
    w.add_key_length(s.head_dim)
    w.add_value_length(s.head_dim)
    w.add_rope_freq_base(s.rope_theta)
    if "rope.dimension_count" not in s.keys:
        w.add_rope_dimension_count(s.head_dim)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_vocab_size(vocab_size)
    if s.n_experts:
        w.add_expert_count(s.n_experts)
        w.add_expert_used_count(s.n_used)
    if s.arch == "llama4":
        w.add_interleave_moe_layer_step(1)
        w.add_expert_feed_forward_length(s.d_ff)


def read_vocab(path):
    fields = GGUFReader(path).fields
    values = lambda key: [fields[key].parts[i] for i in fields[key].data]
    return {
        "tokens": [bytes(token) for token in values("tokenizer.ggml.tokens")],
        "merges": [bytes(merge) for merge in values("tokenizer.ggml.merges")],
        "types": [int(kind[0]) for kind in values("tokenizer.ggml.token_type")],
    }


def make_vocab(size, control_tokens):
    """All bytes, then as many of their pairs as there is room for, control tokens, two at least, and unused ones."""
    normal, control, unused = 1, 3, 5
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]  # GPT-2 writes these bytes as they are
    others = itertools.count(256)  # and the rest as letters from here on
    letters = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    least = max(2, len(control_tokens))
    pairs = list(itertools.islice(itertools.product(letters, letters), size - len(letters) - least))
    tokens = letters + [a + b for a, b in pairs]
    controls = [*control_tokens, *(f"<|{i}|>" for i in range(least - len(control_tokens)))]
    spare = [f"<unused{i}>" for i in range(size - len(tokens) - len(controls))]
    return {
        "tokens": tokens + controls + spare,
        "merges": [f"{a} {b}" for a, b in pairs],
        "types": [normal] * len(tokens) + [control] * len(controls) + [unused] * len(spare),
    }


def add_vocab(w, vocab):
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("llama-bpe")
    w.add_token_list(vocab["tokens"])
    w.add_token_merges(vocab["merges"])
    w.add_token_types(vocab["types"])
    control = [i for i, kind in enumerate(vocab["types"]) if kind == 3]
    w.add_bos_token_id(control[0])
    w.add_eos_token_id(control[1])


def add_weights(w, s, vocab_size, mix):
    usual, better = MIXES[mix]
    vocabulary = T.Q6_K if mix == "Q4_0" else better
    ones = lambda name, n: w.add_tensor(name, np.ones(n, np.float32))
    put = lambda name, kind, *dims: add_random(w, f"{name}.weight", kind, dims)
    if s.arch in FAMILIES:
        def single(name, values):
            values = np.ones(values, np.float32) if isinstance(values, int) else np.array(values, np.float32)
            # As below.
            w.add_tensor(name, values * np.float32(3 / (STD * s.d_model**0.5)) if name == "output_norm.weight" else values)
        return FAMILIES[s.arch](w, s, (usual, better, vocabulary, vocab_size), put, single)
    put("token_embd", vocabulary, vocab_size, s.d_model)
    spread = 3 / (STD * s.d_model**0.5)  # logits of deviation 3, as trained models have
    w.add_tensor(f"{'token_embd_norm' if s.arch == 'lfm2' else 'output_norm'}.weight", np.full(s.d_model, spread, np.float32))
    if s.n_experts:
        put("output", vocabulary, vocab_size, s.d_model)
    for i in range(s.n_layers):
        layer, eighth = f"blk.{i}.", s.n_layers // 8
        is_better = i < eighth or i >= 7 * eighth or (i - eighth) % 3 == 2
        mixed = better if is_better else usual
        for norm in ("attn_norm", "post_attention_norm" if s.arch == "qwen35" else "ffn_norm"):
            ones(f"{layer}{norm}.weight", s.d_model)
        for part in ("ffn_gate", "ffn_up", "ffn_down") if s.attends else ():
            put(layer + part, mixed if part == "ffn_down" else usual,
                *((s.d_model, s.d_ff) if part == "ffn_down" else (s.d_ff, s.d_model)))
        if s.attends and i not in s.attends:
            add_recurrent(w, layer, s, usual)
            continue
        if s.attends:
            ones(layer + "attn_q_norm.weight", s.head_dim)
            ones(layer + "attn_k_norm.weight", s.head_dim)
        put(layer + "attn_q", usual, (2 if s.gated else 1) * s.n_heads * s.head_dim, s.d_model)
        put(layer + "attn_k", usual, s.n_kv_heads * s.head_dim, s.d_model)
        put(layer + "attn_v", mixed, s.n_kv_heads * s.head_dim, s.d_model)
        put(layer + "attn_output", usual, s.d_model, s.n_heads * s.head_dim)
        if s.attends:
            continue
        forms = [("", ())]
        if s.n_experts:
            put(layer + "ffn_gate_inp", T.F32, s.n_experts, s.d_model)
            forms = [("_exps", (s.n_experts,)), ("_shexp", ())]
        for suffix, experts in forms:
            put(f"{layer}ffn_gate{suffix}", usual, *experts, s.d_ff, s.d_model)
            put(f"{layer}ffn_up{suffix}", usual, *experts, s.d_ff, s.d_model)
            put(f"{layer}ffn_down{suffix}", mixed, *experts, s.d_model, s.d_ff)


def add_recurrent(w, layer, s, usual):
    """What a layer without attention is made of: matrices in blocks, the rest in singles."""
    for name, *dims in s.recurrent:
        if name == "ssm_a":
            w.add_tensor(layer + name, -np.linspace(0.05, 4, dims[0], dtype=np.float32))
        elif name == "ssm_dt":
            w.add_tensor(f"{layer}{name}.bias", np.zeros(dims[0], np.float32))
        elif len(dims) == 1:
            w.add_tensor(f"{layer}{name}.weight", np.ones(dims[0], np.float32))
        elif dims[1] < 32:
            w.add_tensor(f"{layer}{name}.weight", rng.standard_normal(dims, np.float32) * np.float32(0.3))
        else:
            add_random(w, f"{layer}{name}.weight", usual, dims)


def add_random(w, name, kind, dims):
    """Adds a tensor of random weights of deviation STD; of blocks, all bits but the factors are random."""
    if kind in (T.F32, T.F16, T.BF16):
        values = rng.standard_normal(dims, np.float32) * np.float32(STD)
        if kind == T.BF16:  # cut to its upper half
            return w.add_tensor(name, (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8), raw_dtype=kind)
        return w.add_tensor(name, values.astype(np.float16) if kind == T.F16 else values)
    if dims[-1] % BLOCKS[kind][0]:
        kind = T.Q8_0
    n_values, n_bytes, factors = BLOCKS[kind]
    n_blocks = int(np.prod(dims)) // n_values
    blocks = np.frombuffer(rng.bytes(n_blocks * n_bytes), np.uint8).reshape(n_blocks, n_bytes).copy()
    if kind == T.Q4_0:  # 15 values about 0: the sixteenth, -8, would give all weights a mean that drowns the rest
        blocks = rng.integers(1, 16, blocks.shape, np.uint8) << 4 | rng.integers(1, 16, blocks.shape, np.uint8)
    if kind == T.MXFP4:
        blocks[:, 0] = MXFP4_SCALE
    for at, factor in factors.items():
        blocks[:, at:at + 2] = np.array([factor * STD], np.float16).view(np.uint8)
    w.add_tensor(name, blocks.reshape(*dims[:-1], -1), raw_dtype=kind)


if __name__ == "__main__":
    main()
