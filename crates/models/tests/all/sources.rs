//! What lies beside the weights: templates, ids, licences, tokenizers; and files embedded in the binary.

use crate::skipped;
use std::path::Path;

use crate::common::{CONFIG, Gguf, LLAMA, folder, safetensors, write};
use plimsoll_formats::{TokenizerSource, open_vocabulary};
use plimsoll_models::{Checkpoint, Format};

/// A small whole model with other files beside it.
fn model(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Checkpoint) {
    let folder = folder(&[("config.json", CONFIG.as_bytes()), ("model.safetensors", &safetensors(&LLAMA))]);
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    (folder, checkpoint)
}

#[test]
fn embedded_files_open_as_a_folder_does() {
    let weights: &'static [u8] = safetensors(&LLAMA).leak();
    let files: &'static [(&str, &[u8])] = Vec::leak(vec![
        ("config.json", CONFIG.as_bytes()),
        ("model.safetensors", weights),
        ("tokenizer.json", b"{}"),
        ("chat_template.jinja", b"hello"),
        ("LICENSE", b"text"),
    ]);
    let embedded = Checkpoint::from_embedded("demo", files).unwrap();
    let (_folder, on_disk) = model(&files[2..4]);
    assert_eq!(
        (embedded.name.as_str(), embedded.path.as_deref(), embedded.format),
        ("demo", None, Format::Safetensors)
    );
    let config = |c: &Checkpoint| format!("{:?} {:?}", c.hyperparams.rope, c.hyperparams.layer_kinds);
    assert_eq!(config(&embedded), config(&on_disk));
    for tensor in on_disk.tensors() {
        assert_eq!(embedded.require(tensor.name()).unwrap().bytes(), tensor.bytes());
    }
    let template = embedded.chat_template.unwrap();
    assert_eq!(template.default.as_deref(), Some("hello"));
    assert_eq!(embedded.licence.texts[0].file, "LICENSE");
    let lost = Checkpoint::from_embedded("demo", &files[..1]).unwrap_err().to_string();
    assert_eq!(lost, "`demo` holds no model: config.json, but no *.safetensors, no onnx/ and no .gguf");
}

#[test]
fn a_template_file_goes_before_the_tokenizer_config() {
    let in_config = br#"{ "chat_template": "from the config" }"#;
    let (_folder, checkpoint) =
        model(&[("tokenizer_config.json", in_config), ("chat_template.jinja", b"from the file")]);
    let template = checkpoint.chat_template.unwrap();
    assert_eq!(template.default.as_deref(), Some("from the file"));
    assert!(template.source.ends_with("chat_template.jinja"));
    let (_folder, checkpoint) = model(&[("tokenizer_config.json", in_config)]);
    let template = checkpoint.chat_template.unwrap();
    assert_eq!(template.default.as_deref(), Some("from the config"));
    assert!(template.source.ends_with("tokenizer_config.json, key `chat_template`"));
}

#[test]
fn of_named_templates_the_default_counts() {
    let list =
        br#"{ "chat_template": [{ "name": "default", "template": "a" }, { "name": "tool_use", "template": "b" }] }"#;
    let (_folder, checkpoint) = model(&[("tokenizer_config.json", list)]);
    let template = checkpoint.chat_template.unwrap();
    assert_eq!(template.default.as_deref(), Some("a"));

    let gguf = Gguf::llama().text("tokenizer.chat_template", "a").text("tokenizer.chat_template.tool_use", "b");
    let file = folder(&[("model.gguf", &gguf.bytes())]);
    let template = Checkpoint::open(&file.path().join("model.gguf")).unwrap().chat_template.unwrap();
    assert_eq!(template.default.as_deref(), Some("a"));
}

#[test]
fn without_a_template_there_is_none() {
    let (_folder, checkpoint) = model(&[("tokenizer_config.json", br#"{ "chat_template": null }"#)]);
    assert_eq!(checkpoint.chat_template, None);
}

#[test]
fn a_template_or_a_tokenizer_that_cannot_be_read_keeps_nobody_from_looking() {
    for (file, bytes, what) in [
        ("chat_template.jinja", &b"\xff"[..], "byte 0 is not UTF-8"),
        ("chat_template.json", b"{", "not the JSON object"),
        ("tokenizer_config.json", br#"{ "chat_template": 7 }"#, "neither a string nor a list"),
        ("tokenizer_config.json", br#"{ "chat_template": [{ "name": "default" }] }"#, "neither a string nor a list"),
    ] {
        let (_folder, checkpoint) = model(&[(file, bytes)]);
        let template = checkpoint.chat_template.unwrap();
        assert!(
            template.unusable.as_ref().is_some_and(|found| found.contains(what) && found.contains(file)),
            "{template:?}"
        );
    }
    let (_folder, checkpoint) = model(&[("tokenizer_config.json", b"[]"), ("tokenizer.json", b"{}")]);
    let TokenizerSource::Unusable { what } = &*checkpoint.tokenizer else { panic!("{:?}", checkpoint.tokenizer) };
    assert!(what.contains("tokenizer_config.json"), "{what}");
}

#[cfg(unix)]
#[test]
fn a_template_and_a_licence_are_read_from_the_model_only() {
    use std::os::unix::fs::symlink;
    let elsewhere = folder(&[("secret", b"hunter2"), ("chat_template.jinja", b"a copy"), ("LICENSE", b"MIT")]);
    let (folder, _) = model(&[("inner.txt", b"inside")]);
    let link = |to: &Path, file: &str| {
        let _ = std::fs::remove_file(folder.path().join(file));
        symlink(to, folder.path().join(file)).unwrap();
        Checkpoint::open(folder.path()).unwrap()
    };
    let template = link(&elsewhere.path().join("secret"), "chat_template.jinja").chat_template.unwrap();
    assert_eq!(template.default, None);
    assert!(template.unusable.unwrap().contains("no file of this model"));
    for (to, text) in [(elsewhere.path().join("chat_template.jinja"), "a copy"), ("inner.txt".into(), "inside")] {
        assert_eq!(link(&to, "chat_template.jinja").chat_template.unwrap().default.as_deref(), Some(text));
    }
    let licence = link(&elsewhere.path().join("secret"), "LICENSE").licence;
    assert!(licence.texts.is_empty() && licence.conflicts[0].contains("no file of this model"), "{licence:?}");
    assert_eq!(link(&elsewhere.path().join("LICENSE"), "LICENSE").licence.texts[0].head, "mit");
}

#[cfg(unix)]
#[test]
fn links_into_the_blobs_of_the_hubs_cache_are_followed() {
    use std::os::unix::fs::symlink;
    let cache = folder(&[]);
    let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshots/0a1b"));
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::create_dir_all(&snapshot).unwrap();
    let files = [
        ("config.json", CONFIG.as_bytes()),
        ("model.safetensors", &safetensors(&LLAMA)),
        ("chat_template.jinja", b"hub"),
    ];
    for (at, (name, bytes)) in files.iter().enumerate() {
        std::fs::write(blobs.join(at.to_string()), bytes).unwrap();
        symlink(format!("../../blobs/{at}"), snapshot.join(name)).unwrap();
    }
    assert_eq!(Checkpoint::open(&snapshot).unwrap().chat_template.unwrap().default.as_deref(), Some("hub"));
    // Blobs beside another folder are nobody's.
    let copy = cache.path().join("models/0a1b");
    std::fs::create_dir_all(&copy).unwrap();
    for (at, (name, _)) in files.iter().enumerate() {
        symlink(format!("../../blobs/{at}"), copy.join(name)).unwrap();
    }
    assert!(Checkpoint::open(&copy).unwrap().chat_template.unwrap().unusable.is_some());
}

#[test]
fn ids_come_from_the_generation_config_first() {
    let generation = br#"{ "eos_token_id": [7, 8, 7], "temperature": 0.6, "top_p": 0.95, "do_sample": true }"#;
    let (_folder, checkpoint) = model(&[("generation_config.json", generation)]);
    let defaults = &checkpoint.generation;
    assert_eq!((&defaults.eos_ids[..], defaults.temperature, defaults.do_sample), (&[7, 8][..], Some(0.6), Some(true)));
    // Llama files of 2023 pad with -1, which is no id; nothing here pads.
    let config = CONFIG.replacen('{', r#"{ "eos_token_id": 5, "pad_token_id": -1, "#, 1);
    let folder = folder(&[("config.json", config.as_bytes()), ("model.safetensors", &safetensors(&LLAMA))]);
    let defaults = Checkpoint::open(folder.path()).unwrap().generation;
    assert_eq!(defaults.eos_ids, [5]);
    write(folder.path(), "generation_config.json", br#"{ "eos_token_id": "</s>" }"#);
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("key `eos_token_id`: found \"</s>\", expected a token id or a list of token ids"),
        "{error}"
    );
}

#[test]
fn what_may_come_is_read_as_generate_reads_it() {
    let generation =
        br#"{ "eos_token_id": [7, null], "bad_words_ids": [[5], [7], [1, 2]], "sequence_bias": [[[3], -1.5]],
        "suppress_tokens": [4], "begin_suppress_tokens": [6], "min_new_tokens": 2, "stop_strings": "END" }"#;
    let (_folder, checkpoint) = model(&[("generation_config.json", generation)]);
    let defaults = &checkpoint.generation;
    assert_eq!((&defaults.eos_ids[..], &defaults.stop_strings[..]), (&[7][..], &["END".to_owned()][..]));
    let rules = &defaults.rules;
    // An answer may end whatever is forbidden.
    let forbidden = f32::NEG_INFINITY;
    assert_eq!(rules.sequence_bias, [(vec![3], -1.5), (vec![5], forbidden), (vec![1, 2], forbidden)]);
    assert_eq!((&rules.suppressed[..], &rules.suppressed_first[..], rules.min_new_tokens), (&[4][..], &[6][..], 2));
    assert_eq!(defaults.unusable, []);
}

#[test]
fn a_setting_that_cannot_be_used_keeps_nobody_from_the_model() {
    let generation =
        br#"{ "top_k": -1, "temperature": "warm", "num_beams": 4, "typical_p": 1.0, "bad_words_ids": [[]] }"#;
    let (_folder, checkpoint) = model(&[("generation_config.json", generation)]);
    let unusable = &checkpoint.generation.unusable;
    let found: Vec<_> = unusable.iter().map(|setting| (setting.key.as_str(), setting.of_sampling)).collect();
    assert_eq!(found, [("temperature", true), ("top_k", true), ("bad_words_ids", false), ("num_beams", false)]);
    assert!(unusable[1].what.ends_with("key `top_k`: found -1, expected a whole number"), "{}", unusable[1].what);
    let (_folder, checkpoint) = model(&[("generation_config.json", br#"{ "temperature": 1e39 }"#)]);
    let [hot] = &checkpoint.generation.unusable[..] else { panic!("{:?}", checkpoint.generation.unusable) };
    assert!(hot.what.ends_with("key `temperature`: found 1e+39, expected a number below 3.4e38"), "{}", hot.what);
    let (_folder, checkpoint) = model(&[("generation_config.json", b"")]);
    let [file] = &checkpoint.generation.unusable[..] else { panic!("{:?}", checkpoint.generation.unusable) };
    assert!(file.key.is_empty() && file.what.contains("generation_config.json"), "{file:?}");
}

#[test]
fn a_gguf_gives_ids_and_sampling_of_its_own() {
    let none = u32::MAX;
    let gguf = Gguf::llama()
        .u32("tokenizer.ggml.eos_token_id", 2)
        .u32("tokenizer.ggml.eot_token_id", 4)
        .u32("tokenizer.ggml.eom_token_id", none)
        .f32("general.sampling.temp", 0.5);
    let file = folder(&[("model.gguf", &gguf.bytes())]);
    let defaults = Checkpoint::open(&file.path().join("model.gguf")).unwrap().generation;
    assert_eq!((&defaults.eos_ids[..], defaults.temperature), (&[2, 4][..], Some(0.5)));
}

#[test]
fn licence_facts_come_from_card_texts_and_metadata_and_contradictions_show() {
    let card = b"---\nlicense: apache-2.0\n---\n# Model";
    let (folder, checkpoint) = model(&[("README.md", card), ("LICENSE", b"abc"), ("USE_POLICY.md", b"be kind")]);
    let facts = &checkpoint.licence;
    assert_eq!((facts.spdx.as_deref(), facts.declared[0].value.as_str()), (Some("Apache-2.0"), "apache-2.0"));
    assert!(facts.declared[0].source.ends_with("README.md, key `license`"));
    assert_eq!(facts.texts.iter().map(|t| t.file.as_str()).collect::<Vec<_>>(), ["LICENSE", "USE_POLICY.md"]);
    assert_eq!(facts.texts[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    let gguf = Gguf::llama().text("general.license", "mit");
    let path = write(folder.path(), "model.gguf", &gguf.bytes());
    let facts = Checkpoint::open(&path).unwrap().licence;
    assert_eq!((facts.spdx, facts.conflicts.len()), (None, 1));
    // Beside another model the card may be that one's.
    write(folder.path(), "other.gguf", &gguf.bytes());
    let facts = Checkpoint::open(&path).unwrap().licence;
    assert_eq!((facts.spdx.as_deref(), facts.texts.len()), (Some("MIT"), 0));
}

#[test]
fn a_folder_of_one_gguf_beside_a_config_is_that_gguf() {
    let gguf = Gguf::llama().bytes();
    for name in ["model.gguf", "best-of-both.gguf"] {
        let folder = folder(&[("config.json", br#"{ "model_type": "llama" }"#), (name, &gguf)]);
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        assert_eq!((checkpoint.format, checkpoint.hyperparams.d_model), (Format::Gguf { version: 3 }, 8));
    }
}

#[test]
fn the_type_that_takes_most_bytes_comes_first() {
    let mut tensors = LLAMA;
    tensors[0] = ("model.embed_tokens.weight", "BF16", &[6, 8], 96);
    let folder = folder(&[("config.json", CONFIG.as_bytes()), ("model.safetensors", &safetensors(&tensors))]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let types: Vec<&str> = checkpoint.bytes_by_type().iter().map(|(dtype, _)| dtype.name()).collect();
    assert_eq!(types, ["F32", "BF16"]);
}

#[test]
fn a_tokenizer_that_cannot_be_read_is_absent_and_says_what_is_there() {
    let (_folder, checkpoint) = model(&[("tokenizer.model", b"\x0a")]);
    let TokenizerSource::Absent { found } = &*checkpoint.tokenizer else { panic!("{:?}", checkpoint.tokenizer) };
    assert!(found.ends_with("has no tokenizer.json, only tokenizer.model"), "{found}");
}

#[test]
fn a_folder_of_a_tokenizer_alone_is_a_vocabulary() {
    let folder = folder(&[("tokenizer.json", b"{}"), ("tokenizer_config.json", br#"{ "bos_token": "<s>" }"#)]);
    let TokenizerSource::Json(json) = open_vocabulary(folder.path()).unwrap().tokenizer else { panic!() };
    assert_eq!((&json.tokenizer_json[..], json.config["bos_token"].as_str()), (&b"{}"[..], Some("<s>")));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = folder(&[]);
    let pipe = folder.path().join("model.gguf");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        skipped::skipped("no mkfifo here");
        return;
    }
    let error = Checkpoint::open(&pipe).unwrap_err().to_string();
    assert!(error.ends_with("model.gguf`: not a regular file"), "{error}");
}

/// As transformers' `generate`: "`min_new_tokens` will take precedence".
#[test]
fn of_two_minimums_that_of_new_tokens_counts() {
    let rules = |keys: &[u8]| model(&[("generation_config.json", keys)]).1.generation.rules;
    let both = rules(br#"{ "min_new_tokens": 0, "min_length": 9 }"#);
    assert_eq!((both.min_new_tokens, both.min_length), (0, 0));
    assert_eq!(rules(br#"{ "min_length": 9 }"#).min_length, 9);
}
