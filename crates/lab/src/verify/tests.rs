use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_engine::{Special, Tokenizer};
use plimsoll_kernels::Isa;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType, Program};

use super::golden::GoldenCase;
use super::{CaseReport, Greedy, LogitChecks, gap_to_best, greedy, max_delta, read_golden, verify_case};
use crate::standing::Standing;

fn case(json: &str) -> GoldenCase {
    let golden = read_golden("test", format!(r#"{{"cases": [{json}]}}"#).as_bytes()).unwrap();
    golden.cases.into_iter().next().unwrap()
}

fn demo() -> (Program, Tokenizer) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small");
    let checkpoint = Checkpoint::open(&folder).expect("the demo models come with the project");
    let tokenizer = Tokenizer::of(&checkpoint, None).unwrap();
    (Program::load(&checkpoint, Isa::best(), NonZeroUsize::MIN, Arithmetic::Exact).unwrap(), tokenizer)
}

#[test]
fn a_case_with_nothing_to_compare_is_skipped_and_not_passed_over() {
    let (mut program, tokenizer) = demo();
    let report = verify_case(&mut program, &tokenizer, None, 0, &case(r#"{"input_ids": [1, 2]}"#)).unwrap();
    assert!(report.skipped.is_some_and(|why| why.contains("nothing to compare")));
    let ids = tokenizer.encode("Spell", Special::AsText).unwrap();
    let text = format!(r#"{{"text": "Spell", "input_ids": {ids:?}}}"#);
    let report = verify_case(&mut program, &tokenizer, None, 0, &case(&text)).unwrap();
    assert_eq!((report.ids_equal, report.standing(2e-3)), (Some(true), Standing::Inconclusive), "ids alone");
    let other =
        verify_case(&mut program, &tokenizer, None, 0, &case(r#"{"text": "Spell", "input_ids": [1]}"#)).unwrap();
    assert_eq!(other.standing(2e-3), Standing::Failed);
    let compared =
        verify_case(&mut program, &tokenizer, None, 0, &case(r#"{"input_ids": [1, 2], "nll_sum": 1.0}"#)).unwrap();
    assert_eq!(compared.skipped, None);
}

#[test]
fn a_logit_that_is_no_number_never_agrees() {
    let nan = [f32::NAN; 3];
    assert_eq!(gap_to_best(&nan, 0), f32::INFINITY);
    assert_eq!(gap_to_best(&[f32::NAN, 1.0], 0), f32::INFINITY);
    assert_eq!(max_delta(&nan, &[0.0; 3]), f32::INFINITY);

    let case = case(r#"{"input_ids": [0, 1], "argmax": [0, 0], "last_logits": [0, 0, 0], "nll_sum": 1.0}"#);
    let mut checks = LogitChecks::default();
    checks.take(&case, 0, &nan);
    checks.take(&case, 1, &nan);
    assert_eq!(checks.argmax_wrong, 2);
    let report = CaseReport { tokens: 2, nll_delta: Some((checks.nll - 1.0).abs()), ..CaseReport::default() };
    assert!(!report.passed(1e3), "{report:?}");
}

#[test]
fn a_tie_of_the_reference_does_not_excuse_logits_that_are_no_numbers() {
    let (mut program, _) = demo();
    let mut cache = program.new_cache(4, CacheType::F32).unwrap();
    let case = case(r#"{"input_ids": [0], "greedy": [0], "greedy_margins": [0.0]}"#);
    let found = greedy(&mut program, &mut cache, &case, vec![f32::NAN; 3]).unwrap();
    assert_eq!(found, Greedy::Differs { step: 0 });
    let tie = greedy(&mut program, &mut cache, &case, vec![1.0, 1.1, 0.0]).unwrap();
    assert_eq!(tie, Greedy::EqualUntilTie { step: 0 });
}
