//! Asks about a picture: `cargo run -p plimsoll --example picture -- MODEL PICTURE QUESTION`

use std::ops::ControlFlow;

use plimsoll::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, question] = &arguments[..] else { return Err("usage: picture MODEL PICTURE QUESTION".into()) };
    let mut chat = Model::open(model)?.chat(None)?;
    chat.show(picture)?;
    println!("{}", chat.say(question, |_| ControlFlow::Continue(()))?.text);
    Ok(())
}
