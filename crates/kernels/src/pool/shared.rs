//! What the caller and the workers meet at: how a job is offered, claimed task by task, and waited for.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{IN_TASK, lock};

/// How long a thread spins before it parks: longer than the gap between two jobs of a decoding step, shorter than
/// anybody's patience with an idle machine.
const SPIN: Duration = Duration::from_micros(50);

/// How long a worker keeps its core at a stretch. Where another program wants the core too, the system takes it away
/// when a slice is used up (1.4 ms with two cores, 2.8 ms with eight), most likely in the middle of a task, and then
/// the caller waits for a whole slice of the other program. Who yields before that, between two tasks, is not waited
/// for. Where nobody wants the core, yielding takes 0.2 us.
const STRETCH: Duration = Duration::from_millis(1);

/// What a panic carries.
pub(super) type Payload = Box<dyn Any + Send>;

/// The caller's closure; its lifetime is erased because [`Shared::run`] outlives every use.
pub(super) type Task = *const (dyn Fn(usize) + Sync);

/// Neighbouring tasks of the job at hand.
#[derive(Clone, Copy)]
struct Share {
    task: Task,
    end: usize,
}

/// Two cache lines to itself (processors fetch them in pairs): who polls it is not disturbed by writes to others.
#[repr(align(128))]
struct OwnLines<T>(T);

/// What a job offers to a thread; all that it reads to take part lies on one line.
struct Offer {
    /// Tasks nobody has claimed yet; zero or less if there are none. Claiming decrements it; only a claim that found
    /// it positive permits reading `share`.
    unclaimed: AtomicIsize,
    share: UnsafeCell<Option<Share>>,
}

impl Offer {
    fn none() -> Offer {
        Offer { unclaimed: AtomicIsize::new(0), share: UnsafeCell::new(None) }
    }

    /// The next task nobody has claimed, with its index.
    fn claim(&self) -> Option<(Task, usize)> {
        // The look before keeps the count from falling without end, and the line shared, while there is no job.
        if self.unclaimed.load(Ordering::Relaxed) <= 0 {
            return None;
        }
        // Acquire: everything before `publish` stored the count, through the other claims in between. A thread that
        // comes late, from a job that is over, claims a task of the next one, and reads that share.
        let left = self.unclaimed.fetch_sub(1, Ordering::Acquire);
        if left <= 0 {
            return None;
        }
        // SAFETY: the claimed task keeps the job alive, and `share` unwritten, until it counts as ended.
        let Share { task, end } = unsafe { (*self.share.get()).expect("a claimed task belongs to a job") };
        Some((task, end - left as usize))
    }
}

/// How a job went.
pub(super) struct Outcome {
    /// What threads lost waiting for one another: nothing, while they wait no longer than they spin.
    pub wasted: Duration,
    /// The first panic of a task.
    pub panic: Option<Payload>,
}

pub(super) struct Shared {
    /// To the caller, then to each worker. Neighbouring tasks read neighbouring memory, which a thread has asked for ahead;
    /// who is done with its own helps with the others'.
    offers: Vec<OwnLines<Offer>>,
    /// Tasks of this job that workers have run to their end.
    finished: OwnLines<AtomicUsize>,
    /// What `finished` must reach for the caller to be woken; 0 while the caller is not parked, nor about to be.
    awaited: AtomicUsize,
    done: Condvar,
    /// Whether workers may be parked on `work`, or about to be. Who clears it wakes them all.
    workers_sleep: AtomicBool,
    work: Condvar,
    /// Held by who is about to park and by who wakes.
    sleep: Mutex<()>,
    shutdown: AtomicBool,
    panic: Mutex<Option<Payload>>,
}

// SAFETY: a `share` is written only by the one thread within `run`, while its `unclaimed` permits no claim and every
// claimed task has ended, so that nobody reads it; it is read only after a claim, which the write happens before (release
// store, acquire decrement), and no job ends before its claimed tasks do. The closure it points to is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(threads: usize) -> Shared {
        Shared {
            offers: (0..threads).map(|_| OwnLines(Offer::none())).collect(),
            finished: OwnLines(AtomicUsize::new(0)),
            awaited: AtomicUsize::new(0),
            done: Condvar::new(),
            workers_sleep: AtomicBool::new(false),
            work: Condvar::new(),
            sleep: Mutex::new(()),
            shutdown: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Runs a job, the calling thread and the workers together, and returns when all tasks have ended. Only one thread
    /// at a time may call this.
    pub fn run(&self, task: Task, n_tasks: usize) -> Outcome {
        self.publish(task, n_tasks);
        let mut own = 0;
        while self.run_one(0) {
            own += 1;
        }
        let waited = self.wait_for_workers(n_tasks - own);
        // A worker that found all tasks claimed and parked before they ended: it held the caller's core, perhaps.
        let idle = if self.workers_sleep.load(Ordering::Relaxed) { SPIN } else { Duration::ZERO };
        // With few tasks, threads wait for one another because the tasks do not share out evenly.
        let wasted = if n_tasks >= 4 * self.offers.len() { waited.max(idle) } else { Duration::ZERO };
        Outcome { wasted, panic: lock(&self.panic).take() }
    }

    fn publish(&self, task: Task, n_tasks: usize) {
        // Relaxed: a worker adds to it only after a claim, which acquires a store below.
        self.finished.0.store(0, Ordering::Relaxed);
        let threads = self.offers.len();
        for (i, OwnLines(offer)) in self.offers.iter().enumerate() {
            // Rounded up: where tasks are few, the caller has one of them.
            let [start, end] = [i, i + 1].map(|i| (n_tasks * i).div_ceil(threads));
            // SAFETY: `unclaimed` is not positive and the last job's claimed tasks have ended: nobody reads `share`.
            unsafe { *offer.share.get() = Some(Share { task, end }) };
            offer.unclaimed.store((end - start) as isize, Ordering::Release);
        }
        // A worker says that it sleeps before it looks at its offer for the last time, here it is the other way round,
        // with a fence between on either side: one of them sees the other.
        fence(Ordering::SeqCst);
        if self.workers_sleep.load(Ordering::Relaxed) {
            self.wake_workers();
        }
    }

    /// Workers hold `sleep` from their last look until they wait, so that this cannot fall in between.
    fn wake_workers(&self) {
        let guard = lock(&self.sleep);
        self.workers_sleep.store(false, Ordering::Relaxed); // only changed under `sleep`
        drop(guard);
        self.work.notify_all();
    }

    /// Claims a task, of a thread's own share while there are any, and runs it; false if none is left.
    fn run_one(&self, thread: usize) -> bool {
        let (before, from) = self.offers.split_at(thread);
        let Some((task, index)) = from.iter().chain(before).find_map(|offer| offer.0.claim()) else { return false };
        IN_TASK.set(true);
        // SAFETY: the claimed task keeps the closure alive until it counts as ended.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*task)(index) }));
        IN_TASK.set(false);
        if let Err(payload) = outcome {
            lock(&self.panic).get_or_insert(payload);
        }
        true
    }

    /// Returns when workers have ended `n` tasks; how long that took, if it was long enough to park.
    fn wait_for_workers(&self, n: usize) -> Duration {
        // Acquire: what the tasks wrote.
        if spin_until(|| self.finished.0.load(Ordering::Acquire) == n) {
            return Duration::ZERO;
        }
        let start = Instant::now();
        let mut guard = lock(&self.sleep);
        // A worker adds to `finished` before it looks at `awaited`, here it is the other way round: see `publish`.
        self.awaited.store(n, Ordering::SeqCst);
        while self.finished.0.load(Ordering::SeqCst) != n {
            guard = self.done.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.awaited.store(0, Ordering::Relaxed); // a worker that still compares wakes for nothing, at worst
        SPIN + start.elapsed()
    }

    /// Counts a task that a worker ran to its end.
    fn finish_one(&self) {
        // Release: what the task wrote, to the caller that sees the sum.
        let finished = self.finished.0.fetch_add(1, Ordering::SeqCst) + 1;
        if finished == self.awaited.load(Ordering::SeqCst) {
            drop(lock(&self.sleep)); // the caller waits now, or sees the sum
            self.done.notify_one();
        }
    }

    /// The life of the worker that is the pool's `thread`th thread; the caller is the first.
    pub fn work_until_shutdown(&self, thread: usize) {
        let mut since = Instant::now();
        while !self.shutdown.load(Ordering::Relaxed) {
            while self.run_one(thread) {
                self.finish_one();
                if since.elapsed() > STRETCH {
                    std::thread::yield_now();
                    since = Instant::now();
                }
            }
            let own = &self.offers[thread].0.unclaimed;
            let awake = || own.load(Ordering::Relaxed) > 0 || self.shutdown.load(Ordering::Relaxed);
            if spin_until(awake) {
                continue;
            }
            let guard = lock(&self.sleep);
            self.workers_sleep.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if !awake() {
                // Once: who wakes too late for the job spins again, and is in time for the next.
                drop(self.work.wait(guard).unwrap_or_else(PoisonError::into_inner));
            }
            since = Instant::now();
        }
    }

    /// Ends the lives of the workers, once.
    pub fn shut_down(&self) {
        self.shutdown.store(true, Ordering::SeqCst);
        self.wake_workers();
    }
}

/// Whether `condition` came true before [`SPIN`] was over.
fn spin_until(condition: impl Fn() -> bool) -> bool {
    const ROUNDS: usize = 64; // about a microsecond, so that the clock is no part of the wait
    if condition() {
        return true;
    }
    let start = Instant::now();
    while start.elapsed() < SPIN {
        for _ in 0..ROUNDS {
            if condition() {
                return true;
            }
            std::hint::spin_loop();
        }
    }
    condition()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Below [`super::super::Pool`], where nobody sits out: every job meets workers that spin, park or come late.
    #[test]
    fn every_task_of_every_job_runs_once_and_is_seen_by_the_caller() {
        for workers in 1..8 {
            let shared = &Shared::new(1 + workers);
            std::thread::scope(|scope| {
                (1..=workers).for_each(|i| drop(scope.spawn(move || shared.work_until_shutdown(i))));
                for round in 1..400 {
                    let n_tasks = 1 + round % 9;
                    let ran: Vec<AtomicUsize> = (0..n_tasks).map(|_| AtomicUsize::new(0)).collect();
                    let task: &(dyn Fn(usize) + Sync) = &|i| {
                        if round % 40 == 0 {
                            std::thread::sleep(2 * SPIN); // who has nothing to do parks
                        }
                        ran[i].store(ran[i].load(Ordering::Relaxed) + round, Ordering::Relaxed);
                    };
                    // SAFETY: only the lifetime changes; `run` returns when no task runs any more.
                    let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static _>(task) };
                    assert!(shared.run(task, n_tasks).panic.is_none());
                    assert!(ran.iter().all(|ran| ran.load(Ordering::Relaxed) == round), "{workers} workers, {round}");
                }
                shared.shut_down();
            });
        }
    }
}
