//! What `verify --fast` finds: arithmetic that is as good as exact, and models that are not the same.

use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_kernels::Isa;
use plimsoll_lab::standing::Standing;
use plimsoll_lab::verify::verify_fast;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType, Program};
use plimsoll_testing::{Case, Written};

/// A tiny checkpoint whose rows are several blocks, in a folder.
fn written(name: &str, folder: &Path) -> Written {
    let mut case = Case::named(name);
    case.config["hidden_size"] = 96.into();
    case.config["intermediate_size"] = 160.into();
    case.write(folder)
}

fn load(model: &Path, isa: Isa, arithmetic: Arithmetic) -> Program {
    Program::load(&Checkpoint::open(model).unwrap(), isa, NonZeroUsize::new(2).unwrap(), arithmetic).unwrap()
}

fn tokens() -> Vec<u32> {
    (0..200).map(|i| (i * 61 + 7) % 157).collect()
}

#[test]
fn rounded_activations_change_little_of_what_a_model_in_blocks_predicts_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["llama", "smollm3", "qwen3"] {
        let gguf = written(name, folder.path()).gguf.unwrap();
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
    let folder = tempfile::tempdir().unwrap();
    let model = written("smollm3", folder.path()).safetensors;
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
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["llama", "mistral"].map(|name| written(name, folder.path()).safetensors);
    let mut exact = load(&one, Isa::best(), Arithmetic::Exact);
    let mut fast = load(&other, Isa::best(), Arithmetic::Fast);
    let report = verify_fast(&mut exact, &mut fast, CacheType::F16, &[&tokens()], |_| ()).unwrap();
    assert_eq!(report.standing(), Standing::Failed, "{report:?}");
}
