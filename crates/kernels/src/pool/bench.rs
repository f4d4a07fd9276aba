//! When workers sit out, because the machine is busy with something else.

use std::time::{Duration, Instant};

/// How long workers sit out at first, and at most. A try that fails costs a slice of another program, some
/// milliseconds: little of the longest time, while a machine that falls quiet is ours again a quarter of a second later.
const SHORTEST: Duration = Duration::from_millis(4);
const LONGEST: Duration = Duration::from_millis(256);

/// Whether the workers take part in the next job.
///
/// On a busy machine a worker may lose its core to another program in the middle of a task, and the caller waits for
/// it; or worker and caller share one core, and each waits for the other. Then the threads together are slower than
/// one, and it is known only after the fact: by what was lost, against how long nothing was lost before.
pub(super) struct Bench {
    /// The end of the time out, while there is one.
    until: Option<Instant>,
    /// What the next time out will be.
    next: Duration,
    /// When workers last cost something, or came back.
    since: Instant,
}

impl Bench {
    pub fn new(now: Instant) -> Bench {
        Bench { until: None, next: SHORTEST, since: now }
    }

    /// Whether the workers sit out; `now` is asked for only while they may.
    pub fn is_taken(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let Some(until) = self.until else { return false };
        let now = now();
        if now >= until {
            (self.until, self.since) = (None, now);
        }
        now < until
    }

    /// Notes that a job with workers, over at `now`, lost `wasted` by them.
    ///
    /// A quarter of the time lost is still a gain with two threads; beyond that they sit out, twice as long as the last
    /// time. One good stretch among failures is chance: the time out only halves.
    pub fn note(&mut self, wasted: Duration, now: Instant) {
        let worth = now - self.since >= 4 * wasted;
        self.since = now;
        if worth {
            self.next = SHORTEST.max(self.next / 2);
        } else {
            self.until = Some(now + self.next);
            self.next = LONGEST.min(self.next * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rare_wait_is_forgiven() {
        let start = Instant::now();
        let mut bench = Bench::new(start);
        bench.note(4 * MS, start + 100 * MS);
        assert!(!bench.is_taken(|| start + 100 * MS));
    }

    #[test]
    fn waits_that_follow_one_another_cost_ever_longer_times_out_up_to_a_limit() {
        let mut now = Instant::now();
        let mut bench = Bench::new(now);
        let mut out = Vec::new();
        for _ in 0..9 {
            now += 5 * MS; // a stretch of which most was lost
            bench.note(4 * MS, now);
            let end = (0..).map(|i| now + i * MS).find(|now| !bench.is_taken(|| *now)).unwrap();
            out.push((end - now).as_millis());
            now = end;
        }
        assert_eq!(out, [4, 8, 16, 32, 64, 128, 256, 256, 256]);
    }

    #[test]
    fn a_good_stretch_halves_the_time_out() {
        let start = Instant::now();
        let mut bench = Bench::new(start);
        bench.next = 64 * MS;
        bench.note(MS, start + 1000 * MS);
        bench.note(MS, start + 1001 * MS);
        assert!(bench.is_taken(|| start + 1032 * MS));
        assert!(!bench.is_taken(|| start + 1033 * MS));
    }
}
