//! `plimsoll gate`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::measure::MeasureArgs;

const HELP: &str = r#"Example:
  plimsoll gate --model ./new.gguf --baseline ./old.gguf --rules gate.toml \
      --use commercial --junit gate.xml
  plimsoll gate --from plimsoll-A-vs-B.json --rules gate.toml
  plimsoll gate --model ./new.gguf --baseline ./old.gguf --rules gate.toml \
      --items mine.jsonl                # your questions (`plimsoll eval --help`)

gate.toml, each rule with a name if it needs one:
  [[rule]]
  name = "fast enough"
  metric = "decode@0"              # absolute, in tokens/s, s, bytes or shares:
  at_least = 20                    # at_least or at_most

  [[rule]]
  metric = "peak_memory"           # beside the baseline:
  at_most_of_baseline = 1.1        # at_least_of_baseline or at_most_of_baseline

  [[rule]]
  metric = "accuracy"              # or of a category, accuracy.dates
  no_worse_by = 0.02               # a margin of equivalence, fixed beforehand

  [[rule]]
  licence = "passed"               # needs --use

  [[rule]]
  verdict = "Ship"                 # the panel's word, or better: Ship or Mixed

A rule passes or fails by the whole interval; one that straddles the bound is
inconclusive. Exit status: 0 all passed, 1 any failed, 2 none failed and some
inconclusive, 3 error."#;

/// `gate`
#[derive(ClapArgs, Debug)]
#[command(after_help = HELP)]
pub struct Gate {
    /// The model that is to be shipped
    #[arg(long, value_name = "MODEL", required_unless_present = "from")]
    pub model: Option<String>,
    /// What it is held against
    #[arg(long, value_name = "MODEL", required_unless_present = "from")]
    pub baseline: Option<String>,
    /// What must hold
    #[arg(long, value_name = "FILE")]
    pub rules: PathBuf,
    /// Judge a report of `compare`, whose A is the model, instead of measuring: its JSON file, or a comparison of the
    /// store by its id or the beginning of it. With --use or --need it is judged again for that
    #[arg(
        long,
        value_name = "FILE|ID",
        conflicts_with_all = ["model", "baseline", "items", "benchmark", "shots_from", "prompting", "shots", "seed", "repeat", "margin", "context", "images", "workload"]
    )]
    pub from: Option<String>,
    /// Write the answer as JUnit XML too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub measure: MeasureArgs,
}
