//! `run`'s sampling and stopping.

use clap::{Arg, Args as ClapArgs, Command, FromArgMatches};

/// Sampling and stopping.
#[derive(ClapArgs, Debug, Clone)]
#[command(next_help_heading = "Sampling and stopping")]
pub struct SamplingArgs {
    /// 0 takes the likeliest token every time [default: the model's own, else 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f32>,
    /// Keep the K likeliest tokens; 0 keeps all [default: the model's own, else 50]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    pub top_k: Option<usize>,
    /// Keep the likeliest tokens that together hold probability P
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f32>,
    /// Keep tokens at least P times as likely as the likeliest
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub min_p: Option<f32>,
    /// Divide logits of tokens already seen; 1 does nothing
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub repetition_penalty: Option<f32>,
    /// Subtract from logits of tokens already generated
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub presence_penalty: Option<f32>,
    /// Subtract for each time a token was already generated
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub frequency_penalty: Option<f32>,
    /// Add B to the logit of a token id, any number of times: --logit-bias 42=-5
    #[arg(long, value_name = "ID=B", value_parser = parse_logit_bias)]
    pub logit_bias: Vec<(u32, f32)>,
    /// Same seed, same answer on one processor [default: from the clock, unless the temperature is 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// End the answer where this text appears, any number of times
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// End the answer after N tokens [default: the model's own, else to the end of the context]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
}

impl SamplingArgs {
    /// Every flag, with its help.
    pub fn flags() -> Vec<Arg> {
        SamplingArgs::augment_args(Command::new("")).get_arguments().cloned().collect()
    }

    /// These with `flags` given behind them.
    ///
    /// # Errors
    /// A value is of another kind, in the words in which the command line says so.
    pub fn with(&self, flags: &[String]) -> Result<SamplingArgs, clap::Error> {
        let command = SamplingArgs::augment_args_for_update(Command::new("").no_binary_name(true));
        let given = SamplingArgs::from_arg_matches(&command.clone().try_get_matches_from(flags)?)?;
        let mut all = self.clone();
        all.update_from_arg_matches(&command.try_get_matches_from(flags)?)?;
        // Those that are given any number of times take the place of none.
        all.stop = self.stop.iter().cloned().chain(given.stop).collect();
        all.logit_bias = self.logit_bias.iter().copied().chain(given.logit_bias).collect();
        Ok(all)
    }
}

fn parse_logit_bias(text: &str) -> Result<(u32, f32), String> {
    let parts = text.split_once('=').ok_or("expected ID=BIAS, for example 42=-5")?;
    let id = parts.0.parse().map_err(|_| format!("`{}` is not a token id", parts.0))?;
    let bias: f32 = parts.1.parse().map_err(|_| format!("`{}` is not a number", parts.1))?;
    if bias.is_nan() { Err("a bias must be a number".to_owned()) } else { Ok((id, bias)) }
}
