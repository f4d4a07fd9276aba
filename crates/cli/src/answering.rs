//! How answers are made: by what is asked for, else as the model's maker recommends, else greedily.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::bail;
use plimsoll_engine::{GenerateOptions, SamplingParams, Session};
use plimsoll_formats::{GenerationDefaults, Unusable};
use serde_json::{Map, Value};

use crate::args::{SamplingArgs, TemplateArg};
use crate::mistake::Mistake;
use crate::notice::say;

/// The tokens that end a message of ChatML, where the model has no such token and spells it.
const CHATML_END: &str = "<|im_end|>";

/// How to answer with these flags; `seed` is that of an answer for which none was asked.
///
/// # Errors
/// A value is out of its range, or tokens are to be drawn in a way of the maker's that is not honoured.
pub fn options(
    asked: &SamplingArgs,
    session: &Session,
    template: Option<&TemplateArg>,
    seed: u64,
) -> anyhow::Result<GenerateOptions<'static>> {
    let maker = session.defaults();
    let sampling = sampling(asked, maker, session.eos_ids(), seed)?;
    let mut options = GenerateOptions { sampling, ..session.recommended() };
    if let Some(max_tokens) = asked.max_tokens {
        options = GenerateOptions { max_tokens: Some(max_tokens), max_length: None, ..options };
    }
    options.stops.extend(asked.stop.iter().cloned());
    options.stops.extend(matches!(template, Some(TemplateArg::Chatml)).then(|| CHATML_END.to_owned()));
    Ok(options)
}

/// The sampling asked for; what is not asked for is as the model's maker recommends, else greedy.
fn sampling(
    asked: &SamplingArgs,
    maker: &GenerationDefaults,
    eos_ids: &[u32],
    seed: u64,
) -> anyhow::Result<SamplingParams> {
    let makers = SamplingParams::recommended(maker, eos_ids, asked.temperature);
    let params = SamplingParams {
        top_k: asked.top_k.unwrap_or(makers.top_k),
        top_p: asked.top_p.unwrap_or(makers.top_p),
        min_p: asked.min_p.unwrap_or(makers.min_p),
        repetition_penalty: asked.repetition_penalty.unwrap_or(makers.repetition_penalty),
        presence_penalty: asked.presence_penalty.unwrap_or(makers.presence_penalty),
        frequency_penalty: asked.frequency_penalty.unwrap_or(makers.frequency_penalty),
        logit_bias: asked.logit_bias.iter().copied().collect(),
        seed: asked.seed.unwrap_or(seed),
        ..makers
    };
    params.validate()?;
    let mut unusable = left_unusable(asked, maker).filter(|unusable| unusable.of_sampling);
    match unusable.next() {
        Some(Unusable { key, what, .. }) if params.temperature > 0.0 => Err(Mistake::error(
            what,
            format!(
                "give a value of your own (--{}), or take the likeliest token every time: --temperature 0",
                key.replace('_', "-")
            ),
        )),
        _ => Ok(params),
    }
}

/// Says which of the maker's settings beside sampling are not honoured.
pub fn tell_not_honoured(asked: &SamplingArgs, maker: &GenerationDefaults) {
    for Unusable { what, .. } in left_unusable(asked, maker).filter(|unusable| !unusable.of_sampling) {
        say(format_args!("note: {what}; it is not honoured"));
    }
}

/// The maker's settings that cannot be honoured, but for those that another was asked for in place of.
fn left_unusable<'a>(asked: &'a SamplingArgs, maker: &'a GenerationDefaults) -> impl Iterator<Item = &'a Unusable> {
    maker.unusable.iter().filter(|Unusable { key, .. }| !match key.as_str() {
        "temperature" => asked.temperature.is_some(),
        "top_k" => asked.top_k.is_some(),
        "top_p" => asked.top_p.is_some(),
        "min_p" => asked.min_p.is_some(),
        "repetition_penalty" => asked.repetition_penalty.is_some(),
        "max_new_tokens" | "max_length" => asked.max_tokens.is_some(),
        _ => false,
    })
}

/// What the template of `model` is told; `thinks` is whether the model is to reason, where that was said.
///
/// # Errors
/// The template has no switch for that.
pub fn variables(model: &str, thinks: Option<bool>, session: &Session) -> anyhow::Result<Map<String, Value>> {
    let mut variables = Map::new();
    if let Some(thinks) = thinks {
        if !session.template().is_some_and(|template| template.supports_thinking()) {
            bail!("{model}: its template has no reasoning switch, so --think and --no-think would do nothing");
        }
        variables.insert("enable_thinking".to_owned(), Value::Bool(thinks));
    }
    Ok(variables)
}

/// A seed from the clock. Fewer than 2^53, so that any reader of JSON gives it back whole.
pub fn clock_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64 & ((1 << 53) - 1))
}
