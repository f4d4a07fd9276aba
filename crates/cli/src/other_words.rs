//! Commands of other programs that people type here, and what stands for them.

/// What to do with a model that stands in the place of a command.
pub const A_MODEL: &str = "`plimsoll run MODEL` asks a model, `plimsoll info MODEL` tells what it is";

/// What to do in place of a command that is none here.
pub fn meant(word: &str) -> Option<&'static str> {
    Some(match word {
        "pull" | "download" => {
            "nothing is fetched here: `hf download OWNER/NAME` fetches a model, and `plimsoll run OWNER/NAME` finds it; \
             `plimsoll fit` says first which would float"
        }
        "list" | "ls" | "models" => {
            "`plimsoll catalog` lists the models that are known, `plimsoll fit` those that would float here"
        }
        "chat" => "`plimsoll run MODEL` without a prompt is a chat",
        "show" => "`plimsoll info MODEL` shows what a model is, what its licence allows and what it takes",
        "ps" | "stop" => "no model stays loaded: each command ends with what it started",
        "devices" => "`plimsoll catalog --devices` lists the devices that are known",
        _ => return None,
    })
}
