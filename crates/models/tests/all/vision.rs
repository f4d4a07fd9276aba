//! The vision encoder of a checkpoint: its own tower, the mmproj file beside it or a named one, and what is refused.

use crate::skipped;
use std::path::{Path, PathBuf};

use crate::common::Gguf;
use plimsoll_models::{Checkpoint, Hyperparams, Vision, VisionParams};

fn params(config: &str) -> Result<VisionParams, String> {
    let hp = Hyperparams::from_config_json("config.json", config).map_err(|e| e.to_string())?;
    VisionParams::of_wrapped(&hp).map(|found| found.expect("a tower")).map_err(|e| e.to_string())
}

/// The key that a configuration is refused for.
fn refused(config: &str) -> String {
    let message = params(config).unwrap_err();
    message.split('`').nth(3).unwrap().to_owned()
}

#[test]
fn sizes_that_a_configuration_leaves_out_are_those_of_its_class() {
    let smolvlm =
        params(r#"{ "model_type": "smolvlm", "vision_config": { "image_size": 512, "patch_size": 16 } }"#).unwrap();
    assert_eq!((smolvlm.d_model, smolvlm.d_ff, smolvlm.n_layers, smolvlm.n_heads), (1152, 3072, 12, 16));
    assert_eq!((smolvlm.patches_per_side(), smolvlm.merge_side, smolvlm.image_token), (32, 2, Some(128257)));
    let llama4 = params(r#"{ "model_type": "llama4" }"#).unwrap();
    assert_eq!((llama4.d_model, llama4.d_ff, llama4.n_layers, llama4.patches_per_side()), (768, 5632, 34, 32));
    assert_eq!((llama4.merge_side, llama4.norm_eps, llama4.image_token), (2, 1e-5, Some(200092)));
    let text = Hyperparams::from_config_json("config.json", r#"{ "model_type": "llama" }"#).unwrap();
    assert_eq!(VisionParams::of_wrapped(&text).unwrap(), None);
}

#[test]
fn what_a_tower_cannot_honour_is_refused_by_its_key() {
    let idefics3 = |keys: &str| format!(r#"{{ "model_type": "idefics3", "vision_config": {{ {keys} }} }}"#);
    for (keys, key) in [
        (r#""num_attention_heads": 7"#, "vision_config.num_attention_heads"),
        (r#""image_size": [224, 448]"#, "vision_config.image_size"),
        (r#""patch_size": 300"#, "vision_config.patch_size"),
        (r#""patch_size": 0"#, "vision_config.patch_size"),
        (r#""num_channels": 1"#, "vision_config.num_channels"),
        (r#""hidden_act": "quick_gelu""#, "vision_config.hidden_act"),
        (r#""layer_norm_eps": -1"#, "vision_config.layer_norm_eps"),
    ] {
        assert_eq!(refused(&idefics3(keys)), key, "{keys}");
    }
    let llama4 = r#"{ "model_type": "llama4", "vision_config": { "pixel_shuffle_ratio": 0.4 } }"#;
    assert_eq!(refused(llama4), "vision_config.pixel_shuffle_ratio");
    assert!(params(&idefics3(r#""image_size": [448, 448]"#)).is_ok());
    let around = |model_type: &str, outer: &str, keys: &str| {
        format!(r#"{{ "model_type": "{model_type}", {outer} "vision_config": {{ {keys} }} }}"#)
    };
    for (model_type, outer, keys, key) in [
        ("mistral3", r#""vision_feature_layer": -2,"#, "", "vision_config.vision_feature_layer"),
        ("lfm3_vl", "", r#""temporal_patch_size": 1"#, "vision_config.temporal_patch_size"),
        ("qwen2_5_vl", "", r#""temporal_patch_size": 3"#, "vision_config.temporal_patch_size"),
        ("qwen2_5_vl", "", r#""hidden_act": "quick_gelu""#, "vision_config.hidden_act"),
        ("gemma4", "", r#""num_key_value_heads": 5"#, "vision_config.num_key_value_heads"),
        ("gemma4", "", r#""hidden_activation": "relu""#, "vision_config.hidden_activation"),
    ] {
        assert_eq!(refused(&around(model_type, outer, keys)), key, "{model_type} {outer} {keys}");
    }
    for (model_type, outer, keys, key) in [
        ("mistral3", r#""projector_hidden_act": "relu","#, "", "vision_config.projector_hidden_act"),
        ("lfm3_vl", "", r#""conv_kernel_size": 2"#, "vision_config.conv_kernel_size"),
        ("lfm3_vl", "", r#""layer_types": ["conv"]"#, "vision_config.layer_types"),
        ("qwen2_5_vl", "", r#""window_size": 27"#, "vision_config.window_size"),
        ("gemma4", "", r#""rope_parameters": { "rope_type": "yarn" }"#, "vision_config.rope_parameters.rope_type"),
    ] {
        let params = params(&around(model_type, outer, keys)).unwrap();
        let message = plimsoll_models::tower_from_params(&params).unwrap_err().to_string();
        assert!(message.contains(&format!("`{key}`")), "{message}");
    }
    for (config, key) in [
        (r#""gemma3", "mm_tokens_per_image": 50"#, "mm_tokens_per_image"),
        (r#""gemma3", "mm_tokens_per_image": 0"#, "mm_tokens_per_image"),
        (r#""gemma3", "mm_tokens_per_image": 225"#, "mm_tokens_per_image"),
        (r#""gemma3", "mm_tokens_per_image": 49, "vision_config": { "patch_size": 300 }"#, "mm_tokens_per_image"),
        (r#""lfm2_vl", "vision_config": { "num_patches": 255 }"#, "num_patches"),
        (r#""lfm2_vl", "downsample_factor": 0"#, "downsample_factor"),
        (r#""minicpmv4_6", "downsample_mode": "8x""#, "downsample_mode"),
        (r#""minicpmv4_6", "insert_layer_id": 12"#, "insert_layer_id"),
        (r#""minicpmv4_6", "insert_layer_id": -1"#, "insert_layer_id"),
        (r#""minicpmv4_6", "merge_kernel_size": [2, 4]"#, "merge_kernel_size"),
        (r#""minicpmv4_6", "merger_times": 5"#, "merger_times"),
        (r#""minicpmv4_6", "vision_config": { "window_kernel_size": [4, 4] }"#, "window_kernel_size"),
    ] {
        assert_eq!(refused(&format!(r#"{{ "model_type": {config} }}"#)).rsplit('.').next(), Some(key), "{config}");
    }
    // Files hold what joins patches within the tower, whether it is used or not.
    let modes = ["4x", "16x"].map(|mode| {
        let config = format!(r#"{{ "model_type": "minicpmv4_6", "downsample_mode": "{mode}" }}"#);
        let params = params(&config).unwrap();
        assert!(params.arch.spares("vision_tower.vit_merger.linear_1.weight"));
        assert!(!params.arch.spares("vision_tower.post_layernorm.weight"));
        (params.merge_side, plimsoll_models::tower_from_params(&params).unwrap().network.weights.len())
    });
    assert_eq!(modes, [(2, 203), (4, 219)]);
}

#[test]
fn older_files_have_the_keys_of_the_text_beside_those_of_the_tower() {
    let flat = r#"{ "model_type": "qwen2_5_vl", "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": 2, "rope_theta": 1e6, "rope_scaling": { "type": "mrope", "mrope_section": [8, 12, 12] },
        "vision_config": { "hidden_size": 96, "depth": 3, "num_heads": 2 } }"#;
    let text = Hyperparams::from_config_json("config.json", flat).unwrap();
    assert_eq!((text.d_model, text.n_layers, text.arch_name), (256, 2, "qwen2_5_vl_text"));
    assert!(text.rope.coordinates.is_some());
    let tower = params(flat).unwrap();
    assert_eq!((tower.d_model, tower.n_layers, tower.text_width), (96, 3, 256));
}

/// A tower of one layer of width 4 with two heads, whose tiles have two by two patches, for a text model of 8.
fn mmproj() -> Gguf {
    let mut gguf = Gguf::empty().text("general.architecture", "clip").text("clip.projector_type", "idefics3");
    gguf = gguf.key("clip.has_vision_encoder", 7, &[1]).key("clip.use_gelu", 7, &[1]);
    for (key, value) in [
        ("projection_dim", 8),
        ("image_size", 4),
        ("patch_size", 2),
        ("embedding_length", 4),
        ("feed_forward_length", 6),
        ("block_count", 1),
        ("attention.head_count", 2),
        ("projector.scale_factor", 2),
    ] {
        gguf = gguf.u32(&format!("clip.vision.{key}"), value);
    }
    gguf = gguf.f32("clip.vision.attention.layer_norm_epsilon", 1e-6);
    for (name, dims) in [("v.patch_embd.weight", &[2, 2, 3, 4][..]), ("v.position_embd.weight", &[4, 4])] {
        gguf = gguf.f32_tensor(name, dims);
    }
    for (name, input, output) in [("ffn_up", 4, 6), ("ffn_down", 6, 4)] {
        gguf = gguf.f32_tensor(&format!("v.blk.0.{name}.weight"), &[input, output]);
    }
    gguf.f32_tensor("mm.model.fc.weight", &[16, 8])
}

struct Folder(tempfile::TempDir);

impl Folder {
    /// A text model `model.gguf` with towers beside it.
    fn with(towers: &[(&str, Gguf)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("model.gguf"), Gguf::llama().bytes()).unwrap();
        for (name, tower) in towers {
            std::fs::write(folder.path(name), tower.clone().bytes()).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn see(&self, mmproj: Option<&Path>) -> Result<Option<Vision>, String> {
        let checkpoint = Checkpoint::open(&self.path("model.gguf")).unwrap();
        Vision::of(&checkpoint, mmproj).map_err(|e| e.to_string())
    }
}

fn file_of(vision: &Vision) -> &str {
    vision.mmproj.as_ref().map_or("", |mmproj| &mmproj.file)
}

#[test]
fn the_one_mmproj_beside_a_model_is_its_tower() {
    let folder = Folder::with(&[("mmproj-model-f16.gguf", mmproj())]);
    let vision = folder.see(None).unwrap().unwrap();
    assert_eq!(file_of(&vision), folder.path("mmproj-model-f16.gguf").display().to_string());
    assert_eq!((vision.params.arch.name, vision.params.image_token), ("idefics3", None));
    let convolution = vision.weights.require("vision_tower.embeddings.patch_embedding.weight").unwrap();
    assert_eq!(convolution.shape(), [4, 12], "a matrix for patches");
    let up = vision.weights.require("vision_tower.encoder.layers.0.mlp.fc1.weight").unwrap();
    assert_eq!(up.shape(), [6, 4]);
    assert!(Checkpoint::open(folder.0.path()).is_ok(), "the folder's model is not the tower");
}

#[test]
fn a_model_without_a_tower_reads_text_only() {
    assert!(Folder::with(&[]).see(None).unwrap().is_none());
}

#[test]
fn several_towers_are_refused_by_name_and_one_may_be_named() {
    let folder = Folder::with(&[("mmproj-a.gguf", mmproj()), ("model-mmproj-b.gguf", mmproj())]);
    let message = folder.see(None).unwrap_err();
    assert!(
        message.ends_with("model.gguf` cannot see: several towers lie beside it: mmproj-a.gguf, model-mmproj-b.gguf")
    );
    let named = folder.path("mmproj-a.gguf");
    assert_eq!(file_of(&folder.see(Some(&named)).unwrap().unwrap()), named.display().to_string());
}

#[test]
fn a_tower_of_another_model_is_refused_with_both_names() {
    let replaced = |key: &str, value: &str| mmproj().without_key(key).text(key, value);
    let wide = mmproj().without_key("clip.vision.projection_dim").u32("clip.vision.projection_dim", 16);
    for (tower, why) in [
        (wide, "makes features 16 wide, the model's embeddings are 8 wide"),
        (
            replaced("clip.projector_type", "llama4"),
            "has the projector type `llama4`, for `llama4` models; this one is `llama`",
        ),
        (replaced("clip.projector_type", "qwen2vl_merger"), "has the projector type `qwen2vl_merger`; known are "),
        (replaced("general.architecture", "llama"), "is no vision tower (`clip` with clip.has_vision_encoder)"),
    ] {
        let folder = Folder::with(&[("mmproj.gguf", tower)]);
        let (model, file) = (folder.path("model.gguf"), folder.path("mmproj.gguf"));
        let expected = format!("`{}` cannot see: `{}` {why}", model.display(), file.display());
        let found = folder.see(None).unwrap_err();
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn a_tower_that_lacks_a_fact_or_has_a_tensor_too_many_is_refused() {
    for (tower, why) in [
        (mmproj().without_key("clip.vision.patch_size"), "key `clip.vision.patch_size`: found nothing"),
        (mmproj().without_key("clip.use_gelu"), "key `clip.use_gelu`: found nothing"),
        (mmproj().f32_tensor("v.blk.0.ls1.weight", &[4]), "tensor `v.blk.0.ls1.weight`: is not part of the tower"),
    ] {
        let message = Folder::with(&[("mmproj.gguf", tower)]).see(None).unwrap_err();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn what_an_mmproj_holds_beside_its_tower_is_left_alone() {
    let mut tower = mmproj();
    for name in ["a.blk.0.attn_q.weight", "mm.a.input_projection.weight", "v.token_embd.img_break"] {
        tower = tower.f32_tensor(name, &[4, 4]);
    }
    let vision = Folder::with(&[("mmproj.gguf", tower)]).see(None).unwrap().unwrap();
    assert_eq!(vision.weights.iter().count(), 5);
}

#[test]
fn feed_forward_matrices_with_each_others_names_are_told_by_their_shapes() {
    let mut early = mmproj();
    for name in ["v.blk.0.ffn_up.weight", "v.blk.0.ffn_down.weight"] {
        early = early.without_tensor(name);
    }
    early = early.f32_tensor("v.blk.0.ffn_down.weight", &[4, 6]).f32_tensor("v.blk.0.ffn_up.weight", &[6, 4]);
    let vision = Folder::with(&[("mmproj.gguf", early)]).see(None).unwrap().unwrap();
    let shape = |part: &str| {
        vision.weights.require(&format!("vision_tower.encoder.layers.0.mlp.{part}.weight")).unwrap().shape().to_vec()
    };
    assert_eq!((shape("fc1"), shape("fc2")), (vec![6, 4], vec![4, 6]));
}

#[test]
fn fixtures_say_the_same_of_their_towers_as_safetensors_and_as_mmproj() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !root.exists() {
        return skipped::skipped("../shared/fixtures not found");
    }
    for name in ["idefics3", "smolvlm2", "llama4-vision"] {
        let see = |path: &Path| Vision::of(&Checkpoint::open(path).unwrap(), None).unwrap().unwrap();
        let own = see(&root.join(name));
        let beside = see(&root.join(name).join(format!("{name}-bf16.gguf")));
        let facts = |v: &VisionParams| {
            let sizes =
                [v.n_layers, v.n_heads, v.d_model, v.d_ff, v.tile_size, v.patch_size, v.merge_side, v.text_width];
            (v.arch.name, sizes, v.norm_eps, v.activation)
        };
        assert_eq!(facts(&own.params), facts(&beside.params), "{name}");
        for tensor in own.weights.iter() {
            let other = beside.weights.require_shape(tensor.name(), tensor.shape()).unwrap();
            assert_eq!(other.to_f32(), tensor.to_f32(), "{name}: {}", tensor.name());
        }
        assert_eq!(own.weights.iter().count(), beside.weights.iter().count(), "{name}");
    }
}
