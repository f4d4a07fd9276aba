//! Writes singles from standard input as blocks to standard output, and the processor's time that it took to standard error:
//! `encode TYPE COLS [WEIGHTS]`, where the file WEIGHTS has a single for each column. `bench/quantise_error.py` asks it.

use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use plimsoll_kernels::DType;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let dtype = *DType::ALL.iter().find(|dtype| dtype.name() == args[0]).expect("a type");
    let cols: usize = args[1].parse().expect("a number of columns");
    let weights = args.get(2).map(|path| singles(&std::fs::read(path).expect("a file of weights")));
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).expect("values");
    let values = singles(&bytes);
    let row = dtype.row_bytes(cols).expect("whole blocks");
    let mut out = vec![0; values.len() / cols * row];
    let began = seconds();
    for (values, out) in values.chunks_exact(cols).zip(out.chunks_exact_mut(row)) {
        plimsoll_quantise::encode(dtype, values, weights.as_deref(), out).expect("values that it takes");
    }
    eprintln!("{}", seconds() - began);
    std::io::stdout().lock().write_all(&out).expect("a reader");
}

fn singles(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The time that this thread ran, where the system says so: other work on the machine does not count in it.
fn seconds() -> f64 {
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    match ran.and_then(|ran| ran.split(' ').next()?.parse::<f64>().ok()) {
        Some(nanoseconds) => nanoseconds / 1e9,
        None => SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64(),
    }
}
