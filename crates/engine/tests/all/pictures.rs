//! Sessions that are shown pictures, against the reference's answers.

use crate::skipped;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use plimsoll_engine::{
    EncodedImage, GenerateOptions, ImageInput, Prompt, Session, SessionError, SessionOptions, TemplateRequest,
    VisionEncoderError,
};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Arithmetic, CacheType};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, Video, VisionError};
use serde_json::{Value, json};

const SEEING: [&str; 3] = ["idefics3", "smolvlm2", "llama4-vision"];

fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures")).join(name);
    if !path.exists() {
        skipped::skipped("../shared not found");
        return None;
    }
    Some(path)
}

fn open(path: &Path) -> Session {
    let checkpoint = Checkpoint::open(path).unwrap();
    let options = SessionOptions { arithmetic: Arithmetic::Exact, cache: CacheType::F32, ..SessionOptions::default() };
    Session::open(&checkpoint, &options).unwrap()
}

fn picture(name: &str) -> ImageInput {
    let path = fixture("images").unwrap().join(name);
    ImageInput::Picture(Picture::open(&path, DEFAULT_MAX_PIXELS).unwrap())
}

fn request(messages: &Value) -> TemplateRequest {
    TemplateRequest { messages: messages.clone(), add_generation_prompt: true, ..TemplateRequest::default() }
}

/// A message that shows `n` pictures.
fn showing(n: usize, text: &str) -> TemplateRequest {
    let mut parts = vec![json!({"type": "image"}); n];
    parts.push(json!({"type": "text", "text": text}));
    request(&json!([{"role": "user", "content": parts}]))
}

fn answer(session: &mut Session, ids: &[u32], images: &[EncodedImage], n: usize) -> (Vec<u32>, usize) {
    let options = GenerateOptions { max_tokens: Some(n), ignore_eos: true, ..GenerateOptions::default() };
    let answer = session.generate(Prompt { ids, images }, &options, |_| ControlFlow::Continue(())).unwrap();
    (answer.tokens, answer.timings.reused_tokens)
}

/// As long as the reference was sure of its choice.
fn assert_greedy(case: &Value, tokens: &[u32], name: &str) {
    let margins = case["greedy_margins"].as_array().unwrap().iter().map(|margin| margin.as_f64().unwrap());
    let sure = margins.take_while(|margin| *margin >= 1e-3).count();
    let expected: Vec<u64> = case["greedy"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
    let found: Vec<u64> = tokens.iter().map(|id| u64::from(*id)).collect();
    assert_eq!(found[..sure], expected[..sure], "{name}");
}

#[test]
fn pictures_are_answered_as_the_reference_answers_them() {
    for name in SEEING {
        let Some(folder) = fixture(name) else { return };
        let mut session = open(&folder);
        let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let images = case["images"].as_array().unwrap().iter().map(|image| folder.join(image.as_str().unwrap()));
            let images: Vec<EncodedImage> = images
                .map(|path| {
                    session
                        .encode_image(&ImageInput::Picture(Picture::open(&path, DEFAULT_MAX_PIXELS).unwrap()))
                        .unwrap()
                })
                .collect();
            let ids = session.chat_ids_with_images(&request(&case["messages"]), &images).unwrap();
            let (tokens, _) = answer(&mut session, &ids, &images, 16);
            assert_greedy(case, &tokens, name);
        }
    }
}

#[test]
fn the_cache_serves_the_same_picture_again_and_no_other() {
    for name in SEEING {
        let Some(folder) = fixture(name) else { return };
        // Both are cut alike, so that their prompts have the same ids.
        let [one, other] = [picture("c_cat_200x133.jpg"), mirrored(&picture("c_cat_200x133.jpg"))];
        let ask = |session: &mut Session, shown: &ImageInput, text: &str| {
            let images = [session.encode_image(shown).unwrap()];
            let ids = session.chat_ids_with_images(&showing(1, text), &images).unwrap();
            let (tokens, reused) = answer(session, &ids, &images, 8);
            (tokens, reused, images[0].cached, ids)
        };
        let mut session = open(&folder);
        let (first, reused, remembered, ids) = ask(&mut session, &one, "What?");
        assert_eq!((reused, remembered), (0, false), "{name}");
        let (_, reused, remembered, longer) = ask(&mut session, &one, "What else?");
        let common = ids.iter().zip(&longer).take_while(|(a, b)| a == b).count();
        assert_eq!((reused, remembered), (common, true), "{name}");
        let (second, reused, _, ids_of_other) = ask(&mut session, &other, "What?");
        assert_eq!(ids_of_other, ids);
        assert!(reused < 10, "{name}: {reused} tokens of another picture were taken for this one's");
        let fresh = |shown| ask(&mut open(&folder), shown, "What?").0;
        assert_eq!((fresh(&one), fresh(&other)), (first, second), "{name}");
    }
}

fn mirrored(shown: &ImageInput) -> ImageInput {
    let ImageInput::Picture(picture) = shown else { unreachable!("a picture") };
    let rows = (0..picture.height()).map(|y| picture.row(y));
    let pixels = rows.flat_map(|row| row.as_chunks::<3>().0.iter().rev().flatten().copied()).collect();
    ImageInput::Picture(Picture::new(picture.width(), picture.height(), pixels))
}

#[test]
fn a_placeholder_that_a_message_spells_stays_text() {
    for (name, placeholder) in [("idefics3", "<image>"), ("smolvlm2", "<video>"), ("llama4-vision", "<|image|>")] {
        let Some(folder) = fixture(name) else { return };
        let mut session = open(&folder);
        let images = [session.encode_image(&picture("d_shapes_48x160.png")).unwrap()];
        let plain = session.chat_ids_with_images(&showing(1, "What?"), &images).unwrap();
        let spelled = session.chat_ids_with_images(&showing(1, &format!("What? {placeholder}")), &images).unwrap();
        let image_token_id = session.vision_encoder().unwrap().prompts().image_token_id();
        let places = |ids: &[u32]| ids.iter().filter(|id| **id == image_token_id).count();
        assert_eq!(places(&spelled), places(&plain), "{name}");
        assert!(spelled.len() > plain.len() + 3, "{name}: `{placeholder}` was not spelled out");
    }
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let Some(folder) = fixture("idefics3") else { return };
    let mut session = open(&folder);
    let images = [session.encode_image(&picture("d_shapes_48x160.png")).unwrap()];
    let error = session.chat_ids_with_images(&showing(2, "Which?"), &images).unwrap_err();
    let SessionError::Vision(VisionEncoderError::Vision(VisionError::Places { in_prompt, given, .. })) = error else {
        panic!("{error}")
    };
    assert_eq!((in_prompt, given), (2, 1));
    let mut blind = open(&fixture("llama-f32").unwrap());
    let error = blind.encode_image(&picture("d_shapes_48x160.png")).unwrap_err();
    assert!(matches!(error, SessionError::Vision(VisionEncoderError::TextOnly { .. })), "{error}");
}

#[test]
fn a_video_of_one_frame_is_not_the_picture_with_its_pixels() {
    let (Some(path), Some(images)) = (fixture("smolvlm2"), fixture("images")) else { return };
    let mut session = open(&path);
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(images.join("d_shapes_48x160.png"), folder.path().join("0.png")).unwrap();
    let video = Video::open_folder(folder.path(), 1.0).unwrap();
    let image = session.encode_image(&picture("d_shapes_48x160.png")).unwrap();
    let filmed =
        session.encode_image(&ImageInput::Video { video, sampling: None, max_pixels: DEFAULT_MAX_PIXELS }).unwrap();
    assert!(!filmed.cached, "a picture's embeddings were taken for a video's");
    assert_ne!(filmed.n_tiles, image.n_tiles);
}

#[test]
fn a_prompt_with_fewer_places_than_features_is_refused() {
    let Some(path) = fixture("smolvlm2") else { return };
    let mut session = open(&path);
    let images = [session.encode_image(&picture("d_shapes_48x160.png")).unwrap()];
    let mut ids = session.chat_ids_with_images(&showing(1, "What?"), &images).unwrap();
    let image_token_id = session.vision_encoder().unwrap().prompts().image_token_id();
    let at = ids.iter().position(|id| *id == image_token_id).unwrap();
    ids.remove(at);
    let message = session.log_likelihood(Prompt { ids: &ids, images: &images }, &[1]).unwrap_err().to_string();
    assert!(message.contains("places for image features"), "{message}");
}
