//! Answers a message as the answer comes: `cargo run -p plimsoll --example chat -- MODEL MESSAGE`

use std::io::Write;
use std::ops::ControlFlow;

use plimsoll::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some((model, message)) = std::env::args().nth(1).zip(std::env::args().nth(2)) else {
        return Err("usage: chat MODEL MESSAGE".into());
    };
    let answer = Model::open(model)?.chat(None)?.say(&message, |text| {
        print!("{text}");
        match std::io::stdout().flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    println!("\n({} tokens, {:?})", answer.tokens.len(), answer.finish);
    Ok(())
}
