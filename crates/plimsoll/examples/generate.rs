//! Goes on with a text, and ends after two seconds: `cargo run -p plimsoll --example generate -- MODEL TEXT`

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use plimsoll::{GenerateOptions, Model, SamplingParams};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some((model, text)) = std::env::args().nth(1).zip(std::env::args().nth(2)) else {
        return Err("usage: generate MODEL TEXT".into());
    };
    let mut session = Model::open(model)?.session()?;
    let prompt = session.text_ids(&text)?;
    let sampling = SamplingParams { temperature: 0.7, seed: 1, ..SamplingParams::default() };
    let options = GenerateOptions { sampling, max_tokens: Some(64), ..GenerateOptions::default() };
    let end = Instant::now() + Duration::from_secs(2);
    let answer = session.generate(&prompt, &options, |_| match Instant::now() < end {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    })?;
    println!("{text}{}", answer.text);
    Ok(())
}
