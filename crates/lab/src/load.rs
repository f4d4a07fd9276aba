//! What else the machine did while something was measured: how busy others kept it, what the hypervisor took, how often
//! heat slowed it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Clock ticks of a second in `/proc`: the same on every Linux, whatever the kernel counts with inside.
const TICKS: f64 = 100.0;

/// What the machine did during a stretch of a measurement. Absent is what the system does not tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Load {
    /// What was measured: `before`, `start`, `timing`, `after`.
    pub during: String,
    /// How long it took, in s.
    pub seconds: f64,
    /// Tasks that run or wait to, averaged by the system over the minute before its end; our own among them.
    pub average: Option<f64>,
    /// Processors that other programs kept busy, of those that we may use.
    pub others: Option<f64>,
    /// Share of the processors' time that the hypervisor gave to other machines.
    pub steal: Option<f64>,
    /// Times that a processor was slowed for heat.
    pub throttled: Option<u64>,
}

/// Everything noted while two models were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LoadLog {
    /// Processors that the program may use.
    pub cores: usize,
    /// Threads that the kernels used.
    pub threads: usize,
    /// In the order of time: before, each start, each round of timing, after.
    pub stretches: Vec<Load>,
}

/// What disturbed a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Disturbance {
    /// Other programs wanted the processors that the kernels run on.
    OtherPrograms {
        /// Processors that they kept busy.
        processors: f64,
        /// Of how many.
        of: usize,
    },
    /// The hypervisor gave time to other machines.
    Steal {
        /// Share of the time.
        share: f64,
    },
    /// Heat slowed the processors.
    Throttled {
        /// How often.
        times: u64,
    },
    /// Repetitions of one measurement lie far apart.
    Unsteady {
        /// Which, such as `decode@0 of A`.
        metric: String,
        /// The upper end of their middle half divided by the lower.
        ratio: f64,
    },
    /// Everything ran slower than predicted, which one wrong prediction would not explain.
    SlowerThanPredicted {
        /// Predicted divided by measured, of the measurement that came nearest.
        ratio: f64,
    },
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Disturbance::OtherPrograms { processors, of } => {
                write!(f, "other programs kept {processors:.1} of {of} processors busy")
            }
            Disturbance::Steal { share } => {
                write!(f, "the hypervisor gave {:.0} % of the time to other machines", 100.0 * share)
            }
            Disturbance::Throttled { times } => write!(f, "heat slowed the processors {times} times"),
            Disturbance::Unsteady { metric, ratio } => {
                write!(f, "the middle half of the repetitions of {metric} spans a factor of {ratio:.1}")
            }
            Disturbance::SlowerThanPredicted { ratio } => {
                write!(f, "everything ran slower than predicted, by a factor of {ratio:.1} at least")
            }
        }
    }
}

/// Others keep the kernels from running if they take more than this share of all processors beyond those that the kernels
/// leave idle.
const BUSY: f64 = 0.1;
/// A hypervisor's share that shows in a median.
const STOLEN: f64 = 0.02;

impl LoadLog {
    /// What of it disturbs: judged over everything between `before` and `after`, weighted by time.
    pub fn disturbances(&self) -> Vec<Disturbance> {
        let measured = || self.stretches.iter().filter(|load| load.during != "before" && load.during != "after");
        let mean = |of: fn(&Load) -> Option<f64>| {
            let told: Vec<(f64, f64)> = measured().filter_map(|load| Some((of(load)?, load.seconds))).collect();
            let seconds: f64 = told.iter().map(|(_, seconds)| seconds).sum();
            (seconds > 0.0).then(|| told.iter().map(|(value, seconds)| value * seconds).sum::<f64>() / seconds)
        };
        let mut found = Vec::new();
        let idle = self.cores.saturating_sub(self.threads) as f64;
        if let Some(processors) = mean(|load| load.others).filter(|busy| *busy > idle + BUSY * self.cores as f64) {
            found.push(Disturbance::OtherPrograms { processors, of: self.cores });
        }
        if let Some(share) = mean(|load| load.steal).filter(|share| *share > STOLEN) {
            found.push(Disturbance::Steal { share });
        }
        let times = measured().filter_map(|load| load.throttled).sum();
        if times > 0 {
            found.push(Disturbance::Throttled { times });
        }
        found
    }

    /// The average of running tasks in the first and the last stretch.
    pub fn averages(&self) -> Option<[f64; 2]> {
        Some([self.stretches.first()?.average?, self.stretches.last()?.average?])
    }
}

/// Notes stretches one after the other.
#[derive(Debug)]
pub struct Meter {
    last: Reading,
}

/// Counters that only rise, in s, but for throttling
#[derive(Debug, Clone)]
struct Reading {
    at: Instant,
    /// Of the processors that we may use: busy, given to other machines, and all together.
    processors: Option<[f64; 3]>,
    /// What this process and its children that ended used.
    own: Option<f64>,
    throttled: Option<u64>,
}

impl Meter {
    /// Begins the first stretch.
    pub fn new() -> Meter {
        Meter { last: Reading::now() }
    }

    /// Ends a stretch and begins the next.
    pub fn ended(&mut self, during: &str) -> Load {
        let before = std::mem::replace(&mut self.last, Reading::now());
        self.last.since(&before, during)
    }
}

impl Default for Meter {
    fn default() -> Meter {
        Meter::new()
    }
}

impl Reading {
    fn now() -> Reading {
        Reading { at: Instant::now(), processors: processors(), own: own_seconds(), throttled: throttled() }
    }

    fn since(&self, before: &Reading, during: &str) -> Load {
        let seconds = (self.at - before.at).as_secs_f64();
        let passed = || {
            let (now, then) = (self.processors?, before.processors?);
            Some([0, 1, 2].map(|i| now[i] - then[i]))
        };
        // Ticks of a hundredth of a second say nothing of less than a few.
        let lasted = passed().filter(|[_, _, all]| *all >= 5.0 / TICKS);
        let own = self.own.zip(before.own).map(|(now, then)| now - then);
        Load {
            during: during.to_owned(),
            seconds,
            average: average(),
            others: lasted.zip(own).map(|([busy, ..], own)| ((busy - own) / seconds).max(0.0)),
            steal: lasted.map(|[_, steal, all]| (steal / all).max(0.0)),
            throttled: self.throttled.zip(before.throttled).map(|(now, then)| now.saturating_sub(then)),
        }
    }
}

fn average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Busy, stolen and all seconds of the processors that this process may use; `None` where a quota of a container and not
/// the list of processors is what binds, for then others are not to be told from ourselves.
fn processors() -> Option<[f64; 3]> {
    let allowed = allowed(&fs::read_to_string("/proc/self/status").ok()?)?;
    if allowed.len() != std::thread::available_parallelism().ok()?.get() {
        return None;
    }
    busy(&fs::read_to_string("/proc/stat").ok()?, &allowed)
}

/// The processors in the line `Cpus_allowed_list: 0-1,4` of a process's status.
fn allowed(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < 1 << 16).then_some(first..=last)
    };
    list.split(',').map(range).collect::<Option<Vec<_>>>().map(|ranges| ranges.into_iter().flatten().collect())
}

/// Source: proc(5), `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy(stat: &str, allowed: &[usize]) -> Option<[f64; 3]> {
    let mut sum = [0.0; 3];
    let mut found = 0;
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_prefix("cpu")?.parse::<usize>().ok());
        if number.is_none_or(|number| !allowed.contains(&number)) {
            continue;
        }
        let ticks: Vec<f64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, wait, irq, soft, steal] = ticks[..] else { return None };
        let busy = user + nice + system + irq + soft;
        for (sum, ticks) in sum.iter_mut().zip([busy, steal, busy + idle + wait + steal]) {
            *sum += ticks;
        }
        found += 1;
    }
    (found == allowed.len()).then_some(sum.map(|ticks| ticks / TICKS))
}

/// Source: proc(5), `/proc/self/stat`: fields 14 to 17, utime, stime, cutime, cstime.
fn own_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: Option<Vec<f64>> = fields.get(11..15)?.iter().map(|field| field.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() / TICKS)
}

/// Times that any processor was slowed for heat since the system started.
pub(crate) fn throttled() -> Option<u64> {
    throttled_under(Path::new("/sys/devices/system/cpu"))
}

fn throttled_under(folder: &Path) -> Option<u64> {
    let mut sum = None;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let counted = fs::read_to_string(entry.path().join("thermal_throttle/core_throttle_count"));
        if let Some(count) = counted.ok().and_then(|text| text.trim().parse::<u64>().ok()) {
            sum = Some(sum.unwrap_or(0) + count);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  60 0 0 340 0 0 0 40\ncpu0 10 5 5 100 0 0 0 20\ncpu1 30 0 0 140 0 10 0 20\n\
                        cpu2 900 0 0 0 0 0 0 0\nintr 1 2";

    #[test]
    fn only_the_processors_that_we_may_use_are_counted() {
        assert_eq!(allowed("Name:\tx\nCpus_allowed_list:\t0-1,7\n"), Some(vec![0, 1, 7]));
        assert_eq!(allowed("Cpus_allowed_list:\t1-0"), None);
        assert_eq!(busy(STAT, &[0, 1]), Some([0.6, 0.4, 3.4]));
        assert_eq!(busy(STAT, &[0, 9]), None, "one of them is not told of");
    }

    #[test]
    fn slowed_processors_are_added_up_and_none_told_of_is_not_none_slowed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(throttled_under(folder.path()), None);
        for (name, count) in [("cpu0", "3\n"), ("cpu1", "4\n")] {
            let at = folder.path().join(name).join("thermal_throttle");
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("core_throttle_count"), count).unwrap();
        }
        assert_eq!(throttled_under(folder.path()), Some(7));
    }

    fn log(threads: usize, others: f64, steal: f64, throttled: u64) -> LoadLog {
        let load = |during: &str, seconds, others| Load {
            during: during.into(),
            seconds,
            average: Some(0.5),
            others: Some(others),
            steal: Some(steal),
            throttled: Some(throttled),
        };
        let stretches = vec![load("before", 99.0, 4.0), load("timing", 2.0, others), load("after", 99.0, 4.0)];
        LoadLog { cores: 4, threads, stretches }
    }

    #[test]
    fn others_disturb_where_they_want_the_processors_that_the_kernels_run_on() {
        assert_eq!(log(4, 0.3, 0.0, 0).disturbances(), []);
        assert_eq!(log(4, 1.0, 0.0, 0).disturbances(), [Disturbance::OtherPrograms { processors: 1.0, of: 4 }]);
        assert_eq!(log(2, 2.0, 0.0, 0).disturbances(), [], "two of four are left to them");
        let all = log(2, 3.0, 0.25, 8).disturbances();
        let said: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "other programs kept 3.0 of 4 processors busy",
                "the hypervisor gave 25 % of the time to other machines",
                "heat slowed the processors 8 times"
            ]
        );
    }

    #[test]
    fn our_own_work_is_not_taken_for_that_of_others() {
        let mut meter = Meter::new();
        let begin = Instant::now();
        let mut sum = 0.0_f64;
        while begin.elapsed().as_secs_f64() < 0.3 {
            sum += (1..1000).map(|i| f64::from(i).sqrt()).sum::<f64>();
        }
        let load = meter.ended("timing");
        assert!(sum > 0.0 && load.seconds >= 0.3);
        if let (Some(own), Some(cores)) = (load.others, std::thread::available_parallelism().ok()) {
            // Others may keep every processor busy, but not more than there are.
            assert!(own <= cores.get() as f64 + 0.2, "{load:?}");
        }
    }
}
