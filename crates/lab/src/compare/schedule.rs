//! What a comparison will take, from what is predicted of the models and from how much there is to do.

use plimsoll_engine::{Session, Special};
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_runtime::{BATCH_TOKENS, CacheType};

use super::stage::Stage;
use super::steps::some_of;
use crate::bench::Plan;
use crate::fidelity::n_items;
use crate::suite::{Item, Suite};

/// Bytes of weights that are hashed in a second: SHA-256 with the instructions for it.
const HASHED_A_SECOND: f64 = 1e9;
/// Tokens of the question whose answer is timed, with a chat template around it, and of its answer.
const START_TOKENS: [usize; 2] = [48, 16];
/// What a process takes before it has read anything of a model, in s.
const PROCESS: f64 = 0.05;
/// Tokens that a chat template puts around a question.
const TEMPLATE_TOKENS: usize = 24;
/// Tokens of an answer for each that the right one has, and what stands around them.
const WORDINESS: (f64, f64) = (1.5, 4.0);
/// Room for an answer, in tokens, from which on a model is asked to reason, and the part of it that models take.
const REASONING: (usize, f64) = (200, 0.3);
/// Rounds of warm-up before anything is timed, where the machine is steady.
const WARM_UPS: f64 = 2.0;
/// What a repetition lasts at least, in s.
const LEAST_REPETITION: f64 = 0.1;

/// Every stage in its order, with what it is expected to take, in s.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule(Vec<(Stage, f64)>);

/// What is known of one model before it runs.
pub(super) struct Expected<'a> {
    pub cost: Cost,
    pub machine: &'a Machine,
    pub cache: CacheType,
    /// Of its files.
    pub bytes: u64,
    /// Looking at one picture of a question, in s.
    pub look: f64,
}

/// How much there is to do.
pub(super) struct Work<'a> {
    pub plan: &'a Plan,
    pub starts: usize,
    /// Tokens that a fresh process fills its context with; 0 where it only answers once.
    pub filled: usize,
    pub suite: &'a Suite,
    /// Whether predictions of two models are laid beside each other at the end.
    pub predicts: bool,
}

impl Expected<'_> {
    /// Passing a prompt of `tokens` behind `depth` others, in s.
    fn prefill(&self, tokens: usize, depth: usize) -> f64 {
        self.cost.prefill_seconds(tokens.max(1), depth, BATCH_TOKENS, self.machine)
    }

    /// Decoding `tokens` behind `depth` others, in s.
    fn decode(&self, tokens: f64, depth: usize) -> f64 {
        tokens * self.cost.decode_seconds(depth, |head_dim| self.cache.head_bytes(head_dim), self.machine)
    }

    fn first_token(&self) -> f64 {
        let [prompt, answer] = START_TOKENS;
        self.prefill(prompt, 0) + self.decode(answer as f64, prompt)
    }

    /// A fresh process that answers once and then fills its context.
    fn start(&self, filled: usize) -> f64 {
        let fill = if filled > 0 { self.prefill(filled, 0) + self.look } else { 0.0 };
        PROCESS + self.bytes as f64 / self.machine.read_bandwidth + self.first_token() + fill
    }

    /// Prefill and decode at every depth, warm-up included.
    fn timings(&self, plan: &Plan) -> f64 {
        let at = |depth: &usize| {
            let [prefill, decode] =
                [self.prefill(plan.prefill_tokens, *depth), self.decode(plan.decode_tokens as f64, *depth)];
            let repetition = prefill.max(LEAST_REPETITION) + decode.max(LEAST_REPETITION);
            WARM_UPS * (prefill + decode) + plan.repetitions as f64 * repetition
        };
        let deepest = plan.depths.iter().max().copied().unwrap_or(0);
        plan.depths.iter().map(at).sum::<f64>() + if deepest > 0 { self.prefill(deepest, 0) } else { 0.0 }
    }

    /// Putting one question.
    fn answer(&self, item: &Item, session: &Session) -> f64 {
        let tokens =
            |text: &str| session.tokenizer().encode(text, Special::AsText).map_or(text.len() / 4, |ids| ids.len());
        let prompt = tokens(&item.prompt) + TEMPLATE_TOKENS;
        let look = if item.shows_pictures() { self.look } else { 0.0 };
        let answering = match item.scoring.options() {
            // The prompt is shared, and an option costs about as much as a token.
            Some((options, _)) => self.decode(options.len() as f64, prompt),
            None => {
                let expected = tokens(&item.scoring.reference()) as f64 * WORDINESS.0 + WORDINESS.1;
                let reasoning = if item.max_tokens > REASONING.0 { item.max_tokens as f64 * REASONING.1 } else { 0.0 };
                self.decode(expected.max(reasoning).min(item.max_tokens as f64), prompt)
            }
        };
        look + self.prefill(prompt, 0) + answering
    }
}

impl Schedule {
    /// Of stages with what each takes, in s.
    #[cfg(test)]
    pub fn of_stages(stages: Vec<(Stage, f64)>) -> Schedule {
        Schedule(stages)
    }

    /// For models, each with its session, in the order in which they are measured.
    pub fn new(models: &[Expected<'_>], sessions: &[Session], work: &Work<'_>) -> Schedule {
        let sum = |of: &dyn Fn(&Expected<'_>) -> f64| models.iter().map(of).sum::<f64>();
        let mut stages: Vec<(Stage, f64)> = models
            .iter()
            .enumerate()
            .map(|(i, model)| (Stage::Hashing(i), model.bytes as f64 / HASHED_A_SECOND))
            .collect();
        stages.push((Stage::Starting, work.starts as f64 * sum(&|model| model.start(work.filled))));
        let warm = (1 + work.plan.repetitions) as f64;
        stages.push((Stage::Timing, sum(&|model| model.timings(work.plan) + warm * model.first_token())));
        let asking = |items: &mut dyn Iterator<Item = &Item>, i: usize| -> f64 {
            items.map(|item| models[i].answer(item, &sessions[i])).sum()
        };
        let all = 0..models.len();
        stages.extend(all.clone().map(|i| (Stage::Asking(i), asking(&mut work.suite.items.iter(), i))));
        stages.extend(all.map(|i| (Stage::AskingAgain(i), asking(&mut some_of(work.suite).into_iter(), i))));
        if work.predicts {
            let mean = |model: &Expected<'_>| model.prefill(START_TOKENS[0], 0);
            stages.push((Stage::Predicting, n_items(work.suite) as f64 * 3.0 * sum(&mean)));
        }
        Schedule(stages)
    }

    /// What comes before `stage`, in s.
    pub fn before(&self, stage: Stage) -> f64 {
        self.0.iter().take_while(|(other, _)| *other != stage).map(|(_, seconds)| seconds).sum()
    }

    /// `stage` itself, in s.
    pub fn of(&self, stage: Stage) -> f64 {
        self.0.iter().find(|(other, _)| *other == stage).map_or(0.0, |(_, seconds)| *seconds)
    }

    /// Everything, in s.
    pub fn whole(&self) -> f64 {
        self.0.iter().map(|(_, seconds)| seconds).sum()
    }
}
