//! What Ollama's requests say of how to answer.

use serde_json::{Value, json};

use crate::calls::Language;
use crate::conversation::{Format, Thinking, Told};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::{Generation, in_range, stops};
use crate::served::Served;

/// Options that say how a model is loaded and computed, which changes no answer; and how many tokens are kept where a prompt
/// is cut, which none is.
const WITHOUT_EFFECT: [&str; 9] =
    ["numa", "num_batch", "num_gpu", "main_gpu", "low_vram", "use_mmap", "use_mlock", "num_thread", "num_keep"];

/// Takes `options`.
///
/// # Errors
/// One is of another kind, out of range, or not honoured.
pub fn take(fields: &mut Fields, served: &Served) -> Result<Generation, ApiError> {
    let mut options = Fields::within("options", fields.take("options")?.unwrap_or_else(|| json!({})))?;
    options.accept(&WITHOUT_EFFECT);
    for (name, only) in [
        ("mirostat", json!(0)),
        ("repeat_last_n", json!(-1)),
        ("penalize_newline", json!(true)),
        ("f16_kv", json!(true)),
        ("logits_all", json!(false)),
        ("vocab_only", json!(false)),
        ("embedding_only", json!(false)),
    ] {
        options.accept_only(name, &[only])?;
    }
    for name in ["typical_p", "tfs_z"] {
        options.accept_only(name, &[json!(1), json!(1.0)])?;
    }
    // Without `mirostat` they say nothing.
    options.accept(&["mirostat_tau", "mirostat_eta"]);
    let context: Option<usize> = options.take("num_ctx")?;
    if let Some(wanted) = context.filter(|wanted| *wanted > served.context) {
        let what =
            format!("`num_ctx` is {wanted}, but the model is served with a context of {} tokens", served.context);
        return Err(ApiError::bad("options.num_ctx", what));
    }
    let drawn = Generation::new()?;
    let generation = Generation {
        temperature: in_range(&mut options, "temperature", 0.0, 2.0)?,
        top_p: options.take("top_p")?,
        top_k: options.take("top_k")?,
        min_p: options.take("min_p")?,
        repetition_penalty: options.take("repeat_penalty")?,
        presence_penalty: in_range(&mut options, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        frequency_penalty: in_range(&mut options, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        seed: options.take::<i64>("seed")?.map_or(drawn.seed, |seed| seed as u64),
        stops: stops("stop", stop_texts(&mut options)?).map_err(|error| error.renamed("stop", "options.stop"))?,
        max_tokens: num_predict(&mut options)?,
        ..drawn
    };
    options.end()?;
    Ok(generation)
}

/// A text or several.
fn stop_texts(options: &mut Fields) -> Result<Vec<String>, ApiError> {
    match options.take::<Value>("stop")? {
        Some(Value::String(stop)) => Ok(vec![stop]),
        Some(stops) => serde_json::from_value(stops)
            .map_err(|_| ApiError::bad("options.stop", "`stop` has to be a text, or an array of texts")),
        None => Ok(Vec::new()),
    }
}

/// Tokens that the answer may have; -1 and -2 are as many as there is room for.
fn num_predict(options: &mut Fields) -> Result<Option<usize>, ApiError> {
    match options.take::<i64>("num_predict")? {
        None | Some(-1 | -2) => Ok(None),
        Some(n) => usize::try_from(n).map(Some).map_err(|_| {
            ApiError::bad(
                "options.num_predict",
                format!("`num_predict` is {n}, expected -2, -1, or a number of tokens"),
            )
        }),
    }
}

/// Takes `format`.
///
/// # Errors
/// It is none.
pub fn take_format(fields: &mut Fields) -> Result<Format, ApiError> {
    match fields.take::<Value>("format")? {
        None => Ok(Format::Text),
        Some(Value::String(name)) if name.is_empty() => Ok(Format::Text),
        Some(Value::String(name)) if name == "json" => Ok(Format::Json),
        Some(schema @ Value::Object(_)) => Ok(Format::Schema { schema, place: "format".to_owned() }),
        Some(_) => Err(ApiError::bad("format", "`format` has to be `json` or a JSON schema, an object")),
    }
}

/// Takes `think`.
///
/// # Errors
/// The model cannot do it, or it cannot be said to its template.
pub fn take_think(fields: &mut Fields, told: &mut Told, language: &Language) -> Result<(), ApiError> {
    let thinking = match fields.take::<Value>("think")? {
        None => return Ok(()),
        Some(Value::Bool(true)) => Thinking::On,
        Some(Value::Bool(false)) => Thinking::Off,
        Some(Value::String(effort)) => Thinking::Effort(effort),
        Some(_) => {
            return Err(ApiError::bad("think", "`think` has to be true, false, or how much: `low`, `medium`, `high`"));
        }
    };
    thinking.ask(told, language, "think")
}
