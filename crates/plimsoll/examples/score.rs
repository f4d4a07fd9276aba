//! How likely a model finds a text: `cargo run -p plimsoll --example score -- MODEL TEXT`

use plimsoll::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some((model, text)) = std::env::args().nth(1).zip(std::env::args().nth(2)) else {
        return Err("usage: score MODEL TEXT".into());
    };
    let mut session = Model::open(model)?.session()?;
    let ids = session.text_ids(&text)?;
    let (first, rest) = ids.split_at(1);
    let nats = session.log_likelihood(&first.to_vec(), rest)?;
    println!(
        "{} tokens after the first, {:.3} bits each",
        rest.len(),
        -nats / std::f64::consts::LN_2 / rest.len() as f64
    );
    Ok(())
}
