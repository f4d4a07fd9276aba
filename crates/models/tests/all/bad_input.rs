//! Files that are wrong in every way that files are wrong: one clear message, never a panic.

use std::path::Path;

use crate::common::{CONFIG, Gguf, LLAMA, folder, raw_safetensors, safetensors, write};
use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{FileBytes, FormatError, TokenizerSource, open_vocabulary};
use plimsoll_models::{Checkpoint, LayerKind, RopeScaling};

/// Opens `bytes` as the file `model.gguf`; the message without the folder's name.
fn gguf_error(bytes: &[u8]) -> String {
    let folder = folder(&[("model.gguf", bytes)]);
    error_in(folder.path(), "model.gguf")
}

fn error_in(folder: &std::path::Path, name: &str) -> String {
    let path = if name.is_empty() { folder.to_owned() } else { folder.join(name) };
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(!error.to_string().contains('\n'), "more than one line: {error}");
    let inside = format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR);
    error.to_string().replace(&inside, "").replace(&folder.display().to_string(), "FOLDER")
}

/// Opens a folder of a configuration and one weight file.
fn folder_error(config: &str, weights: &[u8]) -> String {
    let folder = folder(&[("config.json", config.as_bytes()), ("model.safetensors", weights)]);
    error_in(folder.path(), "")
}

#[test]
fn the_whole_files_that_the_broken_ones_are_made_from_do_open() {
    let folder = folder(&[
        ("model.gguf", &Gguf::llama().bytes()),
        ("config.json", CONFIG.as_bytes()),
        ("model.safetensors", &safetensors(&LLAMA)),
    ]);
    let gguf = Checkpoint::open(&folder.path().join("model.gguf")).unwrap();
    let original = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(gguf.hyperparams.layer_kinds, original.hyperparams.layer_kinds);
    assert!(gguf.hyperparams.tied_embeddings && !original.hyperparams.tied_embeddings);
    assert_eq!(original.tensors().count(), LLAMA.len());
}

#[test]
fn a_truncated_gguf_names_what_it_lost() {
    let whole = Gguf::llama().bytes();
    let cut = &whole[..whole.len() - 1];
    let (needs, has) = (whole.len(), cut.len());
    assert_eq!(
        gguf_error(cut),
        format!(
            "`model.gguf` ends too early: tensor `blk.0.ffn_down.weight` needs bytes up to {needs}, the file has {has}"
        )
    );
    assert!(gguf_error(&whole[..2]).contains("the magic number"));
    for len in 0..whole.len() {
        assert!(GgufFile::parse(FileBytes::owned("cut", whole[..len].to_vec())).is_err(), "cut at {len}");
    }
}

#[test]
fn an_empty_file_and_a_text_file_are_no_gguf() {
    assert_eq!(gguf_error(b""), "`model.gguf` ends too early: the magic number needs bytes up to 4, the file has 0");
    assert_eq!(
        gguf_error(b"Once upon a time"),
        "`model.gguf`: starts with \"Once\", expected \"GGUF\"; not a GGUF file"
    );
    let html = folder(&[("model.gguf", b"<!DOCTYPE html>")]);
    assert!(open_vocabulary(&html.path().join("model.gguf")).unwrap_err().to_string().contains("\"<!DO\""));
}

#[test]
fn unknown_versions_and_byte_orders_are_refused() {
    assert!(gguf_error(&Gguf { version: 1, ..Gguf::llama() }.bytes()).ends_with("is GGUF version 1, expected 2 or 3"));
    let big = Gguf { version: 3u32.swap_bytes(), ..Gguf::llama() };
    assert!(gguf_error(&big.bytes()).contains("big-endian"));
    let folder = folder(&[("model.gguf", &Gguf { version: 2, ..Gguf::llama() }.bytes())]);
    Checkpoint::open(&folder.path().join("model.gguf")).unwrap();
}

#[test]
fn oversized_counts_are_refused_before_anything_is_allocated_for_them() {
    let mut tensors = Gguf::llama().bytes();
    tensors[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(gguf_error(&tensors).starts_with("`model.gguf`: promises 18446744073709551615 tensors, but"));
    let mut keys = Gguf::llama().bytes();
    keys[16..24].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert!(gguf_error(&keys).contains("promises 1099511627776 metadata keys, but"));
    let array = [&4u32.to_le_bytes()[..], &(1u64 << 61).to_le_bytes()].concat();
    let message = gguf_error(&Gguf::llama().key("tokenizer.ggml.scores", 9, &array).bytes());
    assert!(message.contains("key `tokenizer.ggml.scores` (an array of 2305843009213693952 u32)"), "{message}");
    let text = u64::MAX.to_le_bytes();
    assert!(gguf_error(&Gguf::llama().key("general.name", 8, &text).bytes()).contains("key `general.name` needs"));
    let nested = [9u32.to_le_bytes().as_slice(), &1u64.to_le_bytes()].concat().repeat(10);
    assert!(gguf_error(&Gguf::llama().key("x", 9, &nested).bytes()).contains("nests arrays"));
}

#[test]
fn offsets_that_overlap_or_lead_astray_are_refused() {
    let overlapping = Gguf::llama().f32_tensor("output.weight", &[8, 6]).at(0);
    assert_eq!(
        gguf_error(&overlapping.bytes()),
        "`model.gguf`: tensors `token_embd.weight` and `output.weight` overlap"
    );
    let outside = Gguf::llama().f32_tensor("output.weight", &[8, 6]).at(1 << 40);
    assert!(gguf_error(&outside.bytes()).contains("ends too early: tensor `output.weight` needs"));
    let wrapping = Gguf::llama().f32_tensor("output.weight", &[8, 6]).at(u64::MAX - 31);
    assert!(gguf_error(&wrapping.bytes()).contains("needs bytes up to 18446744073709551615"));
    let crooked = Gguf::llama().f32_tensor("output.weight", &[8, 6]).at(3);
    assert!(gguf_error(&crooked.bytes()).contains("starts at offset 3, expected a multiple of 32"));
}

#[test]
fn impossible_shapes_and_types_are_refused_by_tensor() {
    let error = |dims: &[u64], tag: u32| {
        gguf_error(&Gguf::llama().tensor("output.weight", dims, tag, vec![0; 64]).bytes())
            .replace("`model.gguf`, tensor `output.weight`: ", "")
    };
    assert_eq!(error(&[1 << 40, 1 << 40], 0), "has the impossible shape [1099511627776, 1099511627776]");
    assert_eq!(error(&[2, 1, 1, 1, 1], 0), "has 5 dimensions, expected 1 to 4");
    assert_eq!(error(&[], 0), "has 0 dimensions, expected 1 to 4");
    assert_eq!(error(&[100], 12), "has rows of 100 in Q4_K, expected a multiple of 256");
    assert_eq!(error(&[8], 4), "has the block type 4, which is not known");
}

#[test]
fn keys_and_tensors_that_appear_twice_are_refused() {
    assert!(
        gguf_error(&Gguf::llama().u32("llama.block_count", 1).bytes())
            .contains("key `llama.block_count` appears twice")
    );
    let twice = Gguf::llama().f32_tensor("output_norm.weight", &[8]);
    assert!(gguf_error(&twice.bytes()).contains("tensor `output_norm.weight`: appears twice"));
}

#[test]
fn missing_and_mistyped_keys_are_named_as_the_file_spells_them() {
    assert_eq!(
        gguf_error(&Gguf::llama().without_key("llama.block_count").bytes()),
        "`model.gguf`, key `llama.block_count`: found nothing, expected a whole number from 1 to 10000"
    );
    let text = Gguf::llama().without_key("llama.embedding_length").text("llama.embedding_length", "8");
    assert_eq!(
        gguf_error(&text.bytes()),
        "`model.gguf`, key `llama.embedding_length`: found the string \"8\", expected a number"
    );
    let experts = Gguf::llama().u32("llama.expert_count", 8);
    assert!(gguf_error(&experts.bytes()).contains("key `llama.expert_count`: found 8, expected none"));
    let clamp = Gguf::llama().f32("llama.attention.clamp_kqv", 8.0);
    assert!(gguf_error(&clamp.bytes()).contains("key `llama.attention.clamp_kqv`: found 8, expected 0"));
    let part = Gguf::llama().u32("llama.rope.dimension_count", 2);
    assert!(gguf_error(&part.bytes()).contains("key `llama.rope.dimension_count`: found 2, expected 4, the width"));
    let window = Gguf::llama().u32("llama.attention.sliding_window", 4);
    assert!(gguf_error(&window.bytes()).contains("key `llama.attention.sliding_window`: found 4"));
}

#[test]
fn per_layer_numbers_are_fine_while_they_are_equal() {
    let heads = |a: i32, b: i32| {
        let value = [&5u32.to_le_bytes()[..], &2u64.to_le_bytes(), &a.to_le_bytes(), &b.to_le_bytes()].concat();
        let key = "llama.attention.head_count_kv";
        Gguf::llama().without_key(key).key(key, 9, &value).bytes()
    };
    let folder = folder(&[("model.gguf", &heads(1, 1))]);
    assert_eq!(Checkpoint::open(&folder.path().join("model.gguf")).unwrap().hyperparams.n_kv_heads, 1);
    assert!(gguf_error(&heads(1, 2)).contains(
        "key `llama.attention.head_count_kv`: found an array of 2 i32, expected the same number for every layer"
    ));
}

#[test]
fn unknown_architectures_are_named_with_those_that_are_known() {
    let gguf = Gguf::llama().without_key("general.architecture").text("general.architecture", "mamba2");
    let message = gguf_error(&gguf.bytes());
    assert!(
        message.starts_with(
            "`model.gguf` declares the architecture `mamba2`; known are `deepseek2`, `gemma`, `gemma2`, `gemma3`, "
        ),
        "{message}"
    );
    let message = folder_error(r#"{ "model_type": "mamba2" }"#, &safetensors(&LLAMA));
    assert!(message.starts_with("`config.json` declares the architecture `mamba2`; known are"), "{message}");
}

#[test]
fn a_tensor_that_the_architecture_does_not_have_is_refused() {
    let message = gguf_error(&Gguf::llama().f32_tensor("blk.0.attn_sinks.weight", &[2]).bytes());
    assert!(message.contains("tensor `blk.0.attn_sinks.weight`: is not part of the architecture `llama`"), "{message}");
}

#[test]
fn a_missing_tensor_and_a_wrong_shape_are_named() {
    let file = folder(&[("model.gguf", &Gguf::llama().without_tensor("blk.0.attn_q.weight").bytes())]);
    let checkpoint = Checkpoint::open(&file.path().join("model.gguf")).unwrap();
    let error = checkpoint.require("model.layers.0.self_attn.q_proj.weight").unwrap_err();
    assert!(error.to_string().ends_with("model.gguf` has no tensor `model.layers.0.self_attn.q_proj.weight`"));
    let error = checkpoint.require_shape("model.norm.weight", &[9]).unwrap_err();
    assert!(error.to_string().ends_with("tensor `model.norm.weight`: has the shape [8], expected [9]"));
    let rows = Gguf::llama().without_tensor("blk.0.attn_q.weight").f32_tensor("blk.0.attn_q.weight", &[8, 6]);
    assert!(gguf_error(&rows.bytes()).contains("has 6 rows, expected whole heads of an even 4"));
}

#[test]
fn rope_factors_must_fit_the_heads() {
    let with = |values: usize| Gguf::llama().f32_tensor("rope_freqs.weight", &[values as u64]).bytes();
    assert!(
        gguf_error(&with(3)).contains("key `rope_freqs.weight`: found 3 numbers, expected 2 numbers greater than 0")
    );
    assert!(gguf_error(&with(2)).contains("greater than 0"), "its first value is 0");
    let factors: Vec<u8> = [1.0f32, 8.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let good = Gguf::llama().tensor("rope_freqs.weight", &[2], 0, factors);
    let file = folder(&[("model.gguf", &good.bytes())]);
    let checkpoint = Checkpoint::open(&file.path().join("model.gguf")).unwrap();
    assert_eq!(checkpoint.hyperparams.rope.scaling, RopeScaling::Factors(vec![1.0, 8.0]));
}

#[test]
fn a_gguf_rotates_exactly_the_values_that_it_counts() {
    for (rotary, head) in [(30, 88), (58, 100), (30, 104)] {
        let mut gguf = Gguf::empty().text("general.architecture", "qwen2").f32_tensor("output_norm.weight", &[8]);
        for (key, value) in [
            ("block_count", 1),
            ("context_length", 64),
            ("embedding_length", 8),
            ("feed_forward_length", 12),
            ("attention.head_count", 2),
            ("attention.key_length", head),
            ("rope.dimension_count", rotary),
            ("vocab_size", 6),
        ] {
            gguf = gguf.u32(&format!("qwen2.{key}"), value);
        }
        let file = folder(&[("model.gguf", &gguf.f32("qwen2.attention.layer_norm_rms_epsilon", 1e-5).bytes())]);
        let hp = Checkpoint::open(&file.path().join("model.gguf")).unwrap().hyperparams;
        assert_eq!(hp.rope.rotary_dim, rotary as usize, "of {head}");
    }
}

#[test]
fn split_files_are_found_from_any_part_and_a_lost_part_is_named() {
    let part = |no: u16, gguf: Gguf| gguf.u16("split.no", no).u16("split.count", 2).bytes();
    let name = |n: u32| format!("m-{n:05}-of-00002.gguf");
    let first = part(0, Gguf::llama().without_tensor("blk.0.ffn_down.weight").u32("split.tensors.count", 11));
    let second = part(1, Gguf::empty().f32_tensor("blk.0.ffn_down.weight", &[12, 8]));
    let both = folder(&[(&name(1), &first), (&name(2), &second)]);
    for n in [1, 2] {
        let checkpoint = Checkpoint::open(&both.path().join(name(n))).unwrap();
        checkpoint.require_shape("model.layers.0.mlp.down_proj.weight", &[8, 12]).unwrap();
        assert_eq!(checkpoint.file_bytes(), (first.len() + second.len()) as u64);
    }
    assert_eq!(Checkpoint::open(both.path()).unwrap().tensors().count(), 11, "the folder of a split model is a model");

    let lost = folder(&[(&name(1), &first)]);
    let message = error_in(lost.path(), &name(1));
    assert_eq!(message, "`m-00001-of-00002.gguf` names the part `m-00002-of-00002.gguf`, which is missing");
    let same = folder(&[(&name(1), &first), (&name(2), &first)]);
    let message = error_in(same.path(), &name(1));
    assert!(message.ends_with("whose split.no is 0 and split.count 2, expected 1 and 2"), "{message}");
    let renamed = folder(&[("m.gguf", &first)]);
    let message = error_in(renamed.path(), "m.gguf");
    assert!(message.ends_with("expected a name that ends in -00001-of-00002.gguf"), "{message}");
    let twice = part(1, Gguf::empty().f32_tensor("output_norm.weight", &[8]));
    let message = error_in(folder(&[(&name(1), &first), (&name(2), &twice)]).path(), &name(1));
    assert!(message.contains("`model.norm.weight`: appears twice"), "{message}");
}

#[test]
fn odd_alignments_and_odd_strings_are_normal() {
    let wide = Gguf { alignment: 128, ..Gguf::llama().u32("general.alignment", 128) };
    let file = folder(&[("model.gguf", &wide.strings("tokenizer.ggml.tokens", &[&b"\xff\xfe"[..]; 6]).bytes())]);
    let message = unusable_tokenizer(&file.path().join("model.gguf"));
    assert!(message.contains("key `tokenizer.ggml.model`: found nothing"), "{message}");
    let bad = Gguf::llama().u32("general.alignment", 33);
    assert!(gguf_error(&bad.bytes()).contains("key `general.alignment`: found 33, expected a power of two"));
}

/// Why the tokenizer of a model, which opens without one, cannot be used.
fn unusable_tokenizer(path: &Path) -> String {
    match &*Checkpoint::open(path).unwrap().tokenizer {
        TokenizerSource::Unusable { what } => what.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_vocabulary_whose_lists_differ_in_length_cannot_be_used() {
    let why = |gguf: &Gguf| unusable_tokenizer(&folder(&[("model.gguf", &gguf.bytes())]).path().join("model.gguf"));
    let gguf = Gguf::llama().text("tokenizer.ggml.model", "llama").strings("tokenizer.ggml.tokens", &[b"a", b"b"]);
    let scores = gguf.clone().f32s("tokenizer.ggml.scores", &[0.0]);
    let message = why(&scores);
    assert!(message.contains("key `tokenizer.ggml.scores`: found 1 entries, expected one for each of 2 tokens"));
    let empty = gguf.clone().f32s("tokenizer.ggml.scores", &[]);
    assert!(why(&empty).contains("key `tokenizer.ggml.scores`: found 0 entries, expected one for each"));
    let eos = gguf
        .f32s("tokenizer.ggml.scores", &[0.0; 2])
        .i32s("tokenizer.ggml.token_type", &[1; 2])
        .u32("tokenizer.ggml.eos_token_id", 2);
    assert!(why(&eos).contains("key `tokenizer.ggml.eos_token_id`: found 2, expected the id of one of 2"));
}

// GGUF's specification: "if not present", scores are equal, tokens are atomic.
#[test]
fn lists_that_the_specification_calls_optional_may_be_absent() {
    let whole = |model: &str| {
        Gguf::llama()
            .text("tokenizer.ggml.model", model)
            .strings("tokenizer.ggml.tokens", &[b"a", b"b"])
            .f32s("tokenizer.ggml.scores", &[0.0; 2])
            .i32s("tokenizer.ggml.token_type", &[1; 2])
            .strings("tokenizer.ggml.merges", &[b"a b"])
    };
    for (model, list) in
        ["gpt2", "llama"].iter().flat_map(|model| ["merges", "token_type", "scores"].map(|l| (*model, l)))
    {
        let bytes = whole(model).without_key(&format!("tokenizer.ggml.{list}")).bytes();
        let file = folder(&[("model.gguf", &bytes)]);
        let vocabulary = open_vocabulary(&file.path().join("model.gguf"));
        assert!(vocabulary.is_ok(), "{model} without {list}: {vocabulary:?}");
    }
}

#[test]
fn ids_of_tokens_that_never_come_may_lie_beyond_the_vocabulary() {
    let gguf = Gguf::llama()
        .text("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", &[b"a", b"b"])
        .u32("tokenizer.ggml.padding_token_id", 2)
        .u32("tokenizer.ggml.unknown_token_id", 100_000)
        .u32("tokenizer.ggml.eot_token_id", 7);
    let file = folder(&[("model.gguf", &gguf.bytes())]);
    let TokenizerSource::Gguf(vocab) = open_vocabulary(&file.path().join("model.gguf")).unwrap().tokenizer else {
        panic!("a GGUF's vocabulary")
    };
    assert_eq!((vocab.pad_id, vocab.unk_id, vocab.eot_id), (None, None, None));
}

#[test]
fn a_tensor_without_elements_is_as_if_it_were_not_there() {
    let placeholder = Gguf::llama().tensor("rope_dummy.weight", &[0], 0, Vec::new());
    let file = folder(&[("model.gguf", &placeholder.bytes())]);
    let checkpoint = Checkpoint::open(&file.path().join("model.gguf")).unwrap();
    assert!(checkpoint.tensor("rope_dummy.weight").is_none());
}

#[test]
fn a_missing_architecture_is_told_as_missing() {
    let message = gguf_error(&Gguf::llama().without_key("general.architecture").bytes());
    assert_eq!(
        message,
        "`model.gguf`, key `general.architecture`: found nothing, expected the name of an architecture"
    );
}

#[test]
fn a_truncated_safetensors_names_what_it_lost() {
    let whole = safetensors(&LLAMA);
    let message = folder_error(CONFIG, &whole[..whole.len() - 1]);
    assert!(
        message.starts_with("`model.safetensors` ends too early: tensor `model.layers.0.mlp.down_proj.weight` needs")
    );
    assert!(folder_error(CONFIG, b"").contains("the header's length needs bytes up to 8, the file has 0"));
    assert!(folder_error(CONFIG, &whole[..100]).contains("ends too early: the header needs"));
    for len in 0..whole.len() {
        assert!(plimsoll_formats::safetensors::parse_header("cut", &whole[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn safetensors_headers_that_lie_are_refused() {
    let error = |header: &str, data: usize| folder_error(CONFIG, &raw_safetensors(header, data));
    let one = |rest: &str| format!(r#"{{ "a": {{ {rest} }} }}"#);
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert!(folder_error(CONFIG, &huge).contains("claims a header of 18446744073709551615 bytes"));
    assert!(error("[]", 0).contains("the header is not what was expected"));
    let wrong_size = one(r#""dtype": "F32", "shape": [2], "data_offsets": [0, 4]"#);
    assert!(error(&wrong_size, 4).contains("tensor `a`: takes 4 bytes, expected 8 for [2] of F32"));
    let backwards = one(r#""dtype": "F32", "shape": [1], "data_offsets": [4, 0]"#);
    assert!(error(&backwards, 4).contains("offsets [4, 0] in the wrong order"));
    let huge_shape = one(r#""dtype": "F32", "shape": [4294967296, 4294967296, 2], "data_offsets": [0, 4]"#);
    assert!(error(&huge_shape, 4).contains("the impossible shape"));
    let huge_size = one(r#""dtype": "F32", "shape": [4611686018427387904], "data_offsets": [0, 0]"#);
    assert!(error(&huge_size, 0).contains("tensor `a`: has the impossible shape [4611686018427387904]"));
    let twice = r#"{ "a": { "dtype": "U8", "shape": [1], "data_offsets": [0, 1] },
                     "a": { "dtype": "U8", "shape": [1], "data_offsets": [1, 2] } }"#;
    assert!(error(twice, 2).contains("tensor `a` appears twice"));
    let overlap = r#"{ "a": { "dtype": "U8", "shape": [2], "data_offsets": [0, 2] },
                       "b": { "dtype": "U8", "shape": [2], "data_offsets": [1, 3] } }"#;
    assert!(error(overlap, 3).ends_with("tensors `a` and `b` overlap"));
    let gap = one(r#""dtype": "U8", "shape": [1], "data_offsets": [1, 2]"#);
    assert!(error(&gap, 2).contains("starts 1 bytes after the tensor before it ends"));
    let tail = one(r#""dtype": "U8", "shape": [1], "data_offsets": [0, 1]"#);
    assert!(error(&tail, 9).contains("has 8 bytes behind its last tensor"));
}

#[test]
fn a_type_that_weights_cannot_have_is_an_error_where_it_is_used() {
    let mut tensors = LLAMA.to_vec();
    tensors[1] = ("model.norm.weight", "I64", &[8], 64);
    let folder = folder(&[("config.json", CONFIG.as_bytes()), ("model.safetensors", &safetensors(&tensors))]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let message = checkpoint.require("model.norm.weight").unwrap_err().to_string();
    assert!(message.ends_with("tensor `model.norm.weight`: is stored as I64, expected F32, F16, BF16 or a block type"));
}

#[test]
fn an_index_that_leads_astray_is_refused() {
    let error = |map: &str, files: &[(&str, &[u8])]| {
        let index = format!(r#"{{ "weight_map": {{ {map} }} }}"#);
        let folder = folder(&[("config.json", CONFIG.as_bytes()), ("model.safetensors.index.json", index.as_bytes())]);
        for (name, bytes) in files {
            write(folder.path(), name, bytes);
        }
        error_in(folder.path(), "").replace("`model.safetensors.index.json` names the part ", "")
    };
    let outside = error(r#""a": "../x.safetensors""#, &[]);
    assert_eq!(outside, "`../x.safetensors`, which leads out of the folder; expected a file beside the index");
    assert!(error(r#""a": "/etc/x.safetensors""#, &[]).contains("leads out of the folder"));
    let cyclic = error(r#""a": "model.safetensors.index.json""#, &[]);
    assert!(cyclic.ends_with("which is no .safetensors file; an index cannot name itself or others"), "{cyclic}");
    assert_eq!(error(r#""a": "s-1.safetensors""#, &[]), "`s-1.safetensors`, which is missing");
    let shard = safetensors(&LLAMA);
    let lost = error(r#""other": "s-1.safetensors""#, &[("s-1.safetensors", &shard)]);
    assert_eq!(lost, "`s-1.safetensors`, which should hold the tensor `other` and does not");
    let both = r#""model.norm.weight": "s-1.safetensors", "lm_head.weight": "s-2.safetensors""#;
    let twice = error(both, &[("s-1.safetensors", &shard), ("s-2.safetensors", &shard)]);
    assert!(twice.contains("appears twice, in this or another file"), "{twice}");
    assert!(error(r#""a": "s", "a": "t""#, &[]).contains("`a` appears twice"));
}

#[test]
fn shards_are_one_model() {
    let index = r#"{ "metadata": {}, "weight_map": { "model.norm.weight": "s-1.safetensors",
        "lm_head.weight": "s-2.safetensors" } }"#;
    let folder = folder(&[
        ("config.json", CONFIG.as_bytes()),
        ("model.safetensors.index.json", index.as_bytes()),
        ("s-1.safetensors", &safetensors(&LLAMA[..2])),
        ("s-2.safetensors", &safetensors(&LLAMA[2..])),
    ]);
    assert_eq!(Checkpoint::open(folder.path()).unwrap().tensors().count(), LLAMA.len());
}

#[test]
fn folders_without_a_model_say_what_lies_there() {
    let error = |files: &[(&str, &[u8])]| error_in(folder(files).path(), "");
    assert_eq!(error(&[]), "`FOLDER` holds no model: the folder is empty");
    assert_eq!(error(&[("x.txt", b"")]), "`FOLDER` holds no model: no config.json and no .gguf");
    let config = ("config.json", CONFIG.as_bytes());
    assert_eq!(error(&[config]), "`FOLDER` holds no model: config.json, but no *.safetensors, no onnx/ and no .gguf");
    let pickled = error(&[config, ("pytorch_model.bin", b"")]);
    assert!(pickled.contains("but the weights are `pytorch_model.bin`, expected *.safetensors"), "{pickled}");
    let two = error(&[("a.gguf", b""), ("b.gguf", b""), ("mmproj-a.gguf", b"")]);
    assert!(two.ends_with("several GGUF models, of which one must be named: a.gguf, b.gguf"), "{two}");
    assert!(error(&[("config.json", b"{ broken")]).contains("`config.json`: not the JSON object that was expected"));
    assert!(error(&[("config.json", b"\xff")]).contains("byte 0 is not UTF-8"));
    let file = folder(&[("model.safetensors", &safetensors(&LLAMA))]);
    assert!(error_in(file.path(), "model.safetensors").contains("a single file of a model's folder"));
}

#[test]
fn a_path_that_does_not_exist_is_named() {
    let error = Checkpoint::open(std::path::Path::new("/nowhere/model")).unwrap_err();
    assert!(matches!(error, FormatError::Io { .. }));
    assert!(error.to_string().starts_with("cannot open `/nowhere/model`: "), "{error}");
}

#[test]
fn both_copies_of_a_tied_head_must_agree_or_the_file_counts() {
    let tied = CONFIG.replacen('{', r#"{ "tie_word_embeddings": true, "#, 1);
    let open = |weights: &[u8]| {
        let folder = folder(&[("config.json", tied.as_bytes()), ("model.safetensors", weights)]);
        Checkpoint::open(folder.path()).unwrap()
    };
    let different = open(&safetensors(&LLAMA));
    assert!(!different.hyperparams.tied_embeddings && different.tensor("lm_head.weight").is_some());
    let mut same = safetensors(&LLAMA);
    let data = same.len() - LLAMA.iter().map(|t| t.3).sum::<usize>();
    same.copy_within(data..data + 192, data + 224);
    let same = open(&same);
    assert_eq!(different.n_params() - same.n_params(), 6 * 8, "what is tied counts once");
    assert_eq!(same.bytes_by_type()[0].1, same.n_params() * 4);
    assert!(same.hyperparams.tied_embeddings && same.tensor("lm_head.weight").is_none());
    let head_only: Vec<_> = LLAMA.into_iter().filter(|t| !t.0.contains("embed")).collect();
    let head_only = open(&safetensors(&head_only));
    assert!(head_only.hyperparams.tied_embeddings);
    head_only.require_shape("model.embed_tokens.weight", &[6, 8]).unwrap();
}

/// What a Llama 4 of four layers without experts says of itself.
fn dense_llama4() -> Gguf {
    let mut gguf = Gguf::empty().text("general.architecture", "llama4");
    for (key, value) in [
        ("block_count", 4),
        ("context_length", 64),
        ("embedding_length", 8),
        ("feed_forward_length", 12),
        ("attention.head_count", 2),
        ("vocab_size", 6),
    ] {
        gguf = gguf.u32(&format!("llama4.{key}"), value);
    }
    gguf.f32("llama4.attention.layer_norm_rms_epsilon", 1e-5).f32_tensor("blk.0.ffn_up.weight", &[8, 12])
}

#[test]
fn a_llama4_gguf_with_a_window_of_0_has_no_chunks_and_rotates_everywhere() {
    let file = folder(&[("model.gguf", &dense_llama4().u32("llama4.attention.sliding_window", 0).bytes())]);
    let hp = Checkpoint::open(&file.path().join("model.gguf")).unwrap().hyperparams;
    assert_eq!((&hp.layer_kinds[..], hp.attention_chunk), (&[LayerKind::Full; 4][..], None));
    assert_eq!(hp.rotary_layers().unwrap(), [true; 4]);
}

#[test]
fn a_dense_llama4_without_experts_opens() {
    let file = folder(&[("model.gguf", &dense_llama4().bytes())]);
    let checkpoint = Checkpoint::open(&file.path().join("model.gguf")).unwrap();
    let hp = &checkpoint.hyperparams;
    assert_eq!(hp.usizes("moe_layers").unwrap(), Some(vec![]));
    assert_eq!(
        (hp.usize("num_local_experts").unwrap(), hp.usize("intermediate_size_mlp").unwrap()),
        (Some(0), Some(12))
    );
    assert_eq!(hp.layer_kinds[3], LayerKind::Full);
    checkpoint.require_shape("model.layers.0.feed_forward.up_proj.weight", &[12, 8]).unwrap();
}

#[test]
fn every_error_that_can_be_mended_says_how() {
    for message in [gguf_error(b"nope"), gguf_error(&Gguf::llama().bytes()[..900])] {
        assert!(message.starts_with("`model.gguf`"), "{message}");
    }
    let file = folder(&[("model.gguf", b"nope")]);
    let error = Checkpoint::open(&file.path().join("model.gguf")).unwrap_err();
    assert!(matches!(error, FormatError::Malformed { .. }), "{error}");
}
