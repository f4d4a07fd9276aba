"""Keys and tensors of families that are no Llama with other numbers, as llama.cpp's converter writes them."""
from gguf import GGMLQuantizationType as T


def gemma4(w, s, mix, put, single):
    """Gemma 4 E: embeddings for every layer, windows, and keys and values that later layers share."""
    full = lambda i: i % 5 == 4
    shares = 20
    w.add_array("gemma4.feed_forward_length", [s.d_ff if i < s.n_layers - shares else 2 * s.d_ff for i in range(s.n_layers)])
    w.add_array("gemma4.attention.sliding_window_pattern", [not full(i) for i in range(s.n_layers)])
    for key, value in {"sliding_window": 512, "shared_kv_layers": shares, "key_length_swa": 256, "value_length_swa": 256}.items():
        w.add_uint32(f"gemma4.attention.{key}", value)
    w.add_uint32("gemma4.rope.dimension_count_swa", 256)
    w.add_uint32("gemma4.embedding_length_per_layer_input", 256)
    w.add_float32("gemma4.rope.freq_base_swa", 1e4)
    w.add_float32("gemma4.final_logit_softcapping", 30.0)
    usual, better, vocabulary, vocab_size = mix
    put("token_embd", vocabulary, vocab_size, s.d_model)
    put("per_layer_token_embd", usual, vocab_size, 256 * s.n_layers)
    put("per_layer_model_proj", usual, 256 * s.n_layers, s.d_model)
    single("per_layer_proj_norm.weight", 256)
    single("output_norm.weight", s.d_model)
    # A quarter of the pairs of a full layer turn.
    single("rope_freqs.weight", [1.0] * (s.head_dim // 8) + [1e30] * (s.head_dim * 3 // 8))
    for i in range(s.n_layers):
        layer, width = f"blk.{i}.", s.head_dim if full(i) else 256
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm"):
            single(f"{layer}{norm}.weight", s.d_model)
        single(layer + "layer_output_scale.weight", [0.5])
        put(layer + "attn_q", usual, s.n_heads * width, s.d_model)
        put(layer + "attn_output", usual, s.d_model, s.n_heads * width)
        single(layer + "attn_q_norm.weight", width)
        if i < s.n_layers - shares:
            put(layer + "attn_k", usual, s.n_kv_heads * width, s.d_model)
            put(layer + "attn_v", better, s.n_kv_heads * width, s.d_model)
            single(layer + "attn_k_norm.weight", width)
        d_ff = s.d_ff if i < s.n_layers - shares else 2 * s.d_ff
        put(layer + "ffn_gate", usual, d_ff, s.d_model)
        put(layer + "ffn_up", usual, d_ff, s.d_model)
        put(layer + "ffn_down", better if i % 3 == 2 else usual, s.d_model, d_ff)
        put(layer + "inp_gate", usual, 256, s.d_model)
        put(layer + "proj", usual, s.d_model, 256)


def gpt_oss(w, s, mix, put, single):
    """gpt-oss: a mixture whose experts have biases, attention with sinks, every other layer in a window."""
    for key, value in {"attention.sliding_window": 128, "expert_feed_forward_length": s.d_ff}.items():
        w.add_uint32(f"gpt-oss.{key}", value)
    w.add_string("gpt-oss.rope.scaling.type", "yarn")
    w.add_uint32("gpt-oss.rope.scaling.original_context_length", 4096)
    for key, value in {"factor": 32.0, "yarn_beta_fast": 32.0, "yarn_beta_slow": 1.0}.items():
        w.add_float32(f"gpt-oss.rope.scaling.{key}", value)
    usual, better, vocabulary, vocab_size = mix
    put("token_embd", vocabulary, vocab_size, s.d_model)
    put("output", vocabulary, vocab_size, s.d_model)
    single("output_norm.weight", s.d_model)
    for i in range(s.n_layers):
        layer = f"blk.{i}."
        for norm in ("attn_norm", "post_attention_norm"):
            single(f"{layer}{norm}.weight", s.d_model)
        for name, rows, cols in (
            ("attn_q", s.n_heads * s.head_dim, s.d_model), ("attn_k", s.n_kv_heads * s.head_dim, s.d_model),
            ("attn_v", s.n_kv_heads * s.head_dim, s.d_model), ("attn_output", s.d_model, s.n_heads * s.head_dim),
        ):
            put(layer + name, better, rows, cols)
            single(f"{layer}{name}.bias", [0.0] * rows)
        single(layer + "attn_sinks.weight", s.n_heads)
        put(layer + "ffn_gate_inp", T.F32, s.n_experts, s.d_model)
        single(layer + "ffn_gate_inp.bias", [0.0] * s.n_experts)
        for name, rows, cols in (
            ("ffn_gate_exps", s.d_ff, s.d_model), ("ffn_up_exps", s.d_ff, s.d_model), ("ffn_down_exps", s.d_model, s.d_ff),
        ):
            put(layer + name, usual, s.n_experts, rows, cols)
            single(f"{layer}{name}.bias", [[0.0] * rows] * s.n_experts)


FAMILIES = {"gemma4": gemma4, "gpt-oss": gpt_oss}
