//! How often a model that is worse by just the margin passes a gate's `no_worse_by`: the greatest chance over every share of
//! items on which two models may disagree, summed over every table of so many items and not drawn.
//!
//!     cargo run --release -p plimsoll-lab --example gate_size

use plimsoll_lab::stats::tango;

/// Shares of disagreement that are tried.
const STEPS: usize = 100;

fn main() {
    println!("{:>6} {:>8} {:>14} {:>14}", "items", "margin", "false passes", "disagreeing");
    for n in [20, 30, 50, 100, 200, 500] {
        for margin in [0.0, 0.02, 0.05, 0.1] {
            let (chance, disagreeing) = worst(n, margin);
            println!("{n:>6} {:>6.0} % {:>12.2} % {:>12.0} %", 100.0 * margin, 100.0 * chance, 100.0 * disagreeing);
        }
    }
}

/// The greatest chance, and the share of items at which it is.
fn worst(n: usize, margin: f64) -> (f64, f64) {
    let log_factorial: Vec<f64> = (0..=n)
        .scan(0.0, |sum, i| {
            *sum += (i.max(1) as f64).ln();
            Some(*sum)
        })
        .collect();
    let mut passing = Vec::new();
    for a in 0..=n {
        for b in 0..=n - a {
            if tango(n, a, b, 0.95).is_some_and(|interval| interval.low > -margin) {
                let rest = n - a - b;
                let ways = log_factorial[n] - log_factorial[a] - log_factorial[b] - log_factorial[rest];
                passing.push([ways, a as f64, b as f64, rest as f64]);
            }
        }
    }
    let term = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
    let chances = (0..=STEPS).map(|step| {
        let p_a = (1.0 - margin) / 2.0 * (step as f64 / STEPS as f64).powi(2);
        let p_b = p_a + margin;
        let rest = (1.0 - p_a - p_b).max(0.0);
        let sum =
            passing.iter().map(|[ways, a, b, same]| (ways + term(*a, p_a) + term(*b, p_b) + term(*same, rest)).exp());
        (sum.sum::<f64>(), p_a + p_b)
    });
    chances.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
}
