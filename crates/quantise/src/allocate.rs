//! Which type each tensor gets, so that all of them together fit a number of bytes and lose least.

/// What one way of storing a tensor takes and loses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Bytes.
    pub bytes: u64,
    /// Damage, which adds up over tensors, in whatever unit they share.
    pub damage: f64,
}

/// Chooses for each tensor one of its ways, so that together they take `budget` bytes at most and do little damage: from
/// the smallest on, always the step that takes off the most damage for a byte, then whatever still fits. `None` if even
/// the smallest do not fit. Source: the greedy solution of the multiple-choice knapsack over convex hulls (Sinha and
/// Zoltners, 1979), which is at most one step from the best.
///
/// # Panics
/// A tensor has no way of being stored.
pub fn allocate(tensors: &[Vec<Cost>], budget: u64) -> Option<Vec<usize>> {
    let hulls: Vec<Vec<usize>> = tensors.iter().map(|ways| hull(ways)).collect();
    let mut at = vec![0; tensors.len()];
    let cost = |tensor: usize, at: usize| tensors[tensor][hulls[tensor][at]];
    let mut taken: u64 = (0..tensors.len()).map(|tensor| cost(tensor, 0).bytes).sum();
    if taken > budget {
        return None;
    }
    loop {
        let step = |tensor: usize| {
            let (now, next) = (cost(tensor, at[tensor]), cost(tensor, at[tensor] + 1));
            (next.bytes - now.bytes, now.damage - next.damage)
        };
        let able = (0..tensors.len()).filter(|tensor| at[*tensor] + 1 < hulls[*tensor].len());
        let fitting = able.map(|tensor| (tensor, step(tensor))).filter(|(_, (bytes, _))| taken + bytes <= budget);
        // A hull's steps become less and less worth it, so that the best of the next ones is the best of all.
        let worth = |(bytes, gain): (u64, f64)| gain / bytes as f64;
        let Some((tensor, (bytes, _))) = fitting.max_by(|a, b| worth(a.1).total_cmp(&worth(b.1))) else { break };
        at[tensor] += 1;
        taken += bytes;
    }
    Some(at.iter().zip(&hulls).map(|(at, hull)| hull[*at]).collect())
}

/// The ways that are worth their bytes, from the smallest on: each takes more and loses less than the one before, by less
/// for a byte.
fn hull(ways: &[Cost]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ways.len()).collect();
    let key = |i: &usize| (ways[*i].bytes, ways[*i].damage);
    order.sort_by(|a, b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
    let mut hull: Vec<usize> = Vec::new();
    for way in order {
        if hull.last().is_some_and(|last| ways[way].damage >= ways[*last].damage) {
            continue;
        }
        let worth =
            |from: usize, to: usize| (ways[from].damage - ways[to].damage) / (ways[to].bytes - ways[from].bytes) as f64;
        while let [.., before, last] = hull[..] {
            if worth(before, way) < worth(before, last) {
                break;
            }
            hull.pop();
        }
        hull.push(way);
    }
    assert!(!hull.is_empty(), "a way of storing each tensor");
    hull
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn way((bytes, damage): (u64, f64)) -> Cost {
        Cost { bytes, damage }
    }

    fn totals(tensors: &[Vec<Cost>], chosen: &[usize]) -> (u64, f64) {
        let chosen = || tensors.iter().zip(chosen).map(|(ways, at)| ways[*at]);
        (chosen().map(|cost| cost.bytes).sum(), chosen().map(|cost| cost.damage).sum())
    }

    #[test]
    fn the_bytes_go_where_they_take_off_the_most_damage() {
        let [small, large] = [[(4, 8.0), (8, 1.0)], [(40, 8.0), (80, 1.0)]].map(|ways| ways.map(way).to_vec());
        let tensors = [small, large];
        assert_eq!(allocate(&tensors, 43), None);
        assert_eq!(allocate(&tensors, 44), Some(vec![0, 0]));
        assert_eq!(allocate(&tensors, 83), Some(vec![1, 0]));
        assert_eq!(allocate(&tensors, 88), Some(vec![1, 1]));
    }

    #[test]
    fn a_way_that_takes_more_and_loses_more_is_never_taken() {
        let tensors = [[(4, 3.0), (6, 5.0), (8, 2.0)].map(way).to_vec()];
        assert_eq!(
            (4..10).map(|budget| allocate(&tensors, budget).unwrap()[0]).collect::<Vec<_>>(),
            [0, 0, 0, 0, 2, 2]
        );
    }

    proptest! {
        #[test]
        fn more_bytes_never_do_more_damage_and_the_budget_holds(
            tensors in prop::collection::vec(prop::collection::vec((1u64..50, 0.0f64..9.0), 1..6), 1..8),
            budgets in prop::collection::vec(0u64..300, 2..6),
        ) {
            let tensors: Vec<Vec<Cost>> =
                tensors.into_iter().map(|ways| ways.into_iter().map(way).collect()).collect();
            let mut budgets = budgets;
            budgets.sort_unstable();
            let least: u64 = tensors.iter().map(|ways| ways.iter().map(|way| way.bytes).min().unwrap()).sum();
            for budget in budgets {
                match allocate(&tensors, budget) {
                    Some(chosen) => {
                        let (bytes, damage) = totals(&tensors, &chosen);
                        prop_assert!(bytes <= budget);
                        // At most one step of one tensor from the best of all choices that fit.
                        let best = best(&tensors, budget);
                        let widest = tensors.iter().flatten().map(|way| way.damage).fold(0.0, f64::max);
                        prop_assert!(damage <= best + widest + 1e-9, "{damage} where {best} was to be had");
                    }
                    None => prop_assert!(least > budget),
                }
            }
        }
    }

    /// The least damage within a budget, by going through all of them.
    fn best(tensors: &[Vec<Cost>], budget: u64) -> f64 {
        let mut least = vec![f64::INFINITY; budget as usize + 1];
        least[0] = 0.0;
        for ways in tensors {
            let mut next = vec![f64::INFINITY; least.len()];
            for (taken, damage) in least.iter().enumerate() {
                for way in ways.iter().filter(|way| taken + way.bytes as usize <= budget as usize) {
                    let at = taken + way.bytes as usize;
                    next[at] = next[at].min(damage + way.damage);
                }
            }
            least = next;
        }
        least.into_iter().fold(f64::INFINITY, f64::min)
    }
}
