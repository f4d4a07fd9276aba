//! The nearest entry of a codebook that has much of what there could be: sought among the changes of what would be best.

use crate::grid::Tried;

/// The entries of a codebook by their levels.
pub struct Changes<const RUN: usize> {
    levels: Vec<f32>,
    /// The entry with these levels, or `u16::MAX`: places count as the digits of a number do.
    named: Vec<u16>,
}

/// Another level than the best of a place.
#[derive(Clone, Copy)]
struct Change {
    cost: f32,
    /// A bit for the place.
    place: u32,
    /// What it adds to the number of the levels.
    moves: i32,
}

/// Two levels that a place has beside its best, times eight places.
const CHANGES: usize = 16;

impl<const RUN: usize> Changes<RUN> {
    /// Of a codebook whose levels are three; none of one that has less than a fourth of all runs of them.
    pub fn of(entries: &[[f32; RUN]], levels: &[f32]) -> Option<Changes<RUN>> {
        let all = levels.len().pow(RUN as u32);
        if levels.len() > 3 || entries.len() < all / 4 {
            return None;
        }
        let mut named = vec![u16::MAX; all];
        for (entry, values) in entries.iter().enumerate() {
            let digit = |value: &f32| levels.iter().position(|level| level == value).expect("one of the levels");
            named[values.iter().rev().fold(0, |number, value| number * levels.len() + digit(value))] = entry as u16;
        }
        Some(Changes { levels: levels.to_vec(), named })
    }

    /// An entry that comes closest to `x`, and the squared error less what zeros have.
    ///
    /// Where every place has its best level and the codebook has that, nothing is closer. Else places have other levels, which
    /// cost more, and the cheapest set of such changes that the codebook has is sought: every set that is cheaper than what
    /// was found so far is tried, from the cheapest change on.
    #[inline(always)]
    pub fn nearest(&self, x: &[f32; RUN], w: &[f32; RUN], tried: Tried) -> (usize, f32) {
        let (mut changes, mut n) = ([Change { cost: f32::INFINITY, place: 0, moves: 0 }; CHANGES], 0);
        let (mut number, mut least, mut digit) = (0, 0.0, 1);
        for place in 0..RUN {
            let mut costs = [f32::INFINITY; 3];
            let mut best = 0;
            for (level, value) in self.levels.iter().enumerate() {
                let value = (value + tried.shift) * tried.scale;
                costs[level] = w[place] * (value * (value - 2.0 * x[place]));
                best = if costs[level] < costs[best] { level } else { best };
            }
            for level in 0..self.levels.len() {
                if level != best {
                    let moves = (level as i32 - best as i32) * digit;
                    let change = Change { cost: costs[level] - costs[best], place: 1 << place, moves };
                    // Sorted in: those that cost more go one further.
                    let mut at = n;
                    while at > 0 && changes[at - 1].cost > change.cost {
                        changes[at] = changes[at - 1];
                        at -= 1;
                    }
                    changes[at] = change;
                    n += 1;
                }
            }
            number += best as i32 * digit;
            least += costs[best];
            digit *= self.levels.len() as i32;
        }
        let entry = self.named[number as usize];
        if entry != u16::MAX {
            return (usize::from(entry), least);
        }
        let (entry, more) = self.changed(number, &changes[..n]);
        (entry, least + more)
    }

    /// The entry that the cheapest changes of a number lead to, and what they cost.
    #[inline(always)]
    fn changed(&self, number: i32, changes: &[Change]) -> (usize, f32) {
        let (mut best, mut found) = (f32::INFINITY, 0);
        // What was changed so far, and which change is to be tried next, for each that was made.
        let (mut costs, mut numbers, mut places, mut next) = ([0.0f32; 8], [number; 8], [0u32; 8], [0usize; 8]);
        let mut depth = 0;
        loop {
            let change = changes.get(next[depth]).filter(|change| costs[depth] + change.cost < best);
            let Some(change) = change else {
                if depth == 0 {
                    return (found, best);
                }
                depth -= 1;
                continue;
            };
            next[depth] += 1;
            if places[depth] & change.place != 0 {
                continue;
            }
            let (cost, number) = (costs[depth] + change.cost, numbers[depth] + change.moves);
            let entry = self.named[number as usize];
            if entry != u16::MAX {
                (best, found) = (cost, usize::from(entry));
            } else if depth + 1 < RUN {
                (costs[depth + 1], numbers[depth + 1]) = (cost, number);
                (places[depth + 1], next[depth + 1]) = (places[depth] | change.place, next[depth]);
                depth += 1;
            }
        }
    }
}
