//! What to do about a fetch that failed.

use plimsoll_fetch::FetchError;

/// What to do about a fetch that failed.
pub fn hint(error: &FetchError) -> Option<String> {
    Some(match error {
        FetchError::Reference(_) => {
            "ORG/NAME or hf:ORG/NAME with @REVISION and :QUANTISATION, ollama:NAME[:TAG], or a name of `plimsoll catalog`"
                .to_owned()
        }
        FetchError::Gated { .. } | FetchError::Unknown { .. } | FetchError::Refused { .. } => {
            "--token-from FILE or --token-from env:NAME says where the token is; it is not taken from anywhere else".to_owned()
        }
        FetchError::Busy { .. } | FetchError::Stalled { .. } | FetchError::Truncated { .. } => {
            "the same command goes on where it was".to_owned()
        }
        FetchError::Connection { .. } => {
            "HTTPS_PROXY names a proxy, SSL_CERT_FILE a file of authorities, --from another hub; the same command goes on \
             where it was"
                .to_owned()
        }
        FetchError::Choice { .. } => {
            "hf:ORG/NAME:QUANTISATION names one of a repository's GGUF; `plimsoll pull hf:ORG/NAME --dry-run` tells what \
             would be fetched"
                .to_owned()
        }
        FetchError::NoRoom { .. } => {
            "HF_HUB_CACHE names a folder on another disk; `plimsoll models` lists what is here, and removes it".to_owned()
        }
        FetchError::OpenToken { .. } => "take an address that begins with https://".to_owned(),
        FetchError::WrongHash(_) => "nothing of it was kept; a proxy that changes what passes does this".to_owned(),
        _ => return None,
    })
}
