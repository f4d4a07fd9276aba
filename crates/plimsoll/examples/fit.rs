//! Asks whether a model fits before it is loaded: `cargo run -p plimsoll --example fit -- MODEL MEGABYTES`

use plimsoll::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some((model, megabytes)) = std::env::args().nth(1).zip(std::env::args().nth(2)) else {
        return Err("usage: fit MODEL MEGABYTES".into());
    };
    let budget = megabytes.parse::<u64>()? * 1_000_000;
    let memory = Model::open(model)?.memory()?;
    let verdict = if memory.total() <= budget { "it floats" } else { "it sinks" };
    println!("weights {}, cache {}, buffers {} bytes: {verdict}", memory.weights, memory.cache, memory.buffers);
    Ok(())
}
