//! Any text as a config.json; what parses keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_models::{Hyperparams, RopeScaling, VisionParams};

fuzz_target!(|text: &str| {
    let Ok(hp) = Hyperparams::from_config_json("config.json", text) else { return };
    assert!(hp.n_layers > 0 && hp.layer_kinds.len() == hp.n_layers);
    assert!(hp.n_heads.is_multiple_of(hp.n_kv_heads) && hp.head_dim > 0 && hp.attn_scale().is_finite());
    for rope in [Some(&hp.rope), hp.rope_local.as_ref()].into_iter().flatten() {
        assert!(rope.rotary_dim.is_multiple_of(2) && rope.rotary_dim <= hp.head_dim && rope.theta > 0.0);
        if let RopeScaling::LongRope { short, long, .. } = &rope.scaling {
            assert!(short.len() == rope.rotary_dim / 2 && long.len() == rope.rotary_dim / 2);
        }
    }
    if let Ok(Some(vision)) = VisionParams::of_wrapped(&hp) {
        assert!(vision.d_model.is_multiple_of(vision.n_heads) && vision.patch_size <= vision.tile_size);
        assert!(vision.merge_side > 0 && vision.patches_per_side() > 0);
        let _ = (vision.rope_theta(), vision.size("projector_input_dim"));
    }
    let _ = (hp.rotary_layers(), hp.usizes("moe_layers"), hp.f32("attn_scale"));
});
