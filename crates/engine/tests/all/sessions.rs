//! What a session promises, on small models with known outputs.

use crate::skipped;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use plimsoll_engine::{
    Finish, GenerateOptions, SamplingParams, Session, SessionError, SessionOptions, Special, TemplateRequest,
};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType};
use serde_json::{Value, json};

fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures")).join(name);
    if !path.exists() {
        skipped::skipped("../shared not found");
        return None;
    }
    Some(path)
}

/// In the arithmetic that the known outputs were made in.
fn open(name: &str, context: Option<usize>) -> Option<Session> {
    open_with(name, context, Arithmetic::Exact)
}

fn open_with(name: &str, context: Option<usize>, arithmetic: Arithmetic) -> Option<Session> {
    let checkpoint = Checkpoint::open(&fixture(name)?).unwrap();
    let options = SessionOptions { arithmetic, context, cache: CacheType::F32, ..SessionOptions::default() };
    Some(Session::open(&checkpoint, &options).unwrap())
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture(name).unwrap().join("golden.json")).unwrap()).unwrap()
}

fn greedy(max_tokens: usize) -> GenerateOptions<'static> {
    GenerateOptions { max_tokens: Some(max_tokens), ..GenerateOptions::default() }
}

fn listen(_: &str) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn chat(content: &str) -> TemplateRequest {
    TemplateRequest::from_json(json!({"messages": [{"role": "user", "content": content}]})).unwrap()
}

#[test]
fn the_story_is_the_one_known_to_the_public_from_both_formats() {
    for name in ["stories260K", "stories260K/stories260K-f32.gguf"] {
        let Some(mut session) = open(name, None) else { return };
        for case in golden("stories260K")["cases"].as_array().unwrap() {
            let prompt = case["prompt"].as_str().unwrap();
            let mut ids = session.text_ids(prompt).unwrap();
            // The public's program begins every text with BOS, which this tokenizer.json does not.
            if ids.first() != session.tokenizer().bos().as_ref() {
                ids.insert(0, session.tokenizer().bos().unwrap());
            }
            let n_tokens = case["greedy"].as_array().unwrap().len();
            let mut streamed = String::new();
            let answer = session
                .generate(&ids, &greedy(n_tokens), |text| {
                    streamed.push_str(text);
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(format!("{prompt}{}", answer.text), case["text"].as_str().unwrap(), "{name}");
            assert_eq!(streamed, answer.text);
        }
    }
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_with_both_lengths() {
    let Some(mut session) = open("stories260K", Some(8)) else { return };
    let ids = session.text_ids("Once upon a time there was a small boat on the sea").unwrap();
    let error = session.generate(&ids, &greedy(1), listen).unwrap_err();
    assert!(matches!(error, SessionError::PromptTooLong { prompt, context: 8 } if prompt == ids.len()), "{error}");
    assert!(error.to_string().contains(&ids.len().to_string()) && error.to_string().contains('8'));
    assert!(matches!(session.log_likelihood(&ids[..1], &ids[1..]), Err(SessionError::PromptTooLong { .. })));
}

#[test]
fn a_context_beyond_what_the_model_is_made_for_is_refused() {
    let Some(path) = fixture("stories260K") else { return };
    let options = SessionOptions { context: Some(1 << 20), ..SessionOptions::default() };
    let error = Session::open(&Checkpoint::open(&path).unwrap(), &options).unwrap_err();
    assert!(matches!(error, SessionError::ContextLength { wanted: 1_048_576, .. }), "{error}");
}

#[test]
fn an_answer_ends_at_the_limit_at_the_context_or_when_told() {
    let Some(mut session) = open("stories260K", Some(12)) else { return };
    let ids = session.text_ids("Once upon a time").unwrap();
    let full = session.generate(&ids, &greedy(1000), listen).unwrap();
    assert_eq!((full.finish, ids.len() + full.tokens.len()), (Finish::ContextFull, 12));
    let short = session.generate(&ids, &greedy(2), listen).unwrap();
    assert_eq!((short.finish, &short.tokens[..]), (Finish::Length, &full.tokens[..2]));
    assert!(session.generate(&ids, &greedy(0), listen).unwrap().tokens.is_empty());
    let told = session.generate(&ids, &greedy(5), |_| ControlFlow::Break(())).unwrap();
    assert_eq!((told.finish, told.tokens.len()), (Finish::Interrupted, 1));
    let flag = AtomicBool::new(true);
    let options = GenerateOptions { interrupt: Some(&flag), ..greedy(5) };
    assert_eq!(session.generate(&ids, &options, listen).unwrap().finish, Finish::Interrupted);
}

#[test]
fn a_stop_text_ends_the_answer_and_is_not_part_of_it() {
    let Some(mut session) = open("stories260K", None) else { return };
    let ids = session.text_ids("").unwrap();
    let options = GenerateOptions { stops: vec!["girl named".into()], ..greedy(100) };
    let answer = session.generate(&ids, &options, listen).unwrap();
    assert_eq!((answer.finish, answer.text.as_str()), (Finish::Stop, "Once upon a time, there was a little "));
}

#[test]
fn a_seed_fixes_the_answer() {
    let Some(mut session) = open("stories260K", None) else { return };
    let ids = session.text_ids("").unwrap();
    let mut answer = |seed| {
        let sampling = SamplingParams { temperature: 1.0, top_p: 0.95, seed, ..SamplingParams::default() };
        session.generate(&ids, &GenerateOptions { sampling, ..greedy(30) }, listen).unwrap().text
    };
    assert_eq!(answer(1), answer(1));
    assert_ne!(answer(1), answer(2));
}

#[test]
fn a_conversation_that_goes_on_reuses_the_cache_and_answers_as_a_fresh_one() {
    for arithmetic in [Arithmetic::Exact, Arithmetic::Fast] {
        let open = || open_with("smollm3", None, arithmetic);
        let (Some(session), Some(fresh)) = (open(), open()) else { return };
        check_conversation(session, fresh);
    }
}

fn check_conversation(mut session: Session, mut fresh: Session) {
    let first = session.chat(&chat("Which one should I ship?"), &greedy(12), listen).unwrap();
    let messages = json!([
        {"role": "user", "content": "Which one should I ship?"},
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": "Why?"},
    ]);
    let request = TemplateRequest { messages, add_generation_prompt: true, ..TemplateRequest::default() };
    let continued = session.chat(&request, &greedy(12), listen).unwrap();
    let restarted = fresh.chat(&request, &greedy(12), listen).unwrap();
    assert_eq!(continued.tokens, restarted.tokens);
    assert!(continued.timings.reused_tokens > 0);
    assert_eq!(restarted.timings.reused_tokens, 0);
    let again = session.chat(&request, &greedy(12), listen).unwrap();
    assert_eq!(again.tokens, restarted.tokens);
    assert_eq!(again.timings.reused_tokens, again.timings.prompt_tokens - 1);
}

#[test]
fn likelihoods_are_those_of_the_reference() {
    for name in ["llama-f32", "smollm3", "qwen3"] {
        let Some(mut session) = open(name, None) else { return };
        for case in golden(name)["cases"].as_array().unwrap() {
            let ids: Vec<u32> =
                case["input_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            if ids.len() > session.context() {
                continue;
            }
            let (expected, found) =
                (case["nll_sum"].as_f64().unwrap_or(0.0), -session.log_likelihood(&ids[..1], &ids[1..]).unwrap());
            assert!((expected - found).abs() < 2e-3 * ids.len() as f64, "{name}: {found} against {expected}");
        }
    }
}

#[test]
fn the_likelihoods_of_all_single_tokens_add_up_to_one() {
    let Some(mut session) = open("llama-f32", None) else { return };
    let prompt = session.tokenizer().encode("The licence", Special::AsText).unwrap();
    let every: Vec<Vec<u32>> = (0..session.tokenizer().vocab_size() as u32).map(|id| vec![id]).collect();
    let sum: f64 = session.log_likelihoods(&prompt, &every).unwrap().iter().map(|ln| ln.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
}

#[test]
fn a_model_without_a_template_does_not_chat() {
    let Some(mut session) = open("stories260K", None) else { return };
    let error = session.chat(&chat("Hi"), &greedy(1), listen).unwrap_err();
    assert!(error.to_string().contains("has no chat template"), "{error}");
}

#[test]
fn a_vision_models_template_gets_its_parts() {
    let Some(path) = fixture("smolvlm2") else { return };
    let vocabulary = plimsoll_formats::open_vocabulary(&path).unwrap();
    let source = vocabulary.chat_template.unwrap().default.unwrap();
    let template = plimsoll_engine::ChatTemplate::new(&source, [("bos_token", "")]).unwrap();
    let text = template.render(&template.with_expected_content(&chat("What is it?"))).unwrap();
    assert!(text.contains("User: What is it?"), "{text}");
}

// LongRoPE as `generate` of transformers has it: its factors follow the length of the text, and an answer that outgrows the
// length that a model was first trained on is computed again with the others.
#[test]
fn rotary_factors_follow_the_length_of_the_text_and_not_the_room() {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases/52-longrope-by-context-asked-for/m"));
    if !path.exists() {
        return skipped::skipped("../shared not found");
    }
    let checkpoint = Checkpoint::open(&path).unwrap();
    let open = |context| {
        let options = SessionOptions {
            arithmetic: Arithmetic::Exact,
            cache: CacheType::F32,
            context: Some(context),
            ..SessionOptions::default()
        };
        Session::open(&checkpoint, &options).unwrap()
    };
    let greedy = |session: &mut Session, ids: &[u32], n| {
        let options = GenerateOptions { max_tokens: Some(n), ignore_eos: true, ..GenerateOptions::default() };
        session.generate(ids, &options, |_| ControlFlow::Continue(())).unwrap().tokens
    };
    let mut roomy = open(512);
    let native = roomy.program().network().native_context().unwrap();
    let prompt = roomy.text_ids("The licence grants you").unwrap();
    // The reference's greedy tokens.
    let expected = [712, 730, 199, 654, 654, 654, 654, 537, 331, 537, 910, 910];
    assert_eq!(greedy(&mut roomy, &prompt, expected.len()), expected);
    let grown = greedy(&mut roomy, &prompt, native + 8);
    let beyond = native + 1 - prompt.len();
    let whole: Vec<u32> = prompt.iter().chain(&grown[..beyond]).copied().collect();
    assert_eq!(greedy(&mut open(512), &whole, 7), grown[beyond..beyond + 7], "as a prompt of that length is continued");
    assert_eq!(greedy(&mut roomy, &prompt, expected.len()), expected, "a short text after a long one");
}
