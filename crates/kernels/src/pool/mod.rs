//! The thread pool: a parallel `for` over task indices, built for jobs of a few microseconds that follow one another.

mod bench;
mod shared;

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bench::Bench;
use shared::Shared;

/// Threads that share out the tasks of one job at a time; the caller is one of them.
///
/// Between jobs the workers spin briefly and then park. Where other programs want the cores too, and waiting for workers
/// takes longer than they save, the caller works alone for a while.
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
    /// Held for the length of a job: callers from several threads take turns. A job that the workers sit out is not
    /// shared, and holds nothing.
    turn: Mutex<Bench>,
}

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
        let shared = Arc::new(Shared::new(threads.get()));
        let mut pool = Pool { shared, workers: Vec::new(), turn: Mutex::new(Bench::new(Instant::now())) };
        for i in 1..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("plimsoll-{i}"));
            pool.workers.push(builder.spawn(move || shared.work_until_shutdown(i))?);
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
    /// With the first panic of a task, when no task runs any more. Whether the other tasks ran is not specified.
    pub fn run(&self, n_tasks: usize, task: impl Fn(usize) + Sync) {
        if self.workers.is_empty() || n_tasks <= 1 || IN_TASK.get() {
            (0..n_tasks).for_each(task);
            return;
        }
        let mut bench = lock(&self.turn);
        if bench.is_taken(Instant::now) {
            drop(bench); // a task may call `run`
            return (0..n_tasks).for_each(task);
        }
        let task: &(dyn Fn(usize) + Sync) = &task;
        // SAFETY: only the lifetime changes; this function does not return while a task may still run.
        let task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task) };
        let outcome = self.shared.run(task, n_tasks);
        if !outcome.wasted.is_zero() {
            bench.note(outcome.wasted, Instant::now());
        }
        if let Some(payload) = outcome.panic {
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
        self.shared.shut_down();
        for worker in self.workers.drain(..) {
            worker.join().expect("a worker catches the panics of its tasks");
        }
    }
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
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

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
