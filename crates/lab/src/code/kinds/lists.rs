//! Functions of lists of numbers.

use super::{Draft, list, number_cases, number_lists};
use crate::suite::Rng;

pub(super) fn clamp_all(rng: &mut Rng) -> Draft {
    let low = rng.between(0, 30) as i64 - 15;
    let high = low + rng.between(3, 25) as i64;
    let lists = number_lists(rng, -30, 40);
    Draft {
        parameters: "numbers",
        description: format!(
            "Return a list of the same length as `numbers` in which every number below {low} is replaced by {low} and \
             every number above {high} by {high}."
        ),
        solution: format!("return [min(max(n, {low}), {high}) for n in numbers]"),
        cases: number_cases(lists, |numbers| list(numbers.iter().map(|n| n.clamp(&low, &high)))),
    }
}

pub(super) fn rotate(rng: &mut Rng) -> Draft {
    let places = rng.between(1, 30) as usize;
    let left = rng.one_in(2);
    let lists = number_lists(rng, 0, 99);
    let (way, sign) = if left { ("left", "") } else { ("right", "-") };
    let (gone, end) = if left { ("front", "back") } else { ("back", "front") };
    Draft {
        parameters: "items",
        description: format!(
            "Return the list `items` rotated to the {way} by {places}: what falls off its {gone} comes in at its {end}."
        ),
        solution: format!(
            "if not items:\n    return []\nk = {sign}{places} % len(items)\nreturn items[k:] + items[:k]"
        ),
        cases: number_cases(lists, |numbers| {
            let mut turned = numbers.to_vec();
            let n = turned.len().max(1);
            if left {
                turned.rotate_left(places % n)
            } else {
                turned.rotate_right(places % n)
            }
            list(turned)
        }),
    }
}

pub(super) fn chunks(rng: &mut Rng) -> Draft {
    let size = rng.between(2, 9) as usize;
    let backwards = rng.one_in(2);
    let least = rng.between(1, 2) as usize;
    let lists = number_lists(rng, 0, 99);
    let order = if backwards { ", each in reverse order" } else { "" };
    let rest = if least == 1 {
        "The last may be shorter."
    } else {
        "The last may be shorter, but one of a single element is left out."
    };
    let step = if backwards { "[::-1]" } else { "" };
    Draft {
        parameters: "items",
        description: format!(
            "Return the list of the pieces of {size} elements that the list `items` is cut into{order}. {rest}"
        ),
        solution: format!(
            "pieces = [items[i:i + {size}] for i in range(0, len(items), {size})]\n\
             return [piece{step} for piece in pieces if len(piece) >= {least}]"
        ),
        cases: number_cases(lists, |numbers| {
            let pieces = numbers.chunks(size).filter(|piece| piece.len() >= least);
            list(pieces.map(|piece| if backwards { list(piece.iter().rev()) } else { list(piece) }))
        }),
    }
}

pub(super) fn running(rng: &mut Rng) -> Draft {
    let first = rng.between(0, 40) as i64 - 20;
    let (what, code, step): (&str, &str, fn(i64, i64) -> i64) = match rng.below(3) {
        0 => ("sum", "so_far + n", |a, b| a + b),
        1 => ("maximum", "max(so_far, n)", |a, b| a.max(b)),
        _ => ("minimum", "min(so_far, n)", |a, b| a.min(b)),
    };
    let lists = number_lists(rng, -30, 30);
    Draft {
        parameters: "numbers",
        description: format!(
            "Return the list of the running {what} of the list `numbers`: its element at each place is the {what} of \
             {first} and all numbers up to that place."
        ),
        solution: format!(
            "so_far, results = {first}, []\nfor n in numbers:\n    so_far = {code}\n    results.append(so_far)\nreturn results"
        ),
        cases: number_cases(lists, |numbers| {
            let mut so_far = first;
            list(numbers.iter().map(|n| {
                so_far = step(so_far, *n);
                so_far
            }))
        }),
    }
}

pub(super) fn without_repeats(rng: &mut Rng) -> Draft {
    let most = rng.between(1, 3) as usize;
    let modulus = rng.between(2, 12) as i64;
    let lists = number_lists(rng, 0, 30);
    let times = if most == 1 { "once".to_owned() } else { format!("{most} times") };
    Draft {
        parameters: "numbers",
        description: format!(
            "Return the elements of the list `numbers` in their order, leaving out each one whose remainder when divided \
             by {modulus} was already kept {times} before it."
        ),
        solution: format!(
            "kept, seen = [], {{}}\n\
             for n in numbers:\n    \
                 key = n % {modulus}\n    \
                 if seen.get(key, 0) < {most}:\n        \
                     seen[key] = seen.get(key, 0) + 1\n        \
                     kept.append(n)\n\
             return kept"
        ),
        cases: number_cases(lists, |numbers| {
            let mut kept: Vec<i64> = Vec::new();
            for n in numbers {
                if kept.iter().filter(|other| *other % modulus == n % modulus).count() < most {
                    kept.push(*n);
                }
            }
            list(kept)
        }),
    }
}

pub(super) fn nth_largest(rng: &mut Rng) -> Draft {
    let n = rng.between(2, 4) as usize;
    let largest = rng.one_in(2);
    let missing = rng.between(0, 20) as i64 - 10;
    let lists = number_lists(rng, -20, 20);
    let nth = ["", "first", "second", "third", "fourth"][n];
    let (word, reverse) = if largest { ("largest", "True") } else { ("smallest", "False") };
    Draft {
        parameters: "numbers",
        description: format!(
            "Return the {nth} {word} of the different values in the list `numbers`, or {missing} where there are fewer \
             than {n} different values."
        ),
        solution: format!(
            "values = sorted(set(numbers), reverse={reverse})\n\
             return values[{n} - 1] if len(values) >= {n} else {missing}"
        ),
        cases: number_cases(lists, |numbers| {
            let mut values = numbers.to_vec();
            values.sort_unstable();
            values.dedup();
            if largest {
                values.reverse();
            }
            *values.get(n - 1).unwrap_or(&missing)
        }),
    }
}
