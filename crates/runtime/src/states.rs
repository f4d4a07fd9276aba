//! The states of one sequence, into which its past is folded, and copies of them at earlier positions.
//!
//! A state cannot be cut back: who wants to go on from an earlier position goes on from the last copy before it, and
//! computes again what lies between. Copies are made at the ends of a prompt's batches and thinned out, so that few of them
//! stand the denser the nearer they are to the end: prompts that continue one another part near their ends.

use plimsoll_graph::cost::CHECKPOINTS;
use plimsoll_graph::{Network, StateId};

/// States at a position; none of a network without.
#[derive(Debug, Default)]
pub(crate) struct States {
    now: Vec<Vec<f32>>,
    /// The copies, earliest first.
    kept: Vec<Checkpoint>,
}

#[derive(Debug, Clone)]
struct Checkpoint {
    at: usize,
    values: Vec<Vec<f32>>,
}

impl States {
    pub fn new(network: &Network) -> States {
        States { now: network.states.iter().map(|state| vec![0.0; state.values]).collect(), kept: Vec::new() }
    }

    pub fn is_none(&self) -> bool {
        self.now.is_empty()
    }

    /// Bytes of the states and of as many copies as are kept at most.
    pub fn bytes(&self) -> usize {
        (1 + CHECKPOINTS) * self.now.iter().map(|state| size_of_val(&state[..])).sum::<usize>()
    }

    pub fn get_mut(&mut self, id: StateId) -> &mut [f32] {
        &mut self.now[id.0]
    }

    /// Keeps a copy of what the first `len` positions were folded into.
    pub fn keep(&mut self, len: usize) {
        if self.is_none() || self.kept.last().is_some_and(|last| last.at == len) {
            return;
        }
        // What falls out lends its memory.
        let mut values = if self.kept.len() < CHECKPOINTS { self.now.clone() } else { self.thin(len) };
        values.iter_mut().zip(&self.now).for_each(|(copy, now)| copy.copy_from_slice(now));
        self.kept.push(Checkpoint { at: len, values });
    }

    /// Takes out the copy that is missed least by who goes on from before `len`: the one whose neighbours are nearest to
    /// each other, measured by how far back they lie.
    fn thin(&mut self, len: usize) -> Vec<Vec<f32>> {
        let at = |i: usize| self.kept.get(i).map_or(len, |kept| kept.at);
        let gap = |i: usize| {
            let before = if i == 0 { 0 } else { at(i - 1) };
            (at(i + 1) - before) as f64 / (len - before) as f64
        };
        let least = (0..self.kept.len()).min_by(|a, b| gap(*a).total_cmp(&gap(*b))).unwrap_or(0);
        self.kept.remove(least).values
    }

    /// The position that is gone on from where `len` of `now` positions are to stay.
    pub fn reachable(&self, len: usize, now: usize) -> usize {
        if self.is_none() || len >= now {
            return len.min(now);
        }
        self.kept.iter().rfind(|kept| kept.at <= len).map_or(0, |kept| kept.at)
    }

    /// Goes back to [`States::reachable`] and returns it.
    pub fn go_back(&mut self, len: usize, now: usize) -> usize {
        let to = self.reachable(len, now);
        if to == now || self.is_none() {
            return to;
        }
        self.kept.retain(|kept| kept.at <= to);
        match self.kept.last().filter(|kept| kept.at == to) {
            Some(kept) => self.now.iter_mut().zip(&kept.values).for_each(|(now, kept)| now.copy_from_slice(kept)),
            None => self.now.iter_mut().for_each(|state| state.fill(0.0)),
        }
        to
    }

    /// Those of another sequence that begins alike, up to [`States::reachable`], which is returned beside.
    pub fn beginning(&self, len: usize, now: usize) -> (States, usize) {
        let to = self.reachable(len, now);
        let kept: Vec<Checkpoint> = self.kept.iter().filter(|kept| kept.at <= to).cloned().collect();
        let values = match kept.last().filter(|kept| kept.at == to) {
            _ if to == now => self.now.clone(),
            Some(kept) => kept.values.clone(),
            None => self.now.iter().map(|state| vec![0.0; state.len()]).collect(),
        };
        (States { now: values, kept }, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of one state of one value, which counts positions.
    fn at(len: usize) -> States {
        let mut states = States { now: vec![vec![0.0]], kept: Vec::new() };
        (1..=len).for_each(|position| step(&mut states, position));
        states
    }

    fn step(states: &mut States, position: usize) {
        states.now[0][0] = position as f32;
        states.keep(position);
    }

    #[test]
    fn going_back_ends_at_a_copy_and_what_is_there_is_what_was_there() {
        let mut states = at(100);
        assert_eq!(states.kept.len(), CHECKPOINTS);
        for len in (0..100).rev() {
            let to = states.go_back(len, if len == 99 { 100 } else { states.now[0][0] as usize });
            assert!(to <= len, "{to} of {len}");
            assert_eq!(states.now[0][0], to as f32);
        }
    }

    #[test]
    fn copies_stand_the_denser_the_nearer_they_are_to_the_end() {
        let states = at(1000);
        let kept: Vec<usize> = states.kept.iter().map(|kept| kept.at).collect();
        assert_eq!(kept.last(), Some(&1000), "the end itself");
        let ages: Vec<usize> = kept.iter().map(|at| 1000 - at).collect();
        assert!(ages[0] >= 100, "one far back: {ages:?}");
        assert!(ages.windows(2).all(|pair| pair[0] > pair[1]), "{ages:?}");
    }

    #[test]
    fn a_beginning_is_a_copy_of_its_own() {
        let states = at(10);
        let (begun, to) = states.beginning(10, 10);
        assert_eq!((to, begun.now[0][0]), (10, 10.0));
        let (mut begun, to) = states.beginning(9, 10);
        assert_eq!(begun.now[0][0], to as f32);
        begun.get_mut(StateId(0))[0] = -1.0;
        assert_eq!(states.now[0][0], 10.0);
        assert_eq!(states.beginning(0, 10).1, 0);
    }

    #[test]
    fn a_sequence_without_states_is_cut_anywhere() {
        let mut states = States::default();
        states.keep(3);
        assert_eq!((states.go_back(2, 5), states.reachable(4, 5), states.reachable(7, 5)), (2, 4, 5));
    }
}
