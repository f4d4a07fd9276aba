//! What to do about an error: crates below say what is wrong, and the words of the command line are here alone.

use plimsoll_catalog::{Availability, CatalogError};
use plimsoll_engine::{EngineError, SessionError, TokenizerError, VisionEncoderError};
use plimsoll_fetch::FetchError;
use plimsoll_formats::FormatError;
use plimsoll_kernels::CpuError;
use plimsoll_lab::benchmark::BenchmarkError;
use plimsoll_lab::code::run::CodeError;
use plimsoll_lab::questions::QuestionsError;
use plimsoll_lab::runner::RunError;
use plimsoll_models::ModelError;
use plimsoll_panel::columns;
use plimsoll_panel::gate::{RulesError, UnknownMetric};
use plimsoll_panel::rubric::RubricError;
use plimsoll_panel::store::{BundleError, StoreError};
use plimsoll_runtime::LoadError;
use plimsoll_server::ServeError;
use plimsoll_vision::VisionError;

use super::fetch;
use super::files::{format_hint, picture_hint};
use crate::catalogue;
use crate::device::{NoDevice, bytes};
use crate::evidence::NoRubric;
use crate::mistake::Mistake;
use crate::model::{NoArtifact, NoModel, OwnCode};
use crate::wrong_download::WrongDownload;

/// What to do about one cause. Errors that stand for another hand the question on.
pub fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if cause.is::<OwnCode>() {
        return Some("`plimsoll fit` tells which models are run here, and what they take".to_owned());
    }
    if let Some(error) = cause.downcast_ref::<NoArtifact>() {
        return Some(no_artifact_hint(error));
    }
    if let Some(error) = cause.downcast_ref::<NoModel>() {
        return Some(no_model_hint(error));
    }
    if let Some(error) = cause.downcast_ref::<NoDevice>() {
        return Some(no_device_hint(error));
    }
    if let Some(mistake) = cause.downcast_ref::<Mistake>() {
        return Some(mistake.hint.clone());
    }
    if let Some(error) = cause.downcast_ref::<FetchError>() {
        return fetch::hint(error);
    }
    if let Some(error) = cause.downcast_ref::<WrongDownload>() {
        return Some(error.kind.hint().to_owned());
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return store_hint(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<BundleError>() {
        return bundle_hint(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<UnknownMetric>() {
        return Some(listed("there are", &error.known));
    }
    if cause.is::<RulesError>() {
        return Some("`plimsoll gate --help` shows a file with every kind of rule".to_owned());
    }
    if cause.is::<NoRubric>() {
        return Some("name the file that it was with --rubric FILE".to_owned());
    }
    if cause.downcast_ref::<RubricError>().is_some() {
        return Some("crates/panel/rubric.toml, shown at the end of every report, is one to start from".to_owned());
    }
    if let Some(error) = cause.downcast_ref::<ServeError>() {
        return serve_hint(error).map(str::to_owned);
    }
    if let Some(error) = cause.downcast_ref::<CatalogError>() {
        return Some(catalog_hint(error).to_owned());
    }
    if let Some(error) = cause.downcast_ref::<QuestionsError>() {
        if error.is_of_repeats() {
            return Some("such as \"id\": \"mine-7\"; or leave the repeated lines out".to_owned());
        }
        return Some("`plimsoll eval --help` shows a line for every check".to_owned());
    }
    if let Some(error) = cause.downcast_ref::<BenchmarkError>() {
        return benchmark_hint(error).map(str::to_owned);
    }
    if let Some(found) = cause.downcast_ref::<RunError>().and_then(run_hint) {
        return Some(found);
    }
    if let Some(found) = cause.downcast_ref::<CodeError>().and_then(code_hint) {
        return Some(found);
    }
    if let Some(error) = cause.downcast_ref::<SessionError>() {
        return session_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<VisionEncoderError>() {
        return vision_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<VisionError>() {
        return picture_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<LoadError>() {
        return load_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<CpuError>() {
        return Some(cpu_hint(error).to_owned());
    }
    if let Some(error) = cause.downcast_ref::<ModelError>() {
        return model_hint(error);
    }
    if let Some(error) = cause.downcast_ref::<FormatError>() {
        return format_hint(error);
    }
    cause.downcast_ref::<TokenizerError>().and_then(tokenizer_hint)
}

fn serve_hint(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::Bind { .. } => Some("another program may listen there; take another port with --port N"),
        ServeError::Open(_) => Some("name a token with --token"),
        ServeError::Store(error) => store_hint(error),
        ServeError::Random(_) => None,
    }
}

fn no_artifact_hint(error: &NoArtifact) -> String {
    let card = &error.card;
    let mut lines = Vec::new();
    if let Some(hub) = card.hub.first().filter(|_| card.availability != Availability::Announced) {
        let shape = card.shapes.iter().find(|shape| shape.hub.as_ref() == Some(hub));
        let size = shape.map(|shape| shape.native.as_ref().map_or(2.0 * shape.parameters as f64, |file| file.bytes));
        let about = size.map_or(String::new(), |size| format!(" (about {})", bytes(size)));
        lines.push(format!("`plimsoll pull {hub}`{about} fetches it, then the same command"));
        if card.availability == Availability::Gated {
            lines.push("its maker asks for a login and for its terms to be accepted first".to_owned());
        }
    }
    lines.push(format!("`plimsoll info {}` shows what is known of it, and predicts what it takes", card.id));
    lines.push(
        "MODEL may be the path of its files, such as a GGUF of it, or a card of your own may name them".to_owned(),
    );
    let own = catalogue::folder().map_or_else(String::new, |folder| format!(" in {}", folder.display()));
    lines.push(format!("as `artifact`{own}"));
    lines.extend(error.looked.iter().map(|path| format!("looked for {}", path.display())));
    lines.join("\n")
}

fn no_model_hint(error: &NoModel) -> String {
    let near = error.near.as_ref().map_or(String::new(), |near| format!("did you mean `{near}`?\n"));
    format!("{near}`plimsoll catalog` lists the names that are known; `plimsoll catalog WORD` searches them")
}

fn no_device_hint(error: &NoDevice) -> String {
    match &error.near {
        Some(near) => format!("did you mean `{near}`? `plimsoll catalog --devices` lists them all"),
        None => listed("there are", &error.known),
    }
}

/// Names behind `words`, in lines of eighty columns.
fn listed(words: &str, names: &[String]) -> String {
    let mut lines = vec![words.to_owned()];
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        let last = lines.last_mut().expect("there is always a line");
        // The first line has `hint: ` before it.
        if columns(last) + columns(name) > 70 {
            lines.push(format!("{name}{comma}"));
        } else {
            *last += &format!(" {name}{comma}");
        }
    }
    lines.join("\n")
}

fn store_hint(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Folder { .. } | StoreError::Sqlite { .. } => Some("--store names another file for evidence"),
        StoreError::Absent { .. } => Some("`plimsoll compare A B` makes one; --store names another file"),
        StoreError::Foreign { .. } => Some("nothing was changed in it; --store names another file for evidence"),
        StoreError::TooOld { .. } => Some("copy it to where it can be written, and name the copy with --store"),
        StoreError::TooNew { .. } => Some("take the later program, or another file with --store"),
        StoreError::Missing { .. } | StoreError::Ambiguous { .. } | StoreError::NoId { .. } => {
            Some("`plimsoll history` lists comparisons with their ids")
        }
        StoreError::Tampered { .. } | StoreError::Unfit { .. } | StoreError::TooLarge { .. } => {
            Some("`plimsoll evidence check` tells everything that does not hold")
        }
        StoreError::Taken { .. } => Some("`plimsoll evidence check` tells whether it is the one that is kept"),
        StoreError::Earlier { .. } => Some("its samples and what the panel said are written as .csv and .md"),
    }
}

fn bundle_hint(error: &BundleError) -> Option<&'static str> {
    match error {
        BundleError::Store(StoreError::Tampered { .. } | StoreError::Unfit { .. } | StoreError::TooLarge { .. }) => {
            Some("a bundle holds only what is as it was measured; nothing was written or taken")
        }
        BundleError::Store(error) => store_hint(error),
        BundleError::Form { .. } => Some("`plimsoll evidence export` writes bundles; nothing of this one was taken"),
        BundleError::Io { .. } => None,
    }
}

fn catalog_hint(error: &CatalogError) -> &'static str {
    match error {
        CatalogError::Io { .. } => "--catalog names a folder of cards",
        CatalogError::Malformed { .. } | CatalogError::Key { .. } => "CONTRIBUTING.md tells what a card holds",
    }
}

/// What makes a question fit, or the model see it.
fn run_hint(error: &RunError) -> Option<String> {
    let RunError::Answer { source, .. } = error else { return None };
    if let Some(error) = source.downcast_ref::<VisionError>() {
        return picture_hint(error);
    }
    let error = source.downcast_ref::<SessionError>()?;
    if matches!(error, SessionError::PromptTooLong { .. }) {
        return Some(
            "a question with all that stands before it must fit the context; MMLU shows fewer examples with --shots N"
                .to_owned(),
        );
    }
    session_hint(error)
}

fn benchmark_hint(error: &BenchmarkError) -> Option<&'static str> {
    match error {
        BenchmarkError::Table { .. } | BenchmarkError::Field { .. } | BenchmarkError::Empty { .. } => {
            Some("the file is to be as its makers publish it; questions in a form of your own are for --items FILE")
        }
        BenchmarkError::Pictures { .. } => Some("--items N takes only the first N"),
        _ => None,
    }
}

fn code_hint(error: &CodeError) -> Option<String> {
    match error {
        CodeError::TooFewSamples { k, .. } => Some(format!("sample more with --samples {k} --temperature 0.8")),
        CodeError::Alike { .. } => Some("draw them at a temperature above 0, such as --temperature 0.8".to_owned()),
        _ => None,
    }
}

fn session_hint(error: &SessionError) -> Option<String> {
    match error {
        SessionError::PromptTooLong { .. } => {
            Some("shorten the prompt; if the model has more context, `plimsoll run` takes --context N".to_owned())
        }
        SessionError::PromptFillsLength { .. } => {
            Some("shorten the prompt, or give the answer a length of your own: `plimsoll run` takes --max-tokens N".to_owned())
        }
        SessionError::ImageTooLong { .. } => {
            Some("a smaller picture takes fewer tokens; if the model has more context, --context N gives it".to_owned())
        }
        SessionError::NoTemplate { .. } => Some(
            "it was made to continue text: `plimsoll run` does so with --raw, and puts messages into a common form with\n\
             --template chatml; `plimsoll eval` asks with --prompting base"
                .to_owned(),
        ),
        SessionError::Template(_) => {
            Some("`plimsoll run` takes another template with --template, and none with --raw".to_owned())
        }
        SessionError::Cache(_) => Some("`plimsoll run` takes less memory with --context N".to_owned()),
        SessionError::Load(error) => load_hint(error),
        SessionError::Tokenizer(error) => tokenizer_hint(error),
        SessionError::Vision(error) => vision_hint(error),
        SessionError::Engine(error) => engine_hint(error),
        _ => None,
    }
}

fn engine_hint(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Python { .. } => Some("PLIMSOLL_PYTHON names the Python to start".to_owned()),
        EngineError::Missing { engine, python, .. } => Some(format!(
            "`{python} -m pip install {}` installs it; PLIMSOLL_PYTHON names the Python of another environment",
            engine.packages()
        )),
        EngineError::Refused(_) => Some("the folder may be of a newer version of that engine, or damaged".to_owned()),
        EngineError::NoFolder { .. } => None,
    }
}

fn vision_hint(error: &VisionEncoderError) -> Option<String> {
    match error {
        VisionEncoderError::TextOnly { .. } => {
            Some("GGUF models see through an mmproj file beside them, or named with --mmproj".to_owned())
        }
        VisionEncoderError::Format(error) => format_hint(error),
        VisionEncoderError::Load(error) => load_hint(error),
        VisionEncoderError::Vision(error) => picture_hint(error),
        VisionEncoderError::Tokenizer(error) => tokenizer_hint(error),
        VisionEncoderError::Processor { .. } => {
            Some("take config.json and the settings of the image processor from the same published files".to_owned())
        }
        VisionEncoderError::Tiles { .. }
        | VisionEncoderError::NoImageToken { .. }
        | VisionEncoderError::ImageTokens { .. }
        | VisionEncoderError::ControlTexts(_)
        | VisionEncoderError::Template(_) => None,
    }
}

fn load_hint(error: &LoadError) -> Option<String> {
    match error {
        LoadError::Network(error) => model_hint(error),
        LoadError::Weights(error) => format_hint(error),
        LoadError::Cpu(error) => Some(cpu_hint(error).to_owned()),
        LoadError::Foreign { .. } => {
            Some("`plimsoll run`, `eval`, `bench`, `compare` and `verify --base` have that engine run it".to_owned())
        }
    }
}

fn cpu_hint(error: &CpuError) -> &'static str {
    match error {
        CpuError::Isa { .. } => "leave PLIMSOLL_ISA unset to take the best level there is",
        CpuError::TooManyThreads { .. } | CpuError::Threads { .. } => "leave --threads out to use every core",
    }
}

fn model_hint(error: &ModelError) -> Option<String> {
    match error {
        ModelError::TooManyLayers { .. } => Some("the file is damaged, or its configuration is another's".to_owned()),
        _ => None,
    }
}

fn tokenizer_hint(error: &TokenizerError) -> Option<String> {
    match error {
        TokenizerError::UnknownPreTokenizer { .. } | TokenizerError::NoPreTokenizer => {
            Some("name a pre-tokenizer with --pre TAG".to_owned())
        }
        TokenizerError::InFile { error, .. } => tokenizer_hint(error),
        TokenizerError::Absent { .. } => Some("put the maker's tokenizer.json beside the weights".to_owned()),
        _ => None,
    }
}
