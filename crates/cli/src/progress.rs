//! A progress bar for people; of a comparison, a line for each stage in a pipe.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_lab::compare::{Progress, Stage};

use crate::notice::say;

/// From this share of the whole on the pace so far says more of the rest than what was predicted.
const TELLING: f64 = 0.1;

/// A bar of `len` steps on standard error, hidden unless that is a terminal.
pub fn bar(len: u64, what: &str) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(len), target);
    let style = ProgressStyle::with_template("{msg:<28!} {wide_bar} {pos}/{len} {eta}").expect("a valid template");
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// How far something is: a bar on a terminal, in a pipe a line every few seconds.
pub struct Steps {
    what: &'static str,
    bar: ProgressBar,
    of: u64,
    passed: u64,
    told: Instant,
}

/// Between two lines in a pipe.
const PAUSE: Duration = Duration::from_secs(5);

impl Steps {
    /// Of so many.
    pub fn new(of: u64, what: &'static str) -> Steps {
        Steps { what, bar: bar(of, what), of, passed: 0, told: Instant::now() }
    }

    /// So many more are done.
    pub fn pass(&mut self, steps: u64) {
        self.passed += steps;
        self.bar.set_position(self.passed);
        if self.told.elapsed() >= PAUSE && !std::io::stderr().is_terminal() {
            say(format_args!("{}: {} %", self.what, self.passed * 100 / self.of.max(1)));
            self.told = Instant::now();
        }
    }

    /// Takes the bar away.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// A comparison as somebody waits for it.
pub struct Waiting {
    began: Instant,
    shown: Option<(Stage, ProgressBar)>,
}

impl Waiting {
    pub fn new() -> Waiting {
        Waiting { began: Instant::now(), shown: None }
    }

    /// Shows how far it is: a bar on a terminal, in a pipe a line where a stage begins.
    pub fn hear(&mut self, now: Progress) {
        let left = self.left(now);
        if self.shown.as_ref().is_none_or(|(stage, _)| *stage != now.stage) {
            self.done();
            if !std::io::stderr().is_terminal() {
                let left = left.as_ref().map_or(String::new(), |left| format!("; {left}"));
                say(format_args!("{}{left}", now.title()));
            }
            self.shown = Some((now.stage, whole_bar(now)));
        }
        if let Some((_, bar)) = &self.shown {
            bar.set_position(now.done as u64);
            bar.set_prefix(left.unwrap_or_default());
        }
    }

    /// Takes the bar away.
    pub fn done(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }

    /// What is left of the whole, at the pace so far.
    fn left(&self, now: Progress) -> Option<String> {
        let left = left(now, self.began.elapsed().as_secs_f64());
        left.is_finite().then(|| format!("about {} left in all", spoken(left)))
    }
}

/// What is left of what was predicted, as fast as it went in `elapsed` seconds; in the beginning as fast as predicted, in s.
fn left(now: Progress, elapsed: f64) -> f64 {
    let pace = if now.spent >= TELLING * now.whole { elapsed / now.spent } else { 1.0 };
    (now.whole - now.spent).max(0.0) * pace
}

/// A bar whose end is the stage's and whose time is the whole comparison's.
fn whole_bar(now: Progress) -> ProgressBar {
    let bar = bar(now.of as u64, &now.title());
    let style = ProgressStyle::with_template("{msg:<37!} {wide_bar} {pos}/{len} {prefix}").expect("a valid template");
    bar.set_style(style);
    bar
}

/// A time as one speaks of it.
fn spoken(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{:.0} s", s.max(1.0)),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_lab::compare::{Progress, Stage};

    use super::{left, spoken};

    #[test]
    fn the_rest_is_told_from_the_start_and_then_at_the_pace_so_far() {
        let at = |spent| Progress { stage: Stage::Starting, done: 0, of: 1, spent, whole: 1000.0 };
        assert_eq!(left(at(0.0), 3.0), 1000.0, "nothing is known yet but what was predicted");
        assert_eq!(left(at(500.0), 1000.0), 1000.0, "half is left, and all takes twice as long");
        assert_eq!(left(at(1000.0), 400.0), 0.0);
    }

    #[test]
    fn a_time_is_spoken_of_in_the_unit_that_fits() {
        assert_eq!([0.2, 42.0, 600.0, 9000.0].map(spoken), ["1 s", "42 s", "10 min", "2.5 h"]);
    }
}
