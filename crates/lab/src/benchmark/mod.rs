//! Published benchmarks, read from the user's files in their published layouts.
//!
//! Each file beside this one declares a layout, the words in which its questions are put, and how answers are marked;
//! where lm-evaluation-harness 0.4.13 has the task, words and marking are its own. Nothing of a benchmark is inside.

mod arc;
mod bfcl;
mod chartqa;
mod docvqa;
mod error;
mod examples;
mod gsm8k;
mod hellaswag;
mod humaneval;
mod ifeval;
mod marking;
mod mbpp;
mod mmlu;
mod mmlu_pro;
mod mmmu;
mod number;
mod ocrbench;
mod program;
mod table;
mod textvqa;
mod vqa;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

pub use bfcl::Calls;
pub use error::{BenchmarkError, FieldFlaw};
use examples::Examples;
pub use ifeval::{Instruction, Instructions};
pub use marking::{Marking, Reading};
pub use program::ProgramTask;
use table::Row;

use crate::code::Judge;
use crate::prompting::Prompting;
use crate::runner::ItemOutcome;
use crate::score::Scoring;
use crate::suite::{Framing, Image, Item, Message, Source};

/// Questions whose reference is tried where programs are to be written.
const CANARIES: usize = 3;
/// Bytes of all pictures, which are held while the questions are asked.
const MOST_PICTURE_BYTES: usize = 2 << 30;

/// A published benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Benchmark {
    /// Hendrycks et al. 2021: four options, 57 subjects.
    Mmlu,
    /// Wang et al. 2024: up to ten options, reasoned about.
    MmluPro,
    /// Cobbe et al. 2021: sums in words.
    Gsm8k,
    /// Clark et al. 2018: science of the school, easy or challenge by the file.
    Arc,
    /// Zellers et al. 2019: how a text goes on.
    Hellaswag,
    /// Zhou et al. 2023: instructions that a program can check.
    Ifeval,
    /// Chen et al. 2021: Python functions.
    Humaneval,
    /// Austin et al. 2021: Python functions.
    Mbpp,
    /// Mathew et al. 2021: questions about scanned documents.
    Docvqa,
    /// Masry et al. 2022: questions about charts.
    Chartqa,
    /// Singh et al. 2019: questions about texts in photographs.
    Textvqa,
    /// Liu et al. 2023: reading of many kinds.
    Ocrbench,
    /// Yue et al. 2024: questions of college exams about pictures.
    Mmmu,
    /// Patil et al. 2024: calls of functions, checked without running them.
    Bfcl,
}

/// How a benchmark is asked.
#[derive(Clone)]
pub struct Asking {
    /// As a chat or as a text to be continued. Questions about pictures are always a chat.
    pub prompting: Prompting,
    /// Answered examples before each question, where the layout has them (MMLU's folder) or `shots_from` does; without it as
    /// many as are usual.
    pub shots: Option<usize>,
    /// A file of the same benchmark whose first rows are the examples, for those that [`Benchmark::takes_examples`].
    pub shots_from: Option<PathBuf>,
    /// Only the first so many of each category.
    pub each: Option<usize>,
    /// Who runs programs; needed by those that [`Benchmark::writes_programs`].
    pub judge: Option<Arc<dyn Judge + Send + Sync>>,
}

/// What a reader makes of a row.
struct Draft {
    /// What the file calls it; the row's number where it calls it nothing.
    id: Option<String>,
    /// Its part of the benchmark.
    part: Option<String>,
    prompt: String,
    scoring: Scoring,
    max_tokens: usize,
    images: Vec<Image>,
    stops: &'static [&'static str],
    /// Questions with their answers, as a conversation before this one.
    earlier: Vec<Message>,
}

impl Draft {
    /// A question without pictures, of a benchmark without parts.
    fn new(prompt: String, scoring: Scoring, max_tokens: usize) -> Draft {
        Draft { id: None, part: None, prompt, scoring, max_tokens, images: Vec::new(), stops: &[], earlier: Vec::new() }
    }
}

/// A question of a row; `None` where the row is none, such as a task of another split.
type Reader = fn(&Row, &Asking) -> Result<Option<Draft>, FieldFlaw>;

impl Benchmark {
    /// Every benchmark with its name.
    pub const ALL: [(Benchmark, &'static str); 14] = [
        (Benchmark::Mmlu, "mmlu"),
        (Benchmark::MmluPro, "mmlu-pro"),
        (Benchmark::Gsm8k, "gsm8k"),
        (Benchmark::Arc, "arc"),
        (Benchmark::Hellaswag, "hellaswag"),
        (Benchmark::Ifeval, "ifeval"),
        (Benchmark::Humaneval, "humaneval"),
        (Benchmark::Mbpp, "mbpp"),
        (Benchmark::Docvqa, "docvqa"),
        (Benchmark::Chartqa, "chartqa"),
        (Benchmark::Textvqa, "textvqa"),
        (Benchmark::Ocrbench, "ocrbench"),
        (Benchmark::Mmmu, "mmmu"),
        (Benchmark::Bfcl, "bfcl"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(benchmark, _)| *benchmark == self).map_or("", |(_, name)| name)
    }

    /// Whether the model writes programs, which a sandbox runs.
    pub fn writes_programs(self) -> bool {
        matches!(self, Benchmark::Humaneval | Benchmark::Mbpp)
    }

    /// Whether examples can be read from a file of its own.
    pub fn takes_examples(self) -> bool {
        self.usual_shots() > 0
    }

    /// Answered examples with which scores are usually published. Sources: the papers of MMLU and MBPP; Open LLM Leaderboard
    /// 1 for ARC and HellaSwag; lm-evaluation-harness for GSM8K.
    pub fn usual_shots(self) -> usize {
        match self {
            Benchmark::Arc => 25,
            Benchmark::Hellaswag => 10,
            Benchmark::Mmlu | Benchmark::Gsm8k => 5,
            Benchmark::Mbpp => 3,
            _ => 0,
        }
    }

    /// Examples before each question of a file.
    fn shots(self, asking: &Asking) -> usize {
        match asking.shots_from {
            Some(_) if self.takes_examples() => asking.shots.unwrap_or(self.usual_shots()),
            _ => 0,
        }
    }

    /// Examples before each question of MMLU's folder, which has them.
    fn shots_of_folder(self, asking: &Asking) -> usize {
        asking.shots.unwrap_or(self.usual_shots())
    }

    /// Whether it shows pictures, which only a chat can.
    pub fn shows_pictures(self) -> bool {
        use Benchmark::{Chartqa, Docvqa, Mmmu, Ocrbench, Textvqa};
        matches!(self, Docvqa | Chartqa | Textvqa | Ocrbench | Mmmu)
    }

    /// `answers` are those of BFCL, which lie in a file of their own.
    fn question(
        self,
        row: &Row,
        answers: &bfcl::Answers,
        examples: &Examples,
        asking: &Asking,
    ) -> Result<Option<Draft>, FieldFlaw> {
        let reader: Reader = match self {
            Benchmark::Mmlu => return mmlu::question(row, examples, asking),
            Benchmark::MmluPro => mmlu_pro::question,
            Benchmark::Gsm8k => gsm8k::question,
            Benchmark::Arc => arc::question,
            Benchmark::Hellaswag => hellaswag::question,
            Benchmark::Ifeval => ifeval::question,
            Benchmark::Humaneval => humaneval::question,
            Benchmark::Mbpp => mbpp::question,
            Benchmark::Docvqa => docvqa::question,
            Benchmark::Chartqa => chartqa::question,
            Benchmark::Textvqa => textvqa::question,
            Benchmark::Ocrbench => ocrbench::question,
            Benchmark::Mmmu => mmmu::question,
            Benchmark::Bfcl => return bfcl::question(row, answers, asking),
        };
        reader(row, asking)
    }

    /// How it is put and marked, in a few words.
    pub fn variant(self, prompting: Prompting, shots: usize) -> String {
        let prompting = if self.shows_pictures() { Prompting::Chat } else { prompting };
        let marked = match (self, prompting) {
            (Benchmark::Mmlu, _) => "likeliest letter, words of Hendrycks' script",
            (Benchmark::MmluPro, _) => "reasoned, letter behind \"answer is\"",
            (Benchmark::Gsm8k, Prompting::Base) if shots == 0 => "last number",
            (Benchmark::Gsm8k, _) => "number behind ####",
            (Benchmark::Arc | Benchmark::Hellaswag, _) => "likeliest option for its length (acc_norm)",
            (Benchmark::Ifeval, _) => "every instruction followed (prompt-level strict), Swahili left out",
            (Benchmark::Humaneval | Benchmark::Mbpp, _) => "one greedy program, run against its tests",
            (Benchmark::Docvqa, _) => "ANLS of 0.5 or more",
            (Benchmark::Chartqa, _) => "relaxed accuracy, 5 %",
            (Benchmark::Textvqa, _) => "VQA accuracy of 0.5 or more",
            (Benchmark::Ocrbench, _) => "answer contains the text",
            (Benchmark::Mmmu, _) => "letter of the answer, multiple choice only",
            (Benchmark::Bfcl, _) => "calls as the AST check wants them, own words",
        };
        let usual = match self.usual_shots() {
            n if n == 0 || n == shots => String::new(),
            n => format!("; usually {n}-shot"),
        };
        format!("{shots}-shot {prompting}, {marked}{usual}")
    }

    /// The questions of the file (or, of MMLU, the folder) at `path`.
    ///
    /// # Errors
    /// The file, row and field that are not as published; for programs, that a published solution fails its own tests.
    pub fn read(self, path: &Path, asking: &Asking) -> Result<(Source, Vec<Item>), BenchmarkError> {
        let file = path.display().to_string();
        let folder = self == Benchmark::Mmlu && path.is_dir();
        let (items, sha256) = if folder { mmlu::folder(path, asking)? } else { self.rows(path, asking)? };
        if items.is_empty() {
            return Err(BenchmarkError::Empty { file, benchmark: self.name() });
        }
        check_programs(&items)?;
        let shots = if folder { self.shots_of_folder(asking) } else { self.shots(asking) };
        let variant = self.variant(asking.prompting, shots);
        Ok((Source { name: self.name().to_owned(), variant, path: file, sha256 }, items))
    }

    /// The questions of the rows of a file, and the SHA-256 of its bytes.
    fn rows(self, path: &Path, asking: &Asking) -> Result<(Vec<Item>, String), BenchmarkError> {
        let file = path.display().to_string();
        let answers = if self == Benchmark::Bfcl { bfcl::answers(path)? } else { bfcl::Answers::new() };
        let examples = Examples::read(self, asking)?;
        let (mut items, mut picture_bytes) = (Vec::new(), 0);
        let mut kept = std::collections::HashMap::<String, usize>::new();
        let sha256 = table::rows(path, |number, row| {
            let at = |flaw| BenchmarkError::Field { file: file.clone(), row: number, flaw };
            let Some(draft) = self.question(row, &answers, &examples, asking).map_err(at)? else { return Ok(()) };
            let draft = examples.before(draft, asking.prompting);
            let item = self.item(draft, number, asking);
            let of_category = kept.entry(item.category.clone()).or_default();
            *of_category += 1;
            if asking.each.is_none_or(|each| *of_category <= each) {
                picture_bytes += item.framing.images.iter().map(Image::n_bytes).sum::<usize>();
                if picture_bytes > MOST_PICTURE_BYTES {
                    return Err(BenchmarkError::Pictures { file: file.clone(), row: number, most: MOST_PICTURE_BYTES });
                }
                items.push(item);
            }
            Ok(())
        })?;
        Ok((items, sha256))
    }

    fn item(self, draft: Draft, number: usize, asking: &Asking) -> Item {
        let Draft { id, part, prompt, scoring, max_tokens, images, stops, earlier } = draft;
        let category = part.map_or_else(|| self.name().to_owned(), |part| format!("{}.{part}", self.name()));
        let continued = asking.prompting == Prompting::Base && !self.shows_pictures();
        // A chat ends its answers by itself.
        let stops = if continued { stops.iter().map(|stop| (*stop).to_owned()).collect() } else { Vec::new() };
        Item {
            id: format!("{}-{}", self.name(), id.unwrap_or_else(|| number.to_string())),
            category,
            prompt,
            scoring,
            max_tokens,
            picture: None,
            framing: Framing { earlier, images, continued, stops },
        }
    }
}

/// The solutions of the first programs must pass and an empty one must not.
fn check_programs(items: &[Item]) -> Result<(), BenchmarkError> {
    let programs = items.iter().filter(|item| matches!(item.scoring, Scoring::Program(_)));
    for item in programs.take(CANARIES) {
        let judged = |answer: &str| {
            let marked = item.scoring.marked(answer);
            marked.map_err(|source| BenchmarkError::Judge { item: item.id.clone(), source })
        };
        for (answer, passes) in [(item.scoring.reference(), true), (String::new(), false)] {
            if judged(&answer)? != passes {
                return Err(BenchmarkError::Canary { item: item.id.clone(), passes });
            }
        }
    }
    Ok(())
}

/// What every rule of the benchmark says of an outcome; nothing where there is one rule alone.
pub fn readings(scoring: &Scoring, outcome: &ItemOutcome) -> Vec<Reading> {
    match scoring {
        Scoring::Benchmark(marking) => marking.readings(&outcome.answer, &outcome.log_likelihoods),
        _ => Vec::new(),
    }
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Benchmark {
    type Err = String;

    fn from_str(text: &str) -> Result<Benchmark, String> {
        let known = Self::ALL.map(|(_, name)| name);
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(benchmark, _)| *benchmark).ok_or_else(|| {
            let meant = crate::questions::did_you_mean(text, &known);
            let meant = meant.map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)"));
            format!("no benchmark is named `{text}`{meant}; there are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests;
