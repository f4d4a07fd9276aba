//! What is written of an architecture by its spelling is read as what its network declares, from either format.

use std::collections::BTreeSet;

use plimsoll_graph::Network;
use plimsoll_models::spelling::{self, Stored, StoredLayout};
use plimsoll_models::{Checkpoint, RopeScaling, Vision, VisionParams};
use plimsoll_testing::Case;

fn cases() -> Vec<Case> {
    Case::all().into_iter().filter(|case| case.gguf.is_some()).collect()
}

fn pairs(root: &std::path::Path) -> Vec<(String, Checkpoint, Checkpoint)> {
    let open = |path: &std::path::Path| Checkpoint::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let pair = |case: Case| {
        let written = case.write(root);
        (case.name, open(&written.safetensors), open(&written.gguf.unwrap()))
    };
    cases().into_iter().map(pair).collect()
}

/// The names that tensors are made of, each once.
fn parts(stored: &[Stored], place: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for stored in stored {
        // An expert is a part of a stack, which all of them together hold.
        let again = matches!(stored.layout, StoredLayout::One(1..));
        for part in &stored.parts {
            assert!(parts.insert(part.clone()) != again, "{place}: `{part}` is stored twice");
        }
    }
    parts
}

fn declared(network: &Network) -> BTreeSet<String> {
    network.weights.iter().map(|weight| weight.name.clone()).collect()
}

#[test]
fn every_weight_is_stored_once_in_either_format() {
    for case in Case::all() {
        let tiny = case.tiny();
        let hp = tiny.hyperparams();
        let network = plimsoll_models::from_hyperparams(hp).unwrap();
        assert_eq!(parts(&spelling::in_safetensors(&network, hp), &case.name), declared(&network), "{}", case.name);
        if hp.arch.has_gguf() {
            assert_eq!(parts(&spelling::in_gguf(&network, hp), &case.name), declared(&network), "{}", case.name);
        }
        let Some(vision) = VisionParams::of_wrapped(hp).unwrap() else { continue };
        let tower = plimsoll_models::tower_from_params(&vision).unwrap().network;
        let own = spelling::tower_in_safetensors(&tower, &vision);
        assert_eq!(parts(&own, &case.name), declared(&tower), "{}", case.name);
        if vision.arch.unwritten().is_none() {
            let mmproj = spelling::tower_in_mmproj(&tower, &vision);
            assert_eq!(parts(&mmproj, &case.name), declared(&tower), "{}", case.name);
        }
    }
}

#[test]
fn both_formats_have_the_same_tensors_with_the_same_values() {
    let root = tempfile::tempdir().unwrap();
    for (name, original, converted) in pairs(root.path()) {
        let network = plimsoll_models::network(&original).unwrap();
        for weight in &network.weights {
            let [one, other] = [&original, &converted].map(|c| c.require_shape(&weight.name, &weight.shape).unwrap());
            // What a GGUF has as −e^x is rounded on its way back.
            let bound = if weight.name.ends_with(".A_log") { 1e-6 } else { 0.0 };
            let close = |(a, b): (f32, f32)| (a - b).abs() <= bound;
            assert!(one.to_f32().into_iter().zip(other.to_f32()).all(close), "{name} {}", weight.name);
        }
        assert_eq!(converted.tensors().count(), network.weights.len(), "{name}");
        let Some(own) = Vision::of(&original, None).unwrap() else { continue };
        if own.params.arch.unwritten().is_some() {
            continue;
        }
        let mmproj = Vision::of(&converted, None).unwrap().expect("the mmproj beside it");
        for weight in plimsoll_models::tower(&own).unwrap().network.weights {
            let [one, other] = [&own, &mmproj].map(|v| v.weights.require_shape(&weight.name, &weight.shape).unwrap());
            assert!(one.to_f32() == other.to_f32(), "{name} {}", weight.name);
        }
    }
}

#[test]
fn both_formats_have_the_same_hyperparameters() {
    let root = tempfile::tempdir().unwrap();
    for (name, original, converted) in pairs(root.path()) {
        let (a, b) = (&original.hyperparams, &converted.hyperparams);
        assert_eq!(a.arch, b.arch, "{name}");
        let sizes = |hp: &plimsoll_models::Hyperparams| {
            [hp.n_layers, hp.n_heads, hp.n_kv_heads, hp.head_dim, hp.d_model, hp.d_ff, hp.vocab_size, hp.max_seq_len]
        };
        assert_eq!(sizes(a), sizes(b), "{name}");
        assert_eq!((a.rms_eps, a.activation, a.biases), (b.rms_eps, b.activation, b.biases), "{name}");
        assert_eq!((a.tied_embeddings, a.attn_scale()), (b.tied_embeddings, b.attn_scale()), "{name}");
        assert_eq!((&a.layer_kinds, a.sliding_window), (&b.layer_kinds, b.sliding_window), "{name}");
        assert_eq!((a.rope.theta, a.rope.rotary_dim), (b.rope.theta, b.rope.rotary_dim), "{name}");
        assert_eq!(a.rope_local, b.rope_local, "{name}");
        match (&a.rope.scaling, &b.rope.scaling) {
            (RopeScaling::Llama3 { .. } | RopeScaling::Proportional { .. }, RopeScaling::Factors(factors)) => {
                assert!(factors.contains(&1.0), "{name}")
            }
            (
                RopeScaling::Yarn { attention_factor: x, .. } | RopeScaling::LongRope { attention_factor: x, .. },
                RopeScaling::Yarn { attention_factor: y, .. } | RopeScaling::LongRope { attention_factor: y, .. },
            ) => assert!((x - y).abs() < 1e-6, "{name}"),
            (x, y) => assert_eq!(x, y, "{name}"),
        }
    }
}
