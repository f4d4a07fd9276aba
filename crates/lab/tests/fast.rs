//! What `verify --fast` finds: arithmetic that is as good as exact, and models that are not the same.

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use plimsoll_kernels::Isa;
use plimsoll_lab::standing::Standing;
use plimsoll_lab::verify::verify_fast;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType, Program};

fn fixture(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(name);
    if !path.exists() {
        skipped::skipped("../shared/fixtures not found");
        return None;
    }
    Some(path)
}

fn load(model: &Path, isa: Isa, arithmetic: Arithmetic) -> Program {
    Program::load(&Checkpoint::open(model).unwrap(), isa, NonZeroUsize::new(2).unwrap(), arithmetic).unwrap()
}

fn tokens() -> Vec<u32> {
    (0..200).map(|i| (i * 389 + 7) % 1024).collect()
}

#[test]
fn rounded_activations_change_little_of_what_a_model_in_blocks_predicts_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["llama-f32", "smollm3", "qwen3"] {
        let Some(fixture) = fixture(name) else { return };
        let mut files = std::fs::read_dir(fixture).unwrap().map(|entry| entry.unwrap().path());
        let gguf = files.find(|path| path.extension().is_some_and(|extension| extension == "gguf")).unwrap();
        let model = folder.path().join(format!("{name}.gguf"));
        std::fs::write(&model, plimsoll_testing::quantised(&gguf)).unwrap();
        for isa in Isa::available() {
            let [mut exact, mut fast] = [Arithmetic::Exact, Arithmetic::Fast].map(|a| load(&model, isa, a));
            let report = verify_fast(&mut exact, &mut fast, CacheType::F16, &[&tokens()], |_| ()).unwrap();
            assert_eq!(report.standing(), Standing::Passed, "{name} at {isa}: {report:?}");
            let rounded = [report.prefill, report.decode].iter().all(|found| found.max_delta > 1e-4);
            assert!(rounded, "{name} at {isa} was not fast: {report:?}");
        }
    }
}

#[test]
fn keys_and_values_in_8_bits_move_predictions_further_and_still_pass() {
    let Some(model) = fixture("smollm3") else { return };
    let [f16, q8_0] = [CacheType::F16, CacheType::Q8_0].map(|cache| {
        let [mut exact, mut fast] = [Arithmetic::Exact, Arithmetic::Fast].map(|a| load(&model, Isa::best(), a));
        verify_fast(&mut exact, &mut fast, cache, &[&tokens()], |_| ()).unwrap()
    });
    assert_eq!(q8_0.standing(), Standing::Passed, "{q8_0:?}");
    for (f16, q8_0) in [(f16.prefill, q8_0.prefill), (f16.decode, q8_0.decode)] {
        assert!(q8_0.kl_mean > f16.kl_mean, "{q8_0:?} after {f16:?}");
    }
}

#[test]
fn a_program_of_other_weights_does_not_pass() {
    let (Some(one), Some(other)) = (fixture("llama-f32"), fixture("smollm3")) else { return };
    let mut exact = load(&one, Isa::best(), Arithmetic::Exact);
    let mut fast = load(&other, Isa::best(), Arithmetic::Fast);
    let report = verify_fast(&mut exact, &mut fast, CacheType::F16, &[&tokens()], |_| ()).unwrap();
    assert_eq!(report.standing(), Standing::Failed, "{report:?}");
}
