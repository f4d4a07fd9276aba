//! Which buffer each value lives in: values that are never alive together share one.

use crate::id::ValueId;
use crate::network::Network;
use crate::op::{Rows, StepSize};

/// A buffer of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotId(pub usize);

/// Buffers for one step, planned once for any number of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferPlan {
    /// The buffer of each value.
    pub slot_of: Vec<SlotId>,
    /// Rows and f32 columns that each buffer must hold.
    pub slots: Vec<(Rows, usize)>,
}

impl BufferPlan {
    /// Assigns a buffer to every value; a buffer is free again after its value's last use.
    pub fn new(network: &Network) -> BufferPlan {
        let mut last_use: Vec<usize> = (0..network.nodes.len()).collect();
        for (at, node) in network.nodes.iter().enumerate() {
            for input in &node.inputs {
                last_use[input.0] = at;
            }
        }
        network.outputs.iter().for_each(|output| last_use[output.0] = usize::MAX); // read after the last node

        let mut plan = BufferPlan { slot_of: Vec::new(), slots: Vec::new() };
        let mut free: Vec<SlotId> = Vec::new();
        for (at, node) in network.nodes.iter().enumerate() {
            let slot = plan.take_slot(&mut free, node.rows, node.width);
            plan.slot_of.push(slot);
            let mut dead: Vec<ValueId> = node.inputs.iter().copied().filter(|v| last_use[v.0] == at).collect();
            dead.sort();
            dead.dedup();
            free.extend(dead.into_iter().map(|v| plan.slot_of[v.0]));
        }
        plan
    }

    /// The free buffer that needs to grow least, or a new one.
    fn take_slot(&mut self, free: &mut Vec<SlotId>, rows: Rows, width: usize) -> SlotId {
        let fits = |slot: &SlotId| self.slots[slot.0].0 == rows;
        let waste = |slot: &SlotId| self.slots[slot.0].1.abs_diff(width);
        let best = (0..free.len()).filter(|&i| fits(&free[i])).min_by_key(|&i| waste(&free[i]));
        match best {
            Some(i) => {
                let slot = free.swap_remove(i);
                self.slots[slot.0].1 = self.slots[slot.0].1.max(width);
                slot
            }
            None => {
                self.slots.push((rows, width));
                SlotId(self.slots.len() - 1)
            }
        }
    }

    /// Bytes of all buffers for a step.
    pub fn bytes(&self, size: StepSize) -> u64 {
        self.slots.iter().map(|&(rows, width)| (size.rows(rows) * width * size_of::<f32>()) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn values_alive_together_never_share_a_buffer() {
        let mut net = Builder::new(8);
        let mut x = net.embed("e", 4);
        for i in 0..6 {
            let h = net.rms_norm(x, &format!("n{i}.weight"), 1e-5);
            let y = net.linear(h, &format!("l{i}"), 4);
            x = net.add(x, y);
        }
        let s = net.select_rows(x);
        let logits = net.linear(s, "head", 8);
        let network = net.finish(logits).unwrap();
        let plan = BufferPlan::new(&network);
        // A residual stream, a branch and its successor: three buffers serve six layers.
        assert_eq!(plan.slots.iter().filter(|s| s.0 == Rows::Tokens).count(), 3);
        assert_no_overlap(&network, &plan);
    }

    #[test]
    fn a_value_read_again_much_later_keeps_its_buffer() {
        let mut net = Builder::new(8);
        let early = net.embed("e", 4);
        let mut x = early;
        for i in 0..5 {
            x = net.linear(x, &format!("l{i}"), 4 + i);
        }
        let x = net.linear(x, "back", 4);
        let sum = net.add(early, x);
        let s = net.select_rows(sum);
        let logits = net.linear(s, "head", 8);
        let network = net.finish(logits).unwrap();
        assert_no_overlap(&network, &BufferPlan::new(&network));
    }

    /// From the node that makes it to the last that reads it, no other value has a value's buffer.
    fn assert_no_overlap(network: &Network, plan: &BufferPlan) {
        let nodes = &network.nodes;
        for made in 0..nodes.len() {
            let readers = (made..nodes.len()).filter(|at| nodes[*at].inputs.contains(&ValueId(made)));
            let last =
                if network.outputs.contains(&ValueId(made)) { nodes.len() - 1 } else { readers.max().unwrap_or(made) };
            for other in made + 1..=last {
                assert_ne!(plan.slot_of[made], plan.slot_of[other], "node {other} overwrites value {made}");
            }
        }
    }
}
