//! `pull` and `models`.

use clap::{Args as ClapArgs, Subcommand};

use super::usage::UseArgs;

/// `pull`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll pull smollm3\n  plimsoll pull hf:ORG/NAME@v1.0:Q4_K_M --use commercial\n  plimsoll pull ollama:smollm2:360m --dry-run\n\nFiles of the hub come into the cache that Hugging Face's own tools keep, where they find them; those of Ollama\ninto Ollama's store. Before any weight is fetched it is told what it takes. What was interrupted goes on where it\nwas, and what has its name has its hash.\n\nEnvironment:\n  HF_ENDPOINT                     another hub\n  HF_HUB_CACHE, HF_HOME           the hub's cache\n  HF_HUB_OFFLINE=1                as --offline\n  OLLAMA_MODELS                   Ollama's store\n  HTTPS_PROXY, NO_PROXY           a proxy\n  SSL_CERT_FILE                   who is trusted"
)]
pub struct Pull {
    /// A name of `plimsoll catalog`, ORG/NAME or hf:ORG/NAME with @REVISION and :QUANTISATION, or ollama:NAME[:TAG]
    pub model: String,
    /// Fetch the projector too, which a GGUF sees with
    #[arg(long)]
    pub mmproj: bool,
    /// The hub, or the registry, to ask [default: HF_ENDPOINT, else https://huggingface.co; https://registry.ollama.ai]
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// Where the token is, which gated and private models ask for: a file, or env:NAME; it goes to that hub alone
    #[arg(long, value_name = "FILE|env:NAME")]
    pub token_from: Option<String>,
    /// Ask nobody: tell what is here, and fail where something is missing
    #[arg(long)]
    pub offline: bool,
    /// Fetch without a question
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Tell what would be fetched, and fetch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Tokens of context to predict memory for [default: the engine's choice]
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    #[command(flatten)]
    pub usage: UseArgs,
    /// Whether the model is opened at once, so that nobody has to be told where it lies.
    #[arg(skip)]
    pub is_opened_next: bool,
}

impl Pull {
    /// Of a model that another command is about to open.
    pub fn before_opening(model: &str) -> Pull {
        Pull {
            model: model.to_owned(),
            mmproj: false,
            from: None,
            token_from: None,
            offline: false,
            yes: false,
            dry_run: false,
            context: None,
            usage: UseArgs::default(),
            is_opened_next: true,
        }
    }
}

/// `models`
#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    /// What to do [default: list]
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
}

/// What to do with the models on this machine.
#[derive(Subcommand, Debug)]
pub enum ModelsAction {
    /// List them: in the hub's cache and in Ollama's store
    List,
    /// Compare files with their hashes; exit status 0 if all are whole, 1 if not, 2 if some have no hash, 3 error
    Verify {
        /// Which [default: all]
        models: Vec<String>,
    },
    /// Remove a model from the disk
    Remove {
        /// Which: ORG/NAME, or ollama:NAME[:TAG]
        model: String,
        /// Remove without a question
        #[arg(long, short = 'y')]
        yes: bool,
    },
}
