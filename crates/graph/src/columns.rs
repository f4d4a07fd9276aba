//! What is done with columns of values, by groups of them: heads, or parts that were made by one product.

use crate::builder::{Builder, Scope};
use crate::id::{ValueId, WeightId};
use crate::network::WeightKind;
use crate::op::Op;

impl Builder {
    /// Columns `from..from + len` of every `group` of them.
    pub fn columns(&mut self, x: ValueId, group: usize, from: usize, len: usize) -> ValueId {
        let width = self.width(x);
        self.require("columns", group > 0 && width.is_multiple_of(group) && from + len <= group, || {
            format!("{from} to {} of groups of {group} in {width}", from + len)
        });
        self.push(Op::Columns { group, from, len }, vec![x], self.rows(x), width / group.max(1) * len)
    }

    /// Groups of columns of two values by turns, `groups` of each.
    pub fn join(&mut self, a: ValueId, b: ValueId, groups: usize) -> ValueId {
        let widths = [self.width(a), self.width(b)];
        self.require("join", groups > 0 && widths.iter().all(|width| width.is_multiple_of(groups)), || {
            format!("{widths:?} columns in {groups} groups")
        });
        self.push(Op::Join { groups }, vec![a, b], self.rows(a), widths[0] + widths[1])
    }

    /// `x` plus a vector `name`, `(width)`.
    pub fn bias(&mut self, x: ValueId, name: &str) -> ValueId {
        let weight = self.weight(name.to_owned(), vec![self.width(x)], WeightKind::Vector { offset: 0.0 });
        self.push(Op::Bias(weight), vec![x], self.rows(x), self.width(x))
    }

    /// `x` less a vector `name`, `(width)`.
    pub fn unbias(&mut self, x: ValueId, name: &str) -> ValueId {
        let weight = self.weight(name.to_owned(), vec![self.width(x)], WeightKind::Vector { offset: 0.0 });
        self.push(Op::Unbias(weight), vec![x], self.rows(x), self.width(x))
    }

    /// Values of `x` no less than that of `least`, no more than that of `most`, which are stored.
    pub fn clamp_to(&mut self, x: ValueId, least: &str, most: &str) -> ValueId {
        let [least, most] =
            [least, most].map(|name| self.weight(name.to_owned(), vec![1], WeightKind::Vector { offset: 0.0 }));
        self.push(Op::ClampTo { least, most }, vec![x], self.rows(x), self.width(x))
    }

    /// Values no less than `least`, no more than `most`.
    pub fn clamp(&mut self, x: ValueId, least: f32, most: f32) -> ValueId {
        self.push(Op::Clamp { least, most }, vec![x], self.rows(x), self.width(x))
    }

    /// Every group of columns of `x` times its column of `by`.
    pub fn scale_groups(&mut self, x: ValueId, by: ValueId) -> ValueId {
        let (width, groups) = (self.width(x), self.width(by));
        self.require("gate", groups > 0 && width.is_multiple_of(groups), || {
            format!("{groups} factors for {width} columns")
        });
        self.push(Op::ScaleGroups, vec![x, by], self.rows(x), width)
    }
}

impl Scope<'_> {
    /// Every `group` columns of `x` times their value of the vector `name`, `(width / group)`.
    pub fn scale_heads(&mut self, x: ValueId, name: &str, group: usize) -> ValueId {
        let width = self.net().width(x);
        self.net().require(name, group > 0 && width.is_multiple_of(group), || format!("groups of {group} in {width}"));
        let weight = self.vector(name, width / group.max(1));
        let net = self.net();
        net.push(Op::ScaleColumns { weight, group }, vec![x], net.rows(x), width)
    }

    /// Each of `heads` groups of columns times its matrix of the stack `name`, `(heads, out, in)`.
    pub fn head_linear(&mut self, x: ValueId, name: &str, heads: usize, out: usize) -> ValueId {
        let name = self.name(name);
        let net = self.net();
        let width = net.width(x);
        net.require(&name, heads > 0 && width.is_multiple_of(heads), || format!("{heads} heads in {width} columns"));
        let weight = net.weight(name, vec![heads, out, width / heads.max(1)], WeightKind::Experts);
        net.push(Op::HeadLinear { weight }, vec![x], net.rows(x), heads * out)
    }

    /// Declares the vector `name` of `len` values, for what takes one beside its operands.
    pub fn vector(&mut self, name: &str, len: usize) -> WeightId {
        let name = self.name(name);
        self.net().weight(name, vec![len], WeightKind::Vector { offset: 0.0 })
    }

    /// [`Builder::bias`].
    pub fn bias(&mut self, x: ValueId, name: &str) -> ValueId {
        let name = self.name(name);
        self.net().bias(x, &name)
    }
}
