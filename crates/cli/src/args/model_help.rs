//! What MODEL stands for in every command.

/// Help of the argument.
pub const MODEL_HELP: &str = "A folder in Hugging Face layout, a .gguf file, demo:small, demo:large, demo:vision, or a name of `plimsoll catalog`";
