//! The order in which nodes run, where the description leaves it open.

use std::collections::HashMap;

use crate::id::ValueId;
use crate::network::{Network, Node};
use crate::op::Op;

/// Puts products of the same value (queries, keys and values; gate and up) side by side, behind the first of them, so
/// that an executor can make them together.
pub(crate) fn gather_products(network: &mut Network) {
    let mut readers: HashMap<ValueId, Vec<usize>> = HashMap::new();
    for (at, node) in network.nodes.iter().enumerate().filter(|(_, node)| is_product(node)) {
        readers.entry(node.inputs[0]).or_default().push(at);
    }
    let mut order = Vec::with_capacity(network.nodes.len());
    for (at, node) in network.nodes.iter().enumerate() {
        match node.inputs.first().filter(|_| is_product(node)) {
            Some(input) => order.extend(readers.remove(input).unwrap_or_default()), // none left: all stand there already
            None => order.push(at),
        }
    }
    let mut moved_to = vec![ValueId(0); order.len()];
    order.iter().enumerate().for_each(|(to, from)| moved_to[*from] = ValueId(to));
    let moved = |from: usize| {
        let node = &network.nodes[from];
        Node { inputs: node.inputs.iter().map(|value| moved_to[value.0]).collect(), ..node.clone() }
    };
    network.nodes = order.into_iter().map(moved).collect();
    network.outputs.iter_mut().for_each(|output| *output = moved_to[output.0]);
}

fn is_product(node: &Node) -> bool {
    matches!(node.op, Op::Linear { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn products_of_one_value_stand_behind_the_first_and_everything_else_keeps_its_order() {
        let mut net = Builder::new(8);
        let x = net.embed("e", 4);
        let q = net.linear(x, "q", 4);
        let q = net.rms_norm(q, "norm.weight", 1e-5);
        let k = net.linear(x, "k", 4);
        let sum = net.add(q, k);
        let other = net.linear(sum, "o", 4);
        let v = net.linear(x, "v", 4);
        let sum = net.add(other, v);
        let logits = net.linear(sum, "head", 8);
        let network = net.finish(logits).unwrap();
        let names: Vec<&str> = network
            .nodes
            .iter()
            .map(|node| match &node.op {
                Op::Linear { weight, .. } => network.weight(*weight).name.as_str(),
                Op::Embed { .. } => "embed",
                Op::RmsNorm { .. } => "norm",
                _ => "add",
            })
            .collect();
        let expected = ["embed", "q.weight", "k.weight", "v.weight", "norm", "add", "o.weight", "add", "head.weight"];
        assert_eq!(names, expected);
        let inputs: Vec<Vec<usize>> =
            network.nodes.iter().map(|node| node.inputs.iter().map(|value| value.0).collect()).collect();
        let expected: [&[usize]; 9] = [&[], &[0], &[0], &[0], &[1], &[4, 2], &[5], &[6, 3], &[7]];
        assert_eq!(inputs, expected);
        assert_eq!(network.outputs, [ValueId(8)]);
    }
}
