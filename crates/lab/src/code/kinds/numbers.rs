//! Functions of numbers.

use super::{Draft, number_cases, number_lists, text};
use crate::suite::Rng;

pub(super) fn sum_of_powers(rng: &mut Rng) -> Draft {
    let (power, powers) = *rng.pick(&[&(2, "squares"), &(3, "cubes"), &(1, "values"), &(4, "fourth powers")]);
    let (parity, which) = *rng.pick(&[&(0, "even"), &(1, "odd")]);
    let least = rng.between(0, 9) as i64;
    let lists = number_lists(rng, -9, 20);
    Draft {
        parameters: "numbers",
        description: format!(
            "Return the sum of the {powers} of the {which} numbers in the list `numbers` that are at least {least}."
        ),
        solution: format!("return sum(n ** {power} for n in numbers if n % 2 == {parity} and n >= {least})"),
        cases: number_cases(lists, |numbers| {
            let meant = numbers.iter().filter(|n| n.rem_euclid(2) == parity && **n >= least);
            meant.map(|n| n.pow(power)).sum::<i64>()
        }),
    }
}

pub(super) fn to_roman(rng: &mut Rng) -> Draft {
    const SIGNS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let roman = |mut n: u32| {
        let mut written = String::new();
        for (value, sign) in SIGNS {
            written.push_str(&sign.repeat((n / value) as usize));
            n %= value;
        }
        written
    };
    let lower = rng.one_in(2);
    let (letters, ending) = if lower { ("lower-case", ".lower()") } else { ("upper-case", "") };
    let after = rng.between(0, 60);
    let written = |n: u32| if lower { roman(n + after).to_lowercase() } else { roman(n + after) };
    let shown = rng.between(20, 1500);
    let numbers = [shown, 1, 4, 9, 44, 90, 399, 944, 1000, 1888, 2024, 3900];
    Draft {
        parameters: "n",
        description: match after {
            0 => format!("Return `n` (1 to 3900) as a Roman numeral in {letters} letters."),
            _ => format!(
                "Return the number that is {after} more than `n` (1 to 3900) as a Roman numeral in {letters} letters."
            ),
        },
        solution: format!(
            "signs = [(1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), (90, 'XC'), (50, 'L'), (40, 'XL'),\n\
             \x20        (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')]\n\
             n, written = n + {after}, ''\n\
             for value, sign in signs:\n    \
                 written += sign * (n // value)\n    \
                 n %= value\n\
             return written{ending}"
        ),
        cases: numbers.into_iter().map(|n| (n.to_string(), text(written(n)))).collect(),
    }
}

pub(super) fn digit_sum(rng: &mut Rng) -> Draft {
    let base = rng.between(2, 16);
    let times = rng.between(1, 9);
    let sum = |mut n: u32| {
        let mut sum = 0;
        while n > 0 {
            sum += n % base;
            n /= base;
        }
        sum * times
    };
    let mut numbers = vec![rng.between(100, 9999), 0, 1, base, base - 1, base * base - 1];
    numbers.extend((0..5).map(|_| rng.between(1000, 900_000)));
    let factor = if times == 1 { String::new() } else { format!("{times} times ") };
    Draft {
        parameters: "n",
        description: format!(
            "Return {factor}the sum of the digits of the whole number `n` (0 or more) written in base {base}."
        ),
        solution: format!("total = 0\nwhile n:\n    total += n % {base}\n    n //= {base}\nreturn {times} * total"),
        cases: numbers.into_iter().map(|n| (n.to_string(), sum(n).to_string())).collect(),
    }
}

pub(super) fn count_multiples(rng: &mut Rng) -> Draft {
    let a = rng.between(2, 9) as i64;
    let b = a + rng.between(1, 8) as i64;
    let both = rng.one_in(2);
    let lists = number_lists(rng, -60, 120);
    let (word, joined) = if both { ("both", "and") } else { ("at least one of", "or") };
    Draft {
        parameters: "numbers",
        description: format!(
            "Return how many of the list `numbers` can be divided by {word} {a} and {b} without remainder."
        ),
        solution: format!("return sum(1 for n in numbers if n % {a} == 0 {joined} n % {b} == 0)"),
        cases: number_cases(lists, |numbers| {
            let meant = |n: &&i64| {
                let (by_a, by_b) = (*n % a == 0, *n % b == 0);
                if both { by_a && by_b } else { by_a || by_b }
            };
            numbers.iter().filter(meant).count()
        }),
    }
}
