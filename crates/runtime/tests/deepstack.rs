//! An mmproj with DeepStack, written of a fixture's safetensors under the names that llama.cpp's converter gives, holds the
//! same tower. Source: llama.cpp's conversion/qwen3vl.py.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_formats::FileBytes;
use plimsoll_formats::gguf::{GgufWriter, MetaType, NewTensor, NewValue};
use plimsoll_formats::safetensors::SafetensorsFile;
use plimsoll_kernels::{DType, Isa};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, TileBatch, Tower};
use plimsoll_testing::uniform;

fn fixture() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/2026/qwen3-vl");
    if !path.exists() {
        skipped::skipped("../shared/fixtures/2026/qwen3-vl not found");
        return None;
    }
    Some(path)
}

/// The layers behind which there are mergers, in this fixture.
const DEEP: [usize; 2] = [0, 2];

/// The name in an mmproj of a tensor of the tower.
fn name(stored: &str) -> String {
    let renamed = match stored.strip_prefix("deepstack_merger_list.") {
        Some(rest) => {
            let (merger, rest) = rest.split_once('.').unwrap();
            format!("v.deepstack.{}.{rest}", DEEP[merger.parse::<usize>().unwrap()])
        }
        None => stored
            .replace("merger.norm", "v.post_ln")
            .replace("merger.linear_fc1", "mm.0")
            .replace("merger.linear_fc2", "mm.2"),
    };
    [
        ("blocks.", "v.blk."),
        ("attn.proj", "attn_out"),
        ("attn.qkv", "attn_qkv"),
        ("mlp.linear_fc1", "ffn_up"),
        ("mlp.linear_fc2", "ffn_down"),
        ("linear_", ""),
        ("norm1", "ln1"),
        ("norm2", "ln2"),
        ("patch_embed.proj", "v.patch_embd"),
        ("pos_embed", "v.position_embd"),
    ]
    .into_iter()
    .fold(renamed, |name, (from, to)| name.replace(from, to))
}

/// Tensors of the tower with their values.
fn tensors(folder: &Path) -> Vec<(NewTensor, Vec<f32>)> {
    let file = SafetensorsFile::parse(FileBytes::map(&folder.join("model.safetensors")).unwrap()).unwrap();
    let mut tensors = Vec::new();
    let mut put = |name: String, shape: &[usize], values: Vec<f32>| {
        tensors.push((NewTensor { name, dtype: DType::F32, shape: shape.to_vec() }, values));
    };
    for tensor in &file.tensors {
        let Some(stored) = tensor.name.strip_prefix("model.visual.") else { continue };
        let halves = file.bytes[tensor.range.clone()].as_chunks::<2>().0;
        let values: Vec<f32> =
            halves.iter().map(|half| f32::from_bits(u32::from(u16::from_le_bytes(*half)) << 16)).collect();
        let name = name(stored);
        match tensor.shape[..] {
            [out, channels, 2, height, width] => {
                let frame = height * width;
                for at in 0..2 {
                    let pixels = values.chunks_exact(2 * frame).flat_map(|both| &both[at * frame..][..frame]);
                    let name = if at == 0 { name.clone() } else { format!("{name}.1") };
                    put(name, &[out, channels, height, width], pixels.copied().collect());
                }
            }
            _ => put(name, &tensor.shape, values),
        }
    }
    tensors
}

fn metadata() -> Vec<(String, NewValue)> {
    let number = |key: &str, value: u32| (format!("clip.vision.{key}"), NewValue::from(value));
    let halves = || NewValue::array(MetaType::F32, [0.5f32; 3]);
    let deep = (0..3).map(|layer| DEEP.contains(&layer));
    vec![
        ("general.architecture".to_owned(), "clip".into()),
        ("clip.projector_type".to_owned(), "qwen3vl_merger".into()),
        ("clip.has_vision_encoder".to_owned(), true.into()),
        ("clip.use_gelu".to_owned(), true.into()),
        ("clip.vision.image_mean".to_owned(), halves()),
        ("clip.vision.image_std".to_owned(), halves()),
        ("clip.vision.attention.layer_norm_epsilon".to_owned(), 1e-6f32.into()),
        ("clip.vision.is_deepstack_layers".to_owned(), NewValue::array(MetaType::Bool, deep)),
        number("projection_dim", 48),
        number("image_size", 64),
        number("patch_size", 8),
        number("embedding_length", 36),
        number("feed_forward_length", 56),
        number("block_count", 3),
        number("attention.head_count", 3),
        number("spatial_merge_size", 2),
    ]
}

#[test]
fn mergers_behind_layers_are_found_by_the_number_of_the_layer() {
    let Some(folder) = fixture() else { return };
    let (table, values): (Vec<NewTensor>, Vec<Vec<f32>>) = tensors(&folder).into_iter().unzip();
    assert!(table.iter().any(|tensor| tensor.name == "v.deepstack.2.fc1.weight"), "the fixture has DeepStack");
    let mut writer = GgufWriter::new(Vec::new(), "mmproj.gguf", &metadata(), &table).unwrap();
    values.iter().flatten().for_each(|value| writer.write(&value.to_le_bytes()).unwrap());
    let place = tempfile::tempdir().unwrap();
    let mmproj = place.path().join("mmproj.gguf");
    std::fs::write(&mmproj, writer.finish().unwrap()).unwrap();

    let checkpoint = Checkpoint::open(&folder).unwrap();
    let pixels = uniform("pixels", 3 * 32 * 48);
    let encode = |vision: Vision| {
        let threads = NonZeroUsize::new(1).unwrap();
        let mut tower = Tower::load(&vision, Isa::best(), threads, Arithmetic::Exact).unwrap();
        assert_eq!(tower.given_width(), 3 * 48, "what a layer of the text model is given stands behind the embedding");
        tower.encode(&TileBatch { pixels: &pixels, sizes: &[(32, 48)] }).unwrap()
    };
    let published = encode(Vision::of(&checkpoint, None).unwrap().unwrap());
    let from_mmproj = encode(Vision::of(&checkpoint, Some(&mmproj)).unwrap().unwrap());
    assert_eq!(from_mmproj, published);
}
