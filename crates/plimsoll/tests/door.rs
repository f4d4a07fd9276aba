//! What the front page promises, on the models of `demo/`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use plimsoll::{Chat, Error, Finish, Model, Session, SessionOptions, Stop};

fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(name)
}

const QUESTION: &str = "Spell the word \"mirado\" with a hyphen between the letters.";

#[test]
fn an_answer_is_heard_in_pieces_and_is_part_of_the_conversation() {
    let mut chat = Model::open(demo("small")).unwrap().chat(None).unwrap();
    let mut heard = String::new();
    let answer = chat
        .say(QUESTION, |text| {
            heard.push_str(text);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((heard.as_str(), answer.text.as_str()), ("m-i-r-a-d-o", "m-i-r-a-d-o"));
    let again = chat.say(QUESTION, |_| ControlFlow::Continue(())).unwrap();
    assert!(again.timings.reused_tokens > 0, "what was said before is computed again");
}

#[test]
fn a_message_that_fits_no_more_leaves_the_conversation_as_it_was() {
    let options = SessionOptions { context: Some(64), ..SessionOptions::default() };
    let mut chat = Model::open(demo("small")).unwrap().with_options(options).chat(None).unwrap();
    let error = chat.say(&"word ".repeat(100), |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("the context holds 64"), "{error}");
    assert_eq!(chat.say(QUESTION, |_| ControlFlow::Continue(())).unwrap().text, "m-i-r-a-d-o");
}

#[test]
fn an_answer_is_ended_from_another_thread() {
    let mut chat = Model::open(demo("small")).unwrap().chat(None).unwrap();
    let stop = chat.stop();
    let answer = chat
        .say(QUESTION, |_| {
            let stop = stop.clone();
            std::thread::spawn(move || stop.now()).join().unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(answer.finish, Finish::Interrupted);
    assert_eq!(chat.say(QUESTION, |_| ControlFlow::Continue(())).unwrap().finish, Finish::Stop);
}

#[test]
fn memory_is_told_before_anything_is_loaded_and_grows_with_the_context() {
    let memory = |context| {
        let options = SessionOptions { context: Some(context), ..SessionOptions::default() };
        Model::open(demo("large")).unwrap().with_options(options).memory().unwrap()
    };
    let weights = std::fs::metadata(demo("large").join("model.safetensors")).unwrap().len();
    assert!(memory(64).weights.abs_diff(weights) < weights / 10, "{} of {weights}", memory(64).weights);
    assert_eq!(memory(256).cache, 4 * memory(64).cache);
}

#[test]
fn a_picture_is_looked_at_and_a_model_that_reads_text_only_says_so() {
    let picture = demo("images/circle_and_cross.png");
    let mut seeing = Model::open(demo("vision")).unwrap().chat(None).unwrap();
    seeing.show(&picture).unwrap();
    assert!(!seeing.say("What colour is the circle?", |_| ControlFlow::Continue(())).unwrap().text.is_empty());
    let mut blind = Model::open(demo("small")).unwrap().chat(None).unwrap();
    assert!(blind.show(&picture).unwrap_err().to_string().contains("reads text only"));
}

#[test]
fn what_is_no_model_is_named() {
    let error = Model::open(demo("images")).unwrap_err();
    assert!(matches!(error, Error::Format(_)) && error.to_string().contains("images"), "{error}");
}

#[test]
fn all_of_it_can_be_sent_to_another_thread() {
    fn is_send<T: Send + 'static>() {}
    is_send::<(Model, Session, Chat, Stop, Error)>();
}
