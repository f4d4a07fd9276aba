//! Times candle's own quantized models the way `llama-bench` times llama.cpp:
//!
//! ```text
//! candle-bench MODEL.gguf [--depth N] [--prefill N,N…] [--decode N] [--repeat N]
//! ```
//!
//! prints one line of JSON for each sample, `{"phase": "prefill" | "decode", "tokens": N, "depth": N, "seconds": S}`,
//! after one line `{"first_token": S}`: seconds from the program's start to a first token, of a prompt of one token.
//! Each phase runs once before it is timed. Threads are candle's own choice (`RAYON_NUM_THREADS`).

use std::fs::File;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::quantized::gguf_file::Content;
use candle_core::{D, Device, Tensor};
use candle_transformers::models::{quantized_llama, smol::quantized_smollm3};

/// Any token will do: no weight is skipped for it. The beginning-of-sequence token of Llama 3 is past small vocabularies.
const TOKEN: u32 = 1;

enum Model {
    Llama(quantized_llama::ModelWeights),
    SmolLm3(quantized_smollm3::QuantizedModelForCausalLM),
}

impl Model {
    fn open(path: &str) -> Result<Model> {
        let mut file = File::open(path).with_context(|| path.to_owned())?;
        let content = Content::read(&mut file)?;
        let architecture = content.metadata.get("general.architecture").context("no architecture")?.to_string()?.clone();
        match architecture.as_str() {
            "llama" => Ok(Model::Llama(quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?)),
            "smollm3" => Ok(Model::SmolLm3(quantized_smollm3::QuantizedModelForCausalLM::from_gguf(
                path,
                &Device::Cpu,
                true, // its flash attention
            )?)),
            other => bail!("{path}: this program does not know {other}"),
        }
    }

    /// Appends `n_tokens` after `depth` others and takes the likeliest token of the last logits.
    fn step(&mut self, depth: usize, n_tokens: usize) -> Result<u32> {
        let ids = Tensor::from_vec(vec![TOKEN; n_tokens], (1, n_tokens), &Device::Cpu)?;
        let logits = match self {
            Model::Llama(model) => model.forward(&ids, depth)?,
            Model::SmolLm3(model) => model.forward(&ids, depth)?,
        };
        let likeliest = logits.flatten_to(D::Minus2)?.argmax(D::Minus1)?;
        Ok(likeliest.flatten_all()?.to_vec1::<u32>()?[0])
    }

    /// Empties the cache and fills it with `depth` tokens, 512 at a time.
    fn fill(&mut self, depth: usize) -> Result<()> {
        match self {
            Model::Llama(model) => model.clear_kv_cache(),
            Model::SmolLm3(model) => model.clear_kv_cache(),
        }
        for done in (0..depth).step_by(512) {
            self.step(done, (depth - done).min(512))?;
        }
        Ok(())
    }
}

/// What the command line asks for.
struct Plan {
    model: String,
    depth: usize,
    prefill: Vec<usize>,
    decode: usize,
    repeat: usize,
}

impl Plan {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Plan> {
        let model = args.next().context("usage: candle-bench MODEL.gguf [--depth N] [--prefill N,N] [--decode N]")?;
        let mut plan = Plan { model, depth: 0, prefill: vec![], decode: 0, repeat: 1 };
        while let Some(flag) = args.next() {
            let value = args.next().with_context(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--depth" => plan.depth = value.parse()?,
                "--prefill" => plan.prefill = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--decode" => plan.decode = value.parse()?,
                "--repeat" => plan.repeat = value.parse()?,
                _ => bail!("unknown flag {flag}"),
            }
        }
        Ok(plan)
    }
}

fn main() -> Result<()> {
    let start = Instant::now();
    let plan = Plan::parse(std::env::args().skip(1))?;
    let mut model = Model::open(&plan.model)?;
    model.step(0, 1)?;
    println!(r#"{{"first_token": {}}}"#, start.elapsed().as_secs_f64());
    for tokens in plan.prefill.iter().copied() {
        time(&mut model, &plan, "prefill", tokens, |model| model.step(plan.depth, tokens).map(drop))?;
    }
    if plan.decode > 0 {
        let decode = |model: &mut Model| (0..plan.decode).try_for_each(|i| model.step(plan.depth + i, 1).map(drop));
        time(&mut model, &plan, "decode", plan.decode, decode)?;
    }
    Ok(())
}

/// Runs `work` once for warmth and then as often as asked, each time from a cache of the depth asked for.
fn time(
    model: &mut Model,
    plan: &Plan,
    phase: &str,
    tokens: usize,
    mut work: impl FnMut(&mut Model) -> Result<()>,
) -> Result<()> {
    let depth = plan.depth;
    for round in 0..=plan.repeat {
        model.fill(depth)?;
        let start = Instant::now();
        work(model)?;
        let seconds = start.elapsed().as_secs_f64();
        if round > 0 {
            println!(r#"{{"phase": "{phase}", "tokens": {tokens}, "depth": {depth}, "seconds": {seconds}}}"#);
        }
    }
    Ok(())
}
