//! Commands of other programs that people type here, and what stands for them.

/// What to do with a model that stands in the place of a command.
pub const A_MODEL: &str = "`plimsoll run MODEL` asks a model, `plimsoll info MODEL` tells what it is";

/// What to do in place of a command that is none here.
pub fn meant(word: &str) -> Option<&'static str> {
    Some(match word {
        "download" | "fetch" => {
            "`plimsoll pull NAME` fetches a model, after telling what it takes; `plimsoll fit` says first which would float"
        }
        "list" | "ls" => {
            "`plimsoll models` lists the models on this machine, `plimsoll catalog` those that are known, `plimsoll fit` \
             those that would float here"
        }
        "convert" | "quantise" => "`plimsoll quantize MODEL --to TYPE` writes a model as GGUF; BF16 keeps its floats",
        "chat" => "`plimsoll run MODEL` without a prompt is a chat",
        "show" => "`plimsoll info MODEL` shows what a model is, what its licence allows and what it takes",
        "ps" | "stop" => "no model stays loaded: each command ends with what it started",
        "devices" => "`plimsoll catalog --devices` lists the devices that are known",
        _ => return None,
    })
}
