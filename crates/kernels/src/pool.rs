//! The thread pool: a parallel `for` over task indices, built for jobs of a few microseconds that follow one another.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Rounds of `spin_loop` that a thread waits before it parks: some tens of microseconds, longer than the gap between
/// two jobs of a decoding step, shorter than anybody's patience with an idle machine.
const SPIN: usize = 2000;

/// Threads that share out the tasks of one job at a time; the caller is one of them.
///
/// Between jobs the workers spin briefly and then park; they park at once when there are more threads than cores.
///
/// ```
/// use plimsoll_kernels::Pool;
/// let pool = Pool::new(std::num::NonZeroUsize::new(2).unwrap())?;
/// let mut squares = [0; 10];
/// pool.chunks_mut(&mut squares, 4, |chunk, part| {
///     for (i, square) in part.iter_mut().enumerate() {
///         *square = (chunk * 4 + i).pow(2);
///     }
/// });
/// assert_eq!(squares[9], 81);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held for the length of a job: callers from several threads take turns.
    turn: Mutex<()>,
}

/// What a worker needs of the job at hand.
#[derive(Clone, Copy)]
struct Job {
    /// The caller's closure; its lifetime is erased because `Pool::run` outlives every use.
    task: *const (dyn Fn(usize) + Sync),
    n_tasks: usize,
}

struct Shared {
    job: UnsafeCell<Option<Job>>,
    /// Tasks nobody has claimed yet. Claiming decrements it; only a successful claim permits reading `job`.
    unclaimed: AtomicUsize,
    /// Tasks of this job that have run to their end.
    finished: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    spin: usize,
    shutdown: AtomicBool,
    sleep: Mutex<()>,
    /// Workers parked, or about to be, on `work`.
    sleepers: AtomicUsize,
    work: Condvar,
    /// Whether the caller is parked, or about to be, on `done`.
    caller_sleeps: AtomicBool,
    done: Condvar,
}

// SAFETY: `job` is written only by the thread that holds `turn`, while `unclaimed` is 0 and all tasks are finished, so
// that nobody reads it; it is read only after a claim, which the write happens before (release store, acquire
// exchange), and no job ends before its claimed tasks finish. The closure it points to is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

thread_local! {
    /// Set while this thread runs a task: a job within a task runs on its own thread alone.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    /// A pool of `threads` threads, the caller included: it starts one fewer.
    ///
    /// # Errors
    /// If the system does not start them; those it did start have ended again.
    pub fn new(threads: NonZeroUsize) -> std::io::Result<Pool> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            unclaimed: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            panic: Mutex::new(None),
            spin: if threads.get() > cores { 0 } else { SPIN },
            shutdown: AtomicBool::new(false),
            sleep: Mutex::new(()),
            sleepers: AtomicUsize::new(0),
            work: Condvar::new(),
            caller_sleeps: AtomicBool::new(false),
            done: Condvar::new(),
        });
        let mut pool = Pool { shared, workers: Vec::new(), turn: Mutex::new(()) };
        for i in 1..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("plimsoll-{i}"));
            pool.workers.push(builder.spawn(move || shared.work_until_shutdown())?);
        }
        Ok(pool)
    }

    /// Threads that run tasks, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `task(0)` to `task(n_tasks - 1)`, in no order, and returns when all have ended.
    ///
    /// Called from within a task, it runs everything on that task's thread.
    ///
    /// # Panics
    /// With the first panic of a task, after all tasks have ended.
    pub fn run(&self, n_tasks: usize, task: impl Fn(usize) + Sync) {
        if self.workers.is_empty() || n_tasks <= 1 || IN_TASK.get() {
            (0..n_tasks).for_each(task);
            return;
        }
        let _turn = lock(&self.turn);
        let task: &(dyn Fn(usize) + Sync) = &task;
        // SAFETY: only the lifetime changes; this function does not return while a task may still run.
        let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task) };
        self.shared.publish(Job { task, n_tasks });
        while self.shared.run_one() {}
        self.shared.wait_until_finished(n_tasks);
        let panic = lock(&self.shared.panic).take();
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Runs `f(i, chunk)` on each `chunk_len` elements of `data` (the last may be shorter).
    ///
    /// # Panics
    /// If `chunk_len` is 0, and as [`Pool::run`].
    pub fn chunks_mut<T: Send>(&self, data: &mut [T], chunk_len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        let len = data.len();
        let chunks = Shareable(data.as_mut_ptr());
        self.run(len.div_ceil(chunk_len), |i| {
            let start = i * chunk_len;
            // SAFETY: task `i` alone touches `start..start + chunk_len`, within `data`, which is borrowed throughout.
            let chunk = unsafe { std::slice::from_raw_parts_mut(chunks.at(start), chunk_len.min(len - start)) };
            f(i, chunk);
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.shutdown.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.sleep));
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            worker.join().expect("a worker catches the panics of its tasks");
        }
    }
}

impl Shared {
    fn publish(&self, job: Job) {
        self.finished.store(0, Ordering::Relaxed);
        // SAFETY: the caller holds `turn` and every earlier task has finished: nobody reads `job`.
        unsafe { *self.job.get() = Some(job) };
        self.unclaimed.store(job.n_tasks, Ordering::SeqCst);
        // A worker counts itself a sleeper before it looks at `unclaimed` for the last time: one side sees the other.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.sleep));
            self.work.notify_all();
        }
    }

    /// Claims a task and runs it; false if none is left.
    fn run_one(&self) -> bool {
        let claim = self.unclaimed.fetch_update(Ordering::Acquire, Ordering::Relaxed, |left| left.checked_sub(1));
        let Ok(left) = claim else { return false };
        // SAFETY: the claimed task keeps the job alive, and `job` unwritten, until `finished` counts it.
        let Job { task, n_tasks } = unsafe { (*self.job.get()).expect("a claimed task belongs to a job") };
        IN_TASK.set(true);
        // SAFETY: as above, for the closure behind the pointer.
        let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*task)(n_tasks - left) }));
        IN_TASK.set(false);
        if let Err(payload) = outcome {
            lock(&self.panic).get_or_insert(payload);
        }
        if self.finished.fetch_add(1, Ordering::SeqCst) + 1 == n_tasks && self.caller_sleeps.load(Ordering::SeqCst) {
            drop(lock(&self.sleep));
            self.done.notify_one();
        }
        true
    }

    fn wait_until_finished(&self, n_tasks: usize) {
        let all_finished = || self.finished.load(Ordering::SeqCst) == n_tasks;
        if spin_until(self.spin, all_finished) {
            return;
        }
        let mut guard = lock(&self.sleep);
        self.caller_sleeps.store(true, Ordering::SeqCst);
        while !all_finished() {
            guard = self.done.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_sleeps.store(false, Ordering::SeqCst);
    }

    fn work_until_shutdown(&self) {
        let awake = || self.unclaimed.load(Ordering::SeqCst) > 0 || self.shutdown.load(Ordering::SeqCst);
        while !self.shutdown.load(Ordering::SeqCst) {
            while self.run_one() {}
            if spin_until(self.spin, awake) {
                continue;
            }
            let mut guard = lock(&self.sleep);
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            while !awake() {
                guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn spin_until(rounds: usize, condition: impl Fn() -> bool) -> bool {
    for _ in 0..rounds {
        if condition() {
            return true;
        }
        std::hint::spin_loop();
    }
    condition()
}

/// No data lies behind these locks that a panic could leave half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pointer into memory whose parts belong to one task each.
#[derive(Clone, Copy)]
pub(crate) struct Shareable<T>(pub *mut T);

// SAFETY: the tasks that share it write disjoint parts; each use says which.
unsafe impl<T: Send> Send for Shareable<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shareable<T> {}

impl<T> Shareable<T> {
    /// # Safety
    /// `offset` must lie within the memory pointed to, or one past it.
    pub unsafe fn at(&self, offset: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    fn pool(threads: usize) -> Pool {
        Pool::new(NonZeroUsize::new(threads).unwrap()).unwrap()
    }

    #[test]
    fn every_task_runs_exactly_once_for_any_number_of_threads() {
        for threads in 1..=8 {
            let pool = pool(threads);
            for n_tasks in [0, 1, 2, 3, 17, 100] {
                let counts: Vec<AtomicUsize> = (0..n_tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(n_tasks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{threads} threads, {n_tasks}");
            }
        }
    }

    #[test]
    fn thousands_of_jobs_with_and_without_pauses_lose_no_task() {
        for threads in [2, 3, 8] {
            let pool = pool(threads);
            let total = AtomicUsize::new(0);
            for job in 0..5000 {
                pool.run(3, |_| {
                    total.fetch_add(1, Ordering::Relaxed);
                });
                if job % 1000 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(3)); // long enough for workers to park
                }
            }
            assert_eq!(total.into_inner(), 15000);
        }
    }

    #[test]
    fn jobs_from_many_threads_take_turns() {
        let pool = pool(4);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        pool.run(5, |_| {
                            total.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 6 * 300 * 5);
    }

    #[test]
    fn a_job_within_a_task_completes() {
        let pool = pool(3);
        let total = AtomicUsize::new(0);
        pool.run(4, |_| {
            pool.run(4, |_| {
                total.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(total.into_inner(), 16);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_leaves_the_pool_usable() {
        for threads in [1, 2, 8] {
            let pool = pool(threads);
            let payload =
                catch_unwind(AssertUnwindSafe(|| pool.run(20, |i| assert_ne!(i, 7, "task seven")))).unwrap_err();
            assert!(payload.downcast_ref::<String>().unwrap().contains("task seven"));
            let total = AtomicUsize::new(0);
            pool.run(20, |_| {
                total.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(total.into_inner(), 20);
        }
    }

    #[test]
    fn chunks_cover_the_data_without_overlap() {
        let pool = pool(4);
        let mut data = vec![0usize; 1003];
        pool.chunks_mut(&mut data, 10, |i, chunk| chunk.fill(i));
        assert!(data.iter().enumerate().all(|(at, &i)| at / 10 == i));
        pool.chunks_mut(&mut [0u8; 0], 1, |_, _| unreachable!());
    }
}
