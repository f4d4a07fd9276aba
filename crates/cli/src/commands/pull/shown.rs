//! A pull as somebody waits for it, and words for what it is about.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_fetch::{Disk, Event, LeftOut, State};

use crate::device::bytes;
use crate::hub::short;
use crate::notice::say;

/// Files that are worth a line, in bytes.
const LARGE: u64 = 8 << 20;

/// A bar for each large file on a terminal; in a pipe a line where one begins.
pub struct Bars {
    shown: Option<(String, ProgressBar)>,
}

impl Bars {
    pub fn new() -> Bars {
        Bars { shown: None }
    }

    /// Shows what happened.
    pub fn hear(&mut self, event: &Event<'_>) {
        match *event {
            Event::Began { name, size, kept } if size >= LARGE => self.begin(name, size, kept),
            Event::Came { name, done, .. } => self.step(name, done),
            Event::Checking { name, done, size } if size >= LARGE => {
                self.step(name, done);
                if let Some((_, bar)) = &self.shown {
                    bar.set_message(format!("checking {name}"));
                }
            }
            Event::Waiting { name } => self.note(&format!("{name}: another process fetches it; waiting")),
            Event::Retrying { name, why, after } => {
                self.note(&format!("{name}: {why}; again in {:.0} s", after.as_secs_f64().ceil()));
            }
            Event::Restarted { name, why } => self.note(&format!("{name}: {why}; it begins anew")),
            Event::Done { .. } => self.done(),
            _ => {}
        }
    }

    /// Takes the bar away.
    pub fn done(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }

    fn begin(&mut self, name: &str, size: u64, kept: u64) {
        self.done();
        if !std::io::stderr().is_terminal() {
            let kept = if kept > 0 { format!(", {} of it is here", bytes(kept as f64)) } else { String::new() };
            say(format_args!("{name}: {}{kept}", bytes(size as f64)));
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
        let template = "{msg:<30!} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        bar.set_message(name.to_owned());
        bar.set_position(kept);
        bar.reset_eta();
        self.shown = Some((name.to_owned(), bar));
    }

    fn step(&self, name: &str, done: u64) {
        if let Some((_, bar)) = self.shown.as_ref().filter(|(shown, _)| shown == name) {
            bar.set_position(done);
        }
    }

    fn note(&self, line: &str) {
        match &self.shown {
            Some((_, bar)) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }
}

/// How much of a plan is to be fetched.
pub fn fetch_words(is_here: bool, to_fetch: u64) -> String {
    if is_here { "nothing: all of it is here".to_owned() } else { bytes(to_fetch as f64) }
}

/// How much of a disk it takes, of how much.
pub fn disk_words(disk: &Disk) -> String {
    let free = disk.free.map_or("free room is not known".to_owned(), |free| format!("{} free", bytes(free as f64)));
    format!("{} needed, {free}, in {}", bytes(disk.needed as f64), short(&disk.folder))
}

/// How much of a file is here.
pub fn state_words(state: &State) -> String {
    match state {
        State::Here => ", here".to_owned(),
        State::Elsewhere { .. } => ", in Ollama's store".to_owned(),
        State::Partly { bytes: kept } => format!(", {} of it here", bytes(*kept as f64)),
        State::Missing => String::new(),
    }
}

/// What of a repository is not needed.
pub fn left_words(left: LeftOut) -> Option<String> {
    let files = if left.files == 1 { "file is".to_owned() } else { "files are".to_owned() };
    (left.files > 0).then(|| format!("{} other {files} not needed, {}", left.files, bytes(left.bytes as f64)))
}

/// Whether a prediction is within what is free, and what there is at all.
pub fn room_words(total: f64, memory: Option<(f64, f64)>) -> String {
    match memory {
        None => "how much memory there is is not known".to_owned(),
        Some((free, _)) if total <= free => format!("floats: {} are free", bytes(free)),
        Some((free, all)) if total <= all => {
            format!("floats only if others make room: {} of {} are free", bytes(free), bytes(all))
        }
        Some((_, all)) => format!("sinks: there are {} in all", bytes(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_floats_or_sinks_in_what_there_is() {
        let words = |total| room_words(total, Some((4e9, 8e9)));
        assert_eq!(words(4e9), "floats: 4.0 GB are free");
        assert_eq!(words(5e9), "floats only if others make room: 4.0 GB of 8.0 GB are free");
        assert_eq!(words(9e9), "sinks: there are 8.0 GB in all");
    }
}
