//! What a batch promises: every answer is the one that the request gets alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use plimsoll_engine::batch::{Admission, Batch, BatchOptions, Event, Request, SequenceId};
use plimsoll_engine::{
    Finish, GenerateOptions, SamplingParams, Session, SessionError, SessionOptions, TemplateRequest,
};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::Arithmetic;
use serde_json::json;

fn session(arithmetic: Arithmetic) -> Session {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/large");
    let options = SessionOptions { arithmetic, ..SessionOptions::default() };
    Session::open(&Checkpoint::open(&demo).unwrap(), &options).unwrap()
}

fn batch(options: BatchOptions) -> Batch {
    Batch::new(session(Arithmetic::default()), options)
}

fn asked(session: &Session, question: &str, options: GenerateOptions<'static>) -> Request {
    let request = TemplateRequest::from_json(json!({"messages": [{"role": "user", "content": question}]})).unwrap();
    let ids = session.chat_ids(&request).unwrap();
    Request { ids, images: Vec::new(), options, begins: true, likelihoods: Some(3) }
}

fn greedy(max_tokens: usize) -> GenerateOptions<'static> {
    GenerateOptions { max_tokens: Some(max_tokens), ignore_eos: true, ..GenerateOptions::default() }
}

fn drawn(max_tokens: usize, seed: u64) -> GenerateOptions<'static> {
    let sampling = SamplingParams { temperature: 1.0, presence_penalty: 0.5, seed, ..SamplingParams::default() };
    GenerateOptions { sampling, ..greedy(max_tokens) }
}

/// A token, the bits of its likelihood, and those of the likeliest.
type Told = (u32, u64, Vec<(u32, u64)>);

/// An answer: its text, its tokens, and why it ended.
#[derive(Debug, Default, PartialEq)]
struct Answered {
    text: String,
    tokens: Vec<Told>,
    finish: Option<Finish>,
}

fn hear(answers: &mut BTreeMap<SequenceId, Answered>, events: Vec<(SequenceId, Event)>) {
    for (id, event) in events {
        let answer = answers.entry(id).or_default();
        match event {
            Event::Token(token) => {
                let likelihood = token.likelihood.unwrap();
                let others = likelihood.likeliest.iter().map(|(id, p)| (*id, p.to_bits())).collect();
                answer.tokens.push((token.id, likelihood.log_probability.to_bits(), others));
                answer.text.push_str(&token.text);
            }
            Event::Ended { finish, text, .. } => {
                answer.text.push_str(&text);
                answer.finish = Some(finish);
            }
            Event::Failed(error) => panic!("{error}"),
        }
    }
}

fn admission(batch: &mut Batch, request: &Request) -> Admission {
    let candidate = batch.check(request.clone()).unwrap();
    batch.admit(candidate).unwrap()
}

fn admitted(batch: &mut Batch, request: &Request) -> (SequenceId, usize) {
    match admission(batch, request) {
        Admission::Admitted { id, reused } => (id, reused),
        Admission::Full(_) => panic!("there is room"),
    }
}

fn alone(batch: &mut Batch, request: &Request) -> Answered {
    let (id, _) = admitted(batch, request);
    let mut answers = BTreeMap::new();
    while !batch.is_empty() {
        let events = batch.step();
        hear(&mut answers, events);
    }
    answers.remove(&id).unwrap()
}

fn requests(session: &Session) -> Vec<Request> {
    let long = "The cat sat on the mat. ".repeat(40);
    let questions =
        ["What is 12 + 7?", "What is 12 + 8?", "Once", "Say it twice.", &long, "What is 12 + 7?", "", "Why?"];
    let options = |i: usize| if i.is_multiple_of(2) { greedy(5 + 7 * i) } else { drawn(40 - 3 * i, i as u64) };
    questions.iter().enumerate().map(|(i, question)| asked(session, question, options(i))).collect()
}

#[test]
fn eight_answers_at_once_have_the_bits_of_each_alone() {
    for arithmetic in [Arithmetic::default(), Arithmetic::Exact] {
        let mut session = session(arithmetic);
        let requests = requests(&session);
        let by_session: Vec<Vec<u32>> = requests
            .iter()
            .map(|r| session.generate(&r.ids, &r.options, |_| std::ops::ControlFlow::Continue(())).unwrap().tokens)
            .collect();
        let expected: Vec<Answered> = {
            let mut cold = Batch::new(session, BatchOptions { cache_bytes: 0, ..BatchOptions::default() });
            requests.iter().map(|request| alone(&mut cold, request)).collect()
        };
        for (answer, tokens) in expected.iter().zip(&by_session) {
            assert_eq!(&answer.tokens.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), tokens, "as a session answers");
        }
        // The smallest pieces, pieces as large as a batch, and what a clock makes of them; one joins every few steps.
        for (piece, every) in [(Duration::ZERO, 1), (Duration::from_secs(60), 3), (Duration::from_millis(5), 2)] {
            let mut batch = Batch::new(self::session(arithmetic), BatchOptions { piece, ..BatchOptions::default() });
            for _ in 0..2 {
                let (mut answers, mut ids) = (BTreeMap::new(), Vec::new());
                for request in &requests {
                    ids.push(admitted(&mut batch, request).0);
                    for _ in 0..every {
                        let events = batch.step();
                        hear(&mut answers, events);
                    }
                }
                while !batch.is_empty() {
                    let events = batch.step();
                    hear(&mut answers, events);
                }
                // The second round finds the beginnings of all of them cached.
                for (id, expected) in ids.iter().zip(&expected) {
                    assert_eq!(&answers[id], expected, "{arithmetic:?}, pieces of {piece:?}");
                }
            }
        }
    }
}

#[test]
fn what_was_read_is_not_read_again_and_what_was_generated_is() {
    let mut batch = batch(BatchOptions::default());
    let first = asked(batch.session(), "What is 12 + 7?", greedy(12));
    assert_eq!(admitted(&mut batch, &first).1, 0);
    let mut answers = BTreeMap::new();
    while !batch.is_empty() {
        let events = batch.step();
        hear(&mut answers, events);
    }
    let answered: Vec<u32> = answers.values().next().unwrap().tokens.iter().map(|(id, ..)| *id).collect();
    let mut next = first.clone();
    next.ids.extend(&answered);
    next.ids.extend(&first.ids);
    let (id, reused) = admitted(&mut batch, &next);
    assert_eq!(reused, first.ids.len(), "the prompt and nothing of the answer");
    batch.cancel(id);
    assert!(batch.is_empty() && batch.step().is_empty());
    assert_eq!(admitted(&mut batch, &first).1, first.ids.len() - 1, "the last token's logits are wanted");
}

#[test]
fn a_prompt_that_begins_alike_leaves_the_other_conversation_whole() {
    let mut batch = batch(BatchOptions::default());
    let first = asked(batch.session(), "What is 12 + 7?", greedy(1));
    let longer = asked(batch.session(), &"The cat sat on the mat. ".repeat(5), greedy(1));
    alone(&mut batch, &first);
    let (id, reused) = admitted(&mut batch, &longer);
    assert!(longer.ids.len() > first.ids.len() && reused > 0 && reused < first.ids.len() - 1, "{reused}");
    batch.cancel(id);
    assert_eq!(admitted(&mut batch, &first).1, first.ids.len() - 1);
}

#[test]
fn a_long_prompt_is_read_between_the_tokens_of_its_neighbours_and_can_be_given_up() {
    let mut batch = batch(BatchOptions { piece: Duration::ZERO, ..BatchOptions::default() });
    let short = asked(batch.session(), "Once", greedy(60));
    let long = asked(batch.session(), &"The cat sat on the mat. ".repeat(30), greedy(5));
    let expected = alone(&mut batch, &short);
    let (short_id, _) = admitted(&mut batch, &short);
    let mut answers = BTreeMap::new();
    let events = batch.step();
    hear(&mut answers, events);
    let (long_id, _) = admitted(&mut batch, &long);
    for steps in 2..20 {
        let events = batch.step();
        hear(&mut answers, events);
        assert_eq!(answers[&short_id].tokens.len(), steps, "a token each step");
        assert!(!answers.contains_key(&long_id), "it is still read, eight tokens at a time");
    }
    batch.cancel(long_id);
    let before = batch.kept_tokens();
    assert!(before > 100, "what was read of it stays: {before}");
    while !batch.is_empty() {
        let events = batch.step();
        hear(&mut answers, events);
    }
    assert_eq!(answers[&short_id], expected);
    assert!(admitted(&mut batch, &long).1 > 100);
}

#[test]
fn who_finds_no_room_waits_and_what_was_kept_makes_room() {
    let mut batch = batch(BatchOptions { sequences: 2, ..BatchOptions::default() });
    let request = asked(batch.session(), "Once", greedy(4));
    let (first, _) = admitted(&mut batch, &request);
    admitted(&mut batch, &request);
    let Admission::Full(back) = admission(&mut batch, &request) else { panic!("two at once") };
    batch.cancel(first);
    assert!(matches!(batch.admit(*back).unwrap(), Admission::Admitted { .. }), "who waited is as it was");

    let mut tight = self::batch(BatchOptions { cache_bytes: 0, ..BatchOptions::default() });
    let (id, _) = admitted(&mut tight, &request);
    assert!(matches!(admission(&mut tight, &request), Admission::Full(_)), "one is always let in, a second never");
    tight.step();
    tight.cancel(id);
    assert_eq!(admitted(&mut tight, &request).1, request.ids.len() - 1, "what is about to be used is no loss");
    assert_eq!(tight.kept_tokens(), 0);
}

#[test]
fn what_can_never_be_answered_is_refused_at_once_and_nothing_is_no_answer() {
    let mut batch = batch(BatchOptions::default());
    let context = batch.session().context();
    let mut request = asked(batch.session(), "Once", greedy(0));
    assert_eq!(alone(&mut batch, &request), Answered { finish: Some(Finish::Length), ..Answered::default() });
    request.ids = vec![1; context + 1];
    assert!(matches!(batch.check(request.clone()), Err(SessionError::PromptTooLong { .. })));
    request.ids.clear();
    assert!(matches!(batch.check(request.clone()), Err(SessionError::EmptyPrompt)));
    request.ids = vec![1; context];
    request.options.max_tokens = None;
    assert_eq!(alone(&mut batch, &request).finish, Some(Finish::ContextFull));
    request.ids = vec![1];
    request.options.sampling.top_p = 0.0;
    assert!(matches!(batch.check(request), Err(SessionError::Sampler(_))));
}
