//! `plimsoll serve`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use plimsoll_api::{Keep, parse_keep};

use super::store::StoreArgs;

/// `serve`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll serve\n  plimsoll serve demo:large --alias gpt-4o-mini\n  plimsoll serve --host 0.0.0.0 --token \"$(openssl rand -hex 16)\"\n\nWith --smtp and --mail-from, readers can ask on the page for the digest by mail,\nonce a week; --mail-to names who gets it without asking. Links in mails and in\nthe feed begin with --site. A password in the mail server's address is better\nput into PLIMSOLL_SMTP, which stands for --smtp."
)]
pub struct Serve {
    /// Models that answer at /v1, as OpenAI's API has it; none serves the pages alone
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Another name for a model, any number of times: NAME for the first one, or NAME=MODEL
    #[arg(long, value_name = "NAME[=MODEL]", requires = "models")]
    pub alias: Vec<String>,
    /// Tokens that prompt and answer may take together [default: the model's maximum, at most 8192]
    #[arg(long, value_name = "N", requires = "models")]
    pub context: Option<usize>,
    /// Requests that a model answers at once
    #[arg(long, value_name = "N", requires = "models", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    /// Gigabytes for keys and values of each model, and for prompts that are kept
    #[arg(long, value_name = "GB", requires = "models", default_value_t = 2.0, value_parser = parse_gigabytes)]
    pub cache_memory: f64,
    /// Gigabytes that all models may take, files and caches; the one not asked for longest makes room [default: no bound]
    #[arg(long, value_name = "GB", requires = "models", value_parser = parse_gigabytes)]
    pub memory: Option<f64>,
    /// How long a model stays loaded that nobody asks for, such as 5m or 300 seconds; -1 is for ever
    #[arg(long, value_name = "TIME", requires = "models", default_value = "-1", allow_hyphen_values = true, value_parser = parse_keep)]
    pub keep_alive: Keep,
    /// Seconds that answers in the making may take to end once the server is told to stop
    #[arg(long, value_name = "N", requires = "models", default_value_t = 30)]
    pub drain_seconds: u16,
    /// Address to listen on; one that other machines reach asks for a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 7777)]
    pub port: u16,
    /// What every reader has to show [default: none on this machine, else a random one that is printed]
    #[arg(long, value_name = "TEXT", value_parser = parse_token)]
    pub token: Option<String>,
    /// The same from a file, which stands in no list of processes
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub api_key_file: Option<PathBuf>,
    /// What the panel judges by [default: the rubric inside]
    #[arg(long, value_name = "FILE")]
    pub rubric: Option<PathBuf>,
    /// Mail server for the digest, such as smtps://user@host
    #[arg(long, value_name = "URL", requires = "mail_from")]
    pub smtp: Option<String>,
    /// Sender of the digest
    #[arg(long, value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Receiver of the digest besides those who ask for it on the page, any number of times
    #[arg(long, value_name = "ADDRESS", requires = "mail_from")]
    pub mail_to: Vec<String>,
    /// Where readers reach this server, such as https://plimsoll.example [default: this machine's address]
    #[arg(long, value_name = "URL", value_parser = parse_site)]
    pub site: Option<String>,
    #[command(flatten)]
    pub store: StoreArgs,
}

fn parse_site(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_fit =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]/_~".contains(&byte));
    if is_fit { Ok(text.to_owned()) } else { Err("expected an address such as https://plimsoll.example".to_owned()) }
}

fn parse_gigabytes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(gigabytes) if (0.0..=1e6).contains(&gigabytes) => Ok(gigabytes),
        _ => Err("expected a number of gigabytes, such as 2".to_owned()),
    }
}

/// A token as it may be.
pub fn parse_token(text: &str) -> Result<String, String> {
    let is_fit =
        text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_fit { Ok(text.to_owned()) } else { Err("expected 16 or more letters, digits, - or _".to_owned()) }
}
