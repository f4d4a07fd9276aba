//! Millions of values that one thread writes in a second, of every type: without weights and with them, at each level of
//! this processor that is compiled apart. `encode_table [TYPE …]`

use std::time::{Duration, Instant};

use plimsoll_kernels::{DType, Isa};
use plimsoll_quantise::{TYPES, encode_at};

const COLS: usize = 4096;
/// Each cell is the best of so many times, taken in turns.
const TURNS: usize = 5;
/// As long a time takes at least.
const LEAST: Duration = Duration::from_millis(40);

fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let levels: Vec<Isa> = [Isa::Scalar, Isa::Avx2].into_iter().filter(|isa| isa.is_available()).collect();
    let weights: Vec<f32> = (0..COLS).map(|i| 0.1 + (i * 7919 % COLS) as f32 / COLS as f32).collect();
    print!("{:8}", "type");
    levels.iter().for_each(|isa| print!(" {:>9} {:>9}", isa.to_string(), "weights"));
    println!();
    for dtype in TYPES {
        if !named.is_empty() && !named.iter().any(|name| name == dtype.name()) {
            continue;
        }
        print!("{:8}", dtype.name());
        let mut best = vec![0.0f64; 2 * levels.len()];
        for _ in 0..TURNS {
            for (i, best) in best.iter_mut().enumerate() {
                *best = best.max(speed(levels[i / 2], dtype, (i % 2 == 1).then_some(&weights)));
            }
        }
        best.iter().for_each(|speed| print!(" {:9.1}", speed / 1e6));
        println!();
    }
}

/// Values a second of a row that is nearly Gaussian.
fn speed(isa: Isa, dtype: DType, weights: Option<&Vec<f32>>) -> f64 {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let row: Vec<f32> = (0..COLS).map(|_| uniform() + uniform() + uniform() + uniform()).collect();
    let mut out = vec![0; dtype.row_bytes(COLS).expect("whole blocks")];
    let (began, mut values) = (Instant::now(), 0);
    while began.elapsed() < LEAST {
        encode_at(isa, dtype, &row, weights.map(|weights| &weights[..]), &mut out).expect("values that it takes");
        values += COLS;
    }
    values as f64 / began.elapsed().as_secs_f64()
}
