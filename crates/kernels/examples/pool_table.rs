//! What sharing work out costs and gains: `cargo run --release -p plimsoll-kernels --example pool_table [-- THREADS]`.
//!
//! `meeting` is the time of a job whose tasks, one for each thread, wait for one another and do nothing else. The others are jobs of so much work for one thread, in the
//! rhythm of decoding: hundreds follow one another, a few microseconds of the caller's own work between them. `gain` is
//! against the same work on one thread, measured alternately. Start it beside other busy programs
//! (`taskset -c 1 sh -c 'while :; do :; done'`) to see what threads gain on a machine that is not ours alone.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plimsoll_kernels::Pool;

/// Tasks that a product hands out for each thread.
const TASKS_PER_THREAD: usize = 8;
/// Jobs of one decoded token.
const JOBS: usize = 300;
/// What the caller does alone between two jobs.
const BETWEEN: Duration = Duration::from_micros(2);
/// Each row takes about so long.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() {
    let threads = std::env::args().nth(1).map_or_else(
        || std::thread::available_parallelism().expect("a number of cores"),
        |word| word.parse::<NonZeroUsize>().expect("a number of threads"),
    );
    let one = Pool::new(NonZeroUsize::MIN).expect("no threads to start");
    let pool = Pool::new(threads).expect("so many threads");
    println!("meeting: {:.0} ns with {threads} threads", meeting(&pool));
    let rate = steps_per_second();
    println!("{:>6} {:>14} {:>14} {:>6}", "job µs", "1 thread ms", format!("{threads} threads ms"), "gain");
    for micros in [5, 20, 50, 200] {
        let work = Work { steps: rate * 1e-6 * f64::from(micros), between: (rate * BETWEEN.as_secs_f64()) as usize };
        let (mut alone, mut shared) = (Vec::new(), Vec::new());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            alone.push(work.token(&one, threads.get()));
            shared.push(work.token(&pool, threads.get()));
        }
        let (alone, shared) = (mean(&alone), mean(&shared));
        println!("{micros:>6} {:>14.2} {:>14.2} {:>6.2}", 1e3 * alone, 1e3 * shared, alone / shared);
    }
}

/// Nanoseconds from offering a job to its end when every thread must take part, the best of several thousand jobs.
fn meeting(pool: &Pool) -> f64 {
    let (jobs, met) = (1000, AtomicUsize::new(0));
    let pass = || {
        let start = Instant::now();
        for _ in 0..jobs {
            met.store(0, Ordering::Relaxed);
            pool.run(pool.threads(), |_| {
                met.fetch_add(1, Ordering::Relaxed);
                // Not for ever: while the machine is busy, one thread may run all tasks.
                for _ in 0..10_000 {
                    if met.load(Ordering::Relaxed) == pool.threads() {
                        break;
                    }
                    std::hint::spin_loop();
                }
            });
        }
        1e9 * start.elapsed().as_secs_f64() / f64::from(jobs)
    };
    (0..20).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

struct Work {
    /// Steps of one job, all tasks together.
    steps: f64,
    /// Steps between two jobs.
    between: usize,
}

impl Work {
    /// Seconds that the jobs of one token take.
    fn token(&self, pool: &Pool, threads: usize) -> f64 {
        let tasks = TASKS_PER_THREAD * threads;
        let steps = (self.steps / tasks as f64) as usize;
        let start = Instant::now();
        for _ in 0..JOBS {
            pool.run(tasks, |_| step(steps));
            step(self.between);
        }
        start.elapsed().as_secs_f64()
    }
}

/// A chain of dependent multiplications, which no neighbour on the memory bus slows.
fn step(steps: usize) {
    black_box((0..steps).fold(black_box(3u64), |x, _| black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15))));
}

fn steps_per_second() -> f64 {
    let steps = 1 << 20;
    let pass = || {
        let start = Instant::now();
        step(steps);
        start.elapsed().as_secs_f64()
    };
    steps as f64 / (0..20).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

/// The mean, because what one job loses to another program is lost to the token.
fn mean(seconds: &[f64]) -> f64 {
    seconds.iter().sum::<f64>() / seconds.len() as f64
}
