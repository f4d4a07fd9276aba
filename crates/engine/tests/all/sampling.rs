//! What the sampler promises.

use plimsoll_engine::{Sampler, SamplerError, SamplingParams};
use plimsoll_formats::{GenerationDefaults, TokenRules};
use proptest::prelude::*;

fn draws(params: SamplingParams, logits: &[f32], n: usize) -> Vec<u32> {
    let mut sampler = Sampler::new(params, &[]).unwrap();
    (0..n).map(|_| sampler.next(logits).unwrap()).collect()
}

fn warm(seed: u64) -> SamplingParams {
    SamplingParams { temperature: 1.0, seed, ..Default::default() }
}

#[test]
fn greedy_takes_the_lowest_id_among_equals() {
    assert_eq!(draws(SamplingParams::default(), &[1.0, 3.0, 3.0, -1.0], 2), [1, 1]);
    assert_eq!(draws(SamplingParams::default(), &[-0.0, 0.0], 1), [0]);
}

#[test]
fn draws_follow_the_softmax() {
    // exp(0), exp(1), exp(2) over their sum.
    let expected = [0.09003, 0.24473, 0.66524];
    let tokens = draws(warm(7), &[0.0, 1.0, 2.0], 40_000);
    for (token, share) in expected.iter().enumerate() {
        let seen = tokens.iter().filter(|&&t| t as usize == token).count() as f64 / tokens.len() as f64;
        assert!((seen - share).abs() < 0.01, "token {token}: {seen} against {share}");
    }
}

#[test]
fn the_repetition_penalty_reaches_prompt_and_answer_once_each() {
    let params = SamplingParams { repetition_penalty: 2.0, ..Default::default() };
    let mut sampler = Sampler::new(params, &[0, 0]).unwrap();
    assert_eq!(sampler.next(&[3.0, 2.0, 1.6]).unwrap(), 1); // 1.5, 2.0, 1.6
    assert_eq!(sampler.next(&[3.0, 2.0, 1.6]).unwrap(), 2); // 1.5, 1.0, 1.6
    assert_eq!(sampler.next(&[-3.0, -2.0, -9.0]).unwrap(), 1); // -6, -4, -18
}

#[test]
fn presence_counts_once_and_frequency_every_time_in_the_answer_alone() {
    let params = SamplingParams { presence_penalty: 0.5, frequency_penalty: 1.0, ..Default::default() };
    let mut sampler = Sampler::new(params, &[0, 0, 0]).unwrap();
    let chosen: Vec<u32> = (0..4).map(|_| sampler.next(&[4.0, 2.0]).unwrap()).collect();
    assert_eq!(chosen, [0, 0, 1, 0]); // 4 | 2.5 | 1.5 against 2 | 1.5 against 0.5
}

#[test]
fn bias_moves_and_forbids() {
    let bias =
        |pairs: &[(u32, f32)]| SamplingParams { logit_bias: pairs.iter().copied().collect(), ..Default::default() };
    assert_eq!(draws(bias(&[(2, 5.0)]), &[1.0, 0.0, -1.0], 1), [2]);
    assert_eq!(draws(bias(&[(0, f32::NEG_INFINITY)]), &[1.0, 0.0, -1.0], 1), [1]);
    let mut all_forbidden = Sampler::new(bias(&[(0, f32::NEG_INFINITY)]), &[]).unwrap();
    assert_eq!(all_forbidden.next(&[1.0]), Err(SamplerError::NothingLeft));
    let mut unknown = Sampler::new(bias(&[(9, 1.0)]), &[]).unwrap();
    assert_eq!(unknown.next(&[1.0, 2.0]), Err(SamplerError::UnknownToken { token: 9, last: 1 }));
}

#[test]
fn logits_that_are_not_numbers_are_an_error_that_names_the_token() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = Sampler::new(warm(0), &[]).unwrap().next(&[0.0, value]).unwrap_err();
        assert!(matches!(error, SamplerError::NotFinite { token: 1, .. }), "{error}");
    }
    assert_eq!(Sampler::new(warm(0), &[]).unwrap().next(&[]), Err(SamplerError::NothingLeft));
}

#[test]
fn parameters_outside_their_range_are_named() {
    let bad = [
        SamplingParams { temperature: -1.0, ..Default::default() },
        SamplingParams { temperature: f32::NAN, ..Default::default() },
        SamplingParams { top_p: 0.0, ..Default::default() },
        SamplingParams { min_p: 1.5, ..Default::default() },
        SamplingParams { repetition_penalty: 0.0, ..Default::default() },
        SamplingParams { logit_bias: [(0, f32::INFINITY)].into(), ..Default::default() },
    ];
    let names: Vec<_> = bad.into_iter().map(|params| Sampler::new(params, &[]).unwrap_err()).collect();
    let expected = ["temperature", "temperature", "top_p", "min_p", "repetition_penalty", "logit_bias"];
    for (error, expected) in names.iter().zip(expected) {
        assert!(matches!(error, SamplerError::Parameter { name, .. } if *name == expected), "{error}");
    }
}

fn some_logits() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-20.0f32..20.0, 1..600)
}

fn some_params() -> impl Strategy<Value = SamplingParams> {
    (0.05f32..3.0, 0usize..40, 0.01f32..=1.0, 0.0f32..=1.0, any::<u64>()).prop_map(
        |(temperature, top_k, top_p, min_p, seed)| SamplingParams {
            temperature,
            top_k,
            top_p,
            min_p,
            seed,
            ..Default::default()
        },
    )
}

/// The tokens that may be drawn, by the definition: sort everything, then filter in order.
fn allowed(logits: &[f32], params: &SamplingParams) -> Vec<u32> {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b)));
    if params.top_k > 0 {
        order.truncate(params.top_k);
    }
    let best = logits[order[0] as usize];
    let weight = |token: u32| (f64::from(logits[token as usize] - best) / f64::from(params.temperature)).exp();
    let total: f64 = order.iter().map(|&token| weight(token)).sum();
    let mut reached = 0.0;
    // A millionth of slack, because both sums round.
    let nucleus = order.iter().take_while(|&&token| {
        let before = reached;
        reached += weight(token);
        before < f64::from(params.top_p) * total * (1.0 + 1e-6)
    });
    nucleus.copied().filter(|&token| weight(token) >= f64::from(params.min_p) * (1.0 - 1e-6)).collect()
}

proptest! {
    #[test]
    fn a_seed_fixes_the_sequence(logits in some_logits(), params in some_params()) {
        prop_assert_eq!(draws(params.clone(), &logits, 20), draws(params, &logits, 20));
    }

    #[test]
    fn only_tokens_that_pass_every_filter_are_drawn(logits in some_logits(), params in some_params()) {
        let allowed = allowed(&logits, &params);
        for token in draws(params, &logits, 20) {
            prop_assert!(allowed.contains(&token), "{} not in {:?}", token, allowed);
        }
    }

    #[test]
    fn top_k_of_one_is_greedy(logits in some_logits(), seed in any::<u64>()) {
        let params = SamplingParams { top_k: 1, ..warm(seed) };
        prop_assert_eq!(draws(params, &logits, 1), draws(SamplingParams::default(), &logits, 1));
    }
}

/// Greedy choices after `prompt` where `rules` hold and token 0 ends an answer.
fn ruled(rules: TokenRules, prompt: &[u32], logits: &[f32], n: usize) -> Vec<u32> {
    let params = SamplingParams { rules, eos_ids: vec![0], ..Default::default() };
    let mut sampler = Sampler::new(params, prompt).unwrap();
    (0..n).map(|_| sampler.next(logits).unwrap()).collect()
}

// The values of the next tests follow transformers' logits processors (`generation/logits_process.py`).

#[test]
fn a_sequence_is_forbidden_at_its_last_token_and_only_behind_the_others() {
    let sequence_bias = vec![(vec![1, 1], f32::NEG_INFINITY)];
    assert_eq!(ruled(TokenRules { sequence_bias, ..Default::default() }, &[2], &[0.0, 3.0, 2.0], 4), [1, 2, 1, 2]);
    let sequence_bias = vec![(vec![2, 1], -5.0), (vec![1], -0.5)];
    assert_eq!(ruled(TokenRules { sequence_bias, ..Default::default() }, &[2], &[0.0, 3.0, 2.0], 3), [2, 2, 2]);
}

#[test]
fn suppressed_tokens_never_come_and_others_do_not_begin() {
    let logits = [0.0, 3.0, 2.0, 1.0];
    let rules = TokenRules { suppressed: vec![1, 99], suppressed_first: vec![2], ..Default::default() };
    assert_eq!(ruled(rules, &[3], &logits, 3), [3, 2, 2]);
}

#[test]
fn no_answer_ends_before_its_least_length() {
    let logits = [3.0, 2.0];
    let rules = TokenRules { min_new_tokens: 2, ..Default::default() };
    assert_eq!(ruled(rules, &[1, 1, 1], &logits, 3), [1, 1, 0]);
    let rules = TokenRules { min_length: 4, ..Default::default() };
    assert_eq!(ruled(rules, &[1, 1, 1], &logits, 3), [1, 0, 0]);
}

#[test]
fn no_run_of_tokens_comes_twice() {
    let logits = [0.0, 3.0, 2.0];
    let rules = TokenRules { no_repeat_ngram_size: 2, ..Default::default() };
    // 1 2 | 1; then 1 1 is new; 1 1 and 1 2 have been, so 0; 0 1; then neither 1 1 nor 1 2 nor 1 0.
    assert_eq!(ruled(rules, &[1, 2], &logits, 4), [1, 1, 0, 1]);
    let once = TokenRules { no_repeat_ngram_size: 1, ..Default::default() };
    assert_eq!(ruled(once, &[1], &logits, 2), [2, 0]);
}

#[test]
fn settings_combine_as_generate_combines_them() {
    let maker = |do_sample, temperature| GenerationDefaults { do_sample, temperature, ..Default::default() };
    let temperature = |maker: &GenerationDefaults, own| SamplingParams::recommended(maker, &[], own).temperature;
    assert_eq!(temperature(&maker(Some(true), None), None), 1.0);
    assert_eq!(temperature(&maker(Some(true), Some(0.7)), None), 0.7);
    assert_eq!(temperature(&maker(None, Some(0.7)), None), 0.0, "without `do_sample` the likeliest is taken");
    assert_eq!(temperature(&maker(Some(false), Some(0.7)), Some(0.3)), 0.3, "who asks for a temperature has it");
    assert_eq!(temperature(&maker(Some(true), None), Some(0.0)), 0.0);
    assert_eq!(SamplingParams::recommended(&maker(None, None), &[], None).top_k, 50);
    let all = GenerationDefaults { top_k: Some(0), ..Default::default() };
    assert_eq!(SamplingParams::recommended(&all, &[], None).top_k, 0);
}
