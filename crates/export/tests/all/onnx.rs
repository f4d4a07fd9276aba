//! `plimsoll_export::onnx`. What the graphs compute is held to the reference by tools/onnx_check.py.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_export::onnx::{Matrices, OnnxError, OnnxExport, Precision};
use plimsoll_formats::Folder;
use plimsoll_kernels::{DType, Pool};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_quantise::Columns;
use plimsoll_testing::Case;
use tempfile::TempDir;

use crate::protobuf::Fields;

/// The checkpoint of a case, exported.
fn export(case: &str, precisions: &[Precision]) -> Result<(TempDir, PathBuf), OnnxError> {
    let root = tempfile::tempdir().unwrap();
    let folder = Case::named(case).write(root.path()).safetensors;
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let vision = Vision::of(&checkpoint, None).unwrap();
    let to = root.path().join("onnx-folder");
    std::fs::create_dir(&to).unwrap();
    write(&checkpoint, vision.as_ref(), &folder, precisions, &Matrices::default(), &to)?;
    Ok((root, to))
}

fn write(
    checkpoint: &Checkpoint,
    vision: Option<&Vision>,
    companions: &Path,
    precisions: &[Precision],
    matrices: &Matrices,
    to: &Path,
) -> Result<(), OnnxError> {
    let companions = Folder::Disk(companions.to_owned());
    let export = OnnxExport { checkpoint, vision, companions: &companions, precisions, matrices };
    let pool = Pool::new(NonZeroUsize::new(2).unwrap()).unwrap();
    export.graphs()?.write(to, &pool, &|_| true).map(drop)
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join("onnx").join(file)).unwrap()
}

fn graph(model: &[u8]) -> Fields<'_> {
    Fields::of(model).messages(7).remove(0)
}

/// `name: dim, dim` of an input or output.
fn port(port: &Fields) -> String {
    let shape = port.messages(2)[0].messages(1)[0].messages(2).remove(0);
    let dims: Vec<String> =
        shape.messages(1).iter().map(|dim| dim.ints(1).first().map_or_else(|| dim.text(2), u64::to_string)).collect();
    format!("{}: {}", port.text(1), dims.join(", "))
}

fn ports(graph: &Fields, number: u64) -> Vec<String> {
    graph.messages(number).iter().map(port).collect()
}

#[test]
fn a_decoder_has_the_inputs_and_outputs_that_consumers_look_for() {
    let (_root, folder) = export("qwen3", &[Precision::Fp32]).unwrap();
    let model = read(&folder, "model.onnx");
    let graph = graph(&model);
    let (inputs, outputs) = (ports(&graph, 11), ports(&graph, 12));
    assert_eq!(
        inputs[..4],
        [
            "input_ids: batch_size, sequence_length",
            "attention_mask: batch_size, total_sequence_length",
            "position_ids: batch_size, sequence_length",
            "past_key_values.0.key: batch_size, 2, past_sequence_length, 16",
        ]
    );
    assert_eq!(outputs[0], "logits: batch_size, sequence_length, 160");
    assert_eq!(outputs[2], "present.0.value: batch_size, 2, total_sequence_length, 16");
    assert_eq!((inputs.len(), outputs.len()), (7, 5));
}

#[test]
fn a_model_that_sees_is_three_graphs() {
    let (_root, folder) = export("tower-smolvlm", &[Precision::Fp32]).unwrap();
    let encoder = read(&folder, "vision_encoder.onnx");
    assert_eq!(
        ports(&graph(&encoder), 11),
        [
            "pixel_values: batch_size, num_images, 3, height, width",
            "pixel_attention_mask: batch_size, num_images, height, width",
        ]
    );
    assert_eq!(ports(&graph(&encoder), 12), ["image_features: num_images, image_sequence_length, 32"]);
    let embed = read(&folder, "embed_tokens.onnx");
    assert_eq!(ports(&graph(&embed), 12), ["inputs_embeds: batch_size, sequence_length, 32"]);
    let decoder = read(&folder, "decoder_model_merged.onnx");
    assert_eq!(ports(&graph(&decoder), 11)[0], "inputs_embeds: batch_size, sequence_length, 32");
}

/// External tensors lie on pages of their own, none over another, within the file; what is small lies in the graph.
#[test]
fn external_tensors_are_aligned_and_whole() {
    for case in ["llama", "gemma3"] {
        let (_root, folder) = export(case, &[Precision::Q4]).unwrap();
        let model = read(&folder, "model_q4.onnx");
        let (length, mut end, mut found) = (read(&folder, "model_q4.onnx_data").len() as u64, 0, 0);
        for tensor in graph(&model).messages(5) {
            let entries = tensor.messages(13);
            let value = |key: &str| {
                let entry = entries.iter().find(|entry| entry.text(1) == key).unwrap();
                entry.text(2)
            };
            if entries.is_empty() {
                assert!(tensor.bytes(9)[0].len() < 1024, "{} is in the graph", tensor.text(8));
                continue;
            }
            let (offset, bytes): (u64, u64) = (value("offset").parse().unwrap(), value("length").parse().unwrap());
            assert_eq!((value("location"), offset % 4096), ("model_q4.onnx_data".to_owned(), 0));
            assert!(offset >= end && bytes > 0, "{} lies over what is before it", tensor.text(8));
            (end, found) = (offset + bytes, found + 1);
        }
        assert_eq!(end, length, "{case}");
        assert!(found > 10, "{case} has {found} external tensors");
    }
}

#[test]
fn a_tied_matrix_is_there_once() {
    for (case, times) in [("gemma3", 0), ("llama", 1)] {
        let (_root, folder) = export(case, &[Precision::Fp32]).unwrap();
        let model = read(&folder, "model.onnx");
        let names: Vec<String> = graph(&model).messages(5).iter().map(|tensor| tensor.text(8)).collect();
        let count = |name: &str| names.iter().filter(|found| *found == name).count();
        assert_eq!((count("model.embed_tokens.weight"), count("lm_head.weight")), (1, times), "{case}");
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let precisions = [Precision::Fp32, Precision::Fp16, Precision::Q8, Precision::Q4, Precision::Q4F16];
    let ((_a, first), (_b, second)) =
        (export("smollm3", &precisions).unwrap(), export("smollm3", &precisions).unwrap());
    let mut files = 0;
    for entry in std::fs::read_dir(first.join("onnx")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(read(&first, &name) == read(&second, &name), "{name}");
        files += 1;
    }
    assert_eq!(files, 2 * precisions.len());
}

#[test]
fn settings_say_what_is_loaded_and_where_its_weights_lie() {
    let (_root, folder) = export("llama", &[Precision::Q4, Precision::Fp16]).unwrap();
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let expected = serde_json::json!({
        "dtype": "q4", "use_external_data_format": { "model_q4.onnx": 1, "model_fp16.onnx": 1 },
    });
    assert_eq!(config["transformers.js_config"], expected);
    assert_eq!(config["model_type"], "llama");
}

#[test]
fn what_newer_checkpoints_keep_elsewhere_is_put_where_it_is_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let folder = Case::named("tower-smolvlm").write(root.path()).safetensors;
    let beside = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    beside("tokenizer_config.json", r#"{"eos_token": "</s>"}"#);
    beside("chat_template.jinja", "{{ messages }}");
    beside("processor_config.json", r#"{"image_processor": {"do_resize": true}, "processor_class": "P"}"#);
    let (checkpoint, to) = (Checkpoint::open(&folder).unwrap(), root.path().join("to"));
    std::fs::create_dir(&to).unwrap();
    write(&checkpoint, None, &folder, &[Precision::Fp32], &Matrices::default(), &to).unwrap();
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(to.join(name)).unwrap()).unwrap()
    };
    let tokenizer = serde_json::json!({ "eos_token": "</s>", "chat_template": "{{ messages }}" });
    assert_eq!(json("tokenizer_config.json"), tokenizer);
    let preprocessor = serde_json::json!({ "do_resize": true, "processor_class": "P" });
    assert_eq!(json("preprocessor_config.json"), preprocessor);
}

#[test]
fn whoever_stops_it_is_told_so() {
    let root = tempfile::tempdir().unwrap();
    let folder = Case::named("llama").write(root.path()).safetensors;
    let (checkpoint, companions) = (Checkpoint::open(&folder).unwrap(), Folder::Disk(folder));
    let (precisions, matrices) = ([Precision::Fp32], Matrices::default());
    let (companions, matrices) = (&companions, &matrices);
    let export = OnnxExport { checkpoint: &checkpoint, vision: None, companions, precisions: &precisions, matrices };
    let (graphs, pool) = (export.graphs().unwrap(), Pool::new(NonZeroUsize::MIN).unwrap());
    let (to, written) = (tempfile::tempdir().unwrap(), Cell::new(0));
    let goes_on = |bytes| written.replace(written.get() + bytes) < graphs.weight_bytes() / 2;
    assert!(matches!(graphs.write(to.path(), &pool, &goes_on), Err(OnnxError::Stopped)));
}

#[test]
fn a_mixture_of_experts_is_refused_by_its_name() {
    let error = export("llama4-moe", &[Precision::Fp32]).unwrap_err().to_string();
    assert!(error.contains("Moe, has no rule for ONNX"), "{error}");
}

#[test]
fn what_was_quantised_is_not_quantised_again_but_carried_over() {
    let root = tempfile::tempdir().unwrap();
    let case = Case::named("llama");
    let written = case.write(root.path());
    let gguf = plimsoll_testing::quantised(&written.gguf.unwrap());
    let path = root.path().join("mixed.gguf");
    std::fs::write(&path, gguf).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    let exported = |precision| {
        let to = root.path().join(format!("{precision:?}"));
        std::fs::create_dir(&to).unwrap();
        write(&checkpoint, None, &written.safetensors, &[precision], &Matrices::default(), &to)
    };
    exported(Precision::Exact).unwrap();
    let error = exported(Precision::Q4).unwrap_err().to_string();
    assert!(error.starts_with("tensor `model.") && error.contains("is stored as Q"), "{error}");
}

/// The values of a matrix in blocks of 4 bits around zero, as they lie in the external data.
fn matrix(folder: &Path, name: &str) -> Vec<f32> {
    let (model, data) = (read(folder, "model_q4.onnx"), read(folder, "model_q4.onnx_data"));
    let part = |kind: &str| {
        let (tensors, wanted) = (graph(&model).messages(5), format!("{name}.{kind}"));
        let entries = tensors.iter().find(|tensor| tensor.text(8) == wanted).unwrap().messages(13);
        let value = |key: &str| entries.iter().find(|entry| entry.text(1) == key).unwrap().text(2).parse().unwrap();
        let (offset, length): (usize, usize) = (value("offset"), value("length"));
        data[offset..offset + length].to_vec()
    };
    let scales = part("scales").as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect::<Vec<_>>();
    let codes = part("codes").into_iter().flat_map(|byte| [byte & 15, byte >> 4]).collect::<Vec<_>>();
    codes.iter().enumerate().map(|(i, code)| scales[i / 32] * (f32::from(*code) - 8.0)).collect()
}

fn initialisers(folder: &Path) -> Vec<String> {
    let model = read(folder, "model_q4.onnx");
    graph(&model).messages(5).iter().map(|tensor| tensor.text(8)).collect()
}

#[test]
fn columns_that_count_more_come_back_nearer() {
    const NAME: &str = "model.layers.0.mlp.up_proj.weight";
    let root = tempfile::tempdir().unwrap();
    let folder = Case::named("llama").write(root.path()).safetensors;
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let tensor = checkpoint.require(NAME).unwrap();
    let (rows, cols) = (tensor.shape()[0], tensor.shape()[1]);
    let counts: Vec<f32> = (0..cols).map(|column| if column % 2 == 0 { 50.0 } else { 1.0 }).collect();
    let lost = |matrices: &Matrices, to: &str| -> f64 {
        let to = root.path().join(to);
        std::fs::create_dir(&to).unwrap();
        write(&checkpoint, None, &folder, &[Precision::Q4], matrices, &to).unwrap();
        let (before, after) = (tensor.to_f32(), matrix(&to, NAME));
        let values = before.iter().zip(after).enumerate();
        values.map(|(i, (before, after))| f64::from(counts[i % cols] * (before - after).powi(2))).sum()
    };
    let mut weighed = Matrices::default();
    weighed.columns.insert(NAME.to_owned(), Columns::of_matrices(rows, [Some(counts.clone())]));
    let (alike, weighed) = (lost(&Matrices::default(), "alike"), lost(&weighed, "weighed"));
    assert!(weighed < 0.97 * alike, "{weighed} where all counted alike {alike}");
}

#[test]
fn each_matrix_may_have_a_type_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let written_case = Case::named("llama").write(root.path());
    let folder = written_case.safetensors;
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let name = |module: &str| format!("model.layers.0.mlp.{module}.weight");
    let types = [("up_proj", DType::Q4_1), ("down_proj", DType::F32), ("gate_proj", DType::Q8_0)];
    let types = types.iter().map(|(module, dtype)| (name(module), *dtype)).collect();
    let mut matrices = Matrices { types, ..Matrices::default() };
    let to = root.path().join("own");
    std::fs::create_dir(&to).unwrap();
    write(&checkpoint, None, &folder, &[Precision::Q4], &matrices, &to).unwrap();
    let names = initialisers(&to);
    let has = |module: &str, end: &str| names.contains(&format!("{}{end}", name(module)));
    assert!(has("up_proj", ".offsets") && has("down_proj", "") && !has("down_proj", ".codes"), "{names:?}");
    assert!(has("gate_proj", ".codes") && !has("gate_proj", ".offsets"), "{names:?}");

    // What was quantised before is refused whichever way it was asked for.
    let path = root.path().join("quantised.gguf");
    std::fs::write(&path, plimsoll_testing::quantised(&written_case.gguf.unwrap())).unwrap();
    let quantised = Checkpoint::open(&path).unwrap();
    let dtype = quantised.require(&name("up_proj")).unwrap().dtype();
    matrices.types = [(name("up_proj"), if dtype == DType::Q8_0 { DType::Q4_0 } else { DType::Q8_0 })].into();
    let again = root.path().join("again");
    std::fs::create_dir(&again).unwrap();
    let refused = write(&quantised, None, &folder, &[Precision::Exact], &matrices, &again).unwrap_err().to_string();
    assert!(refused.contains(&format!("`{}` is stored as {dtype}", name("up_proj"))), "{refused}");
}
