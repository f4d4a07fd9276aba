//! A graph, node by node. Values are named in the order that they are made, so that the same model gives the same bytes.

use std::collections::HashSet;

use half::f16;

use super::proto::{Attribute, Dim, ElementType, Graph, Initialiser, MICROSOFT, Node, Place, Port};
use super::weights::{Part, Stored};

/// Tensors of fewer bytes lie in the file itself: what reads shapes and axes does not look outside.
pub(crate) const INLINE_BELOW: u64 = 1024;
/// External tensors begin at multiples of this, so that they can be mapped.
pub(crate) const ALIGNMENT: u64 = 4096;

/// A value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub name: String,
    pub element: ElementType,
}

/// A graph in the making, and the weights that its external data will hold, in their order.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    pub graph: Graph,
    pub stored: Vec<Stored>,
    /// Names of initialisers.
    known: HashSet<String>,
    end: u64,
}

impl GraphBuilder {
    /// Bytes of the external data.
    pub fn external_bytes(&self) -> u64 {
        self.end
    }

    /// Declares an input.
    pub fn input(&mut self, name: impl Into<String>, element: ElementType, dims: Vec<Dim>) -> Value {
        let name = name.into();
        self.graph.inputs.push(Port { name: name.clone(), element, dims });
        Value { name, element }
    }

    /// Declares `value` as the output `name`, which it is called from then on; what no operation made is copied.
    pub fn output(&mut self, value: &Value, name: impl Into<String>, dims: Vec<Dim>) {
        let name = name.into();
        if !self.graph.nodes.iter().any(|node| node.outputs.contains(&value.name)) {
            self.push("Identity", "", &[value], vec![name.clone()], vec![]);
        } else {
            let names = self.graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
            names.filter(|found| **found == value.name).for_each(|found| found.clone_from(&name));
        }
        self.graph.outputs.push(Port { name, element: value.element, dims });
    }

    /// An operation with one result, of the type of its first operand.
    pub fn node(&mut self, op: &'static str, inputs: &[&Value]) -> Value {
        self.node_with(op, inputs, vec![])
    }

    /// As [`GraphBuilder::node`], with attributes.
    pub fn node_with(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Value {
        self.node_as(op, inputs, attributes, inputs[0].element)
    }

    /// As [`GraphBuilder::node_with`], with a result of this type.
    pub fn node_as(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
        element: ElementType,
    ) -> Value {
        let name = self.fresh();
        self.push(op, "", inputs, vec![name.clone()], attributes);
        Value { name, element }
    }

    /// An operation that ONNX Runtime adds to ONNX's.
    pub fn contributed(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Value {
        let name = self.fresh();
        self.push(op, MICROSOFT, inputs, vec![name.clone()], attributes);
        Value { name, element: inputs[0].element }
    }

    /// `x` cut along its last axis into parts of these sizes.
    pub fn split(&mut self, x: &Value, axis: i64, sizes: &[usize]) -> Vec<Value> {
        let parts: Vec<i64> = sizes.iter().map(|size| *size as i64).collect();
        let sizes = self.ints(&parts);
        let first = self.fresh();
        let names: Vec<String> = (0..parts.len()).map(|part| format!("{first}.{part}")).collect();
        self.push("Split", "", &[x, &sizes], names.clone(), vec![("axis", Attribute::Int(axis))]);
        names.into_iter().map(|name| Value { name, element: x.element }).collect()
    }

    fn push(
        &mut self,
        op: &'static str,
        domain: &'static str,
        inputs: &[&Value],
        outputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) {
        let inputs = inputs.iter().map(|value| value.name.clone()).collect();
        self.graph.nodes.push(Node { op, domain, inputs, outputs, attributes });
    }

    fn fresh(&self) -> String {
        format!("v{}", self.graph.nodes.len())
    }

    /// A list of whole numbers: a shape, axes, bounds.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let words: Vec<String> = values.iter().map(i64::to_string).collect();
        self.int_tensor(format!("ints[{}]", words.join(",")), values, vec![values.len()])
    }

    /// A whole number without dimensions.
    pub fn int(&mut self, value: i64) -> Value {
        self.int_tensor(format!("int({value})"), &[value], vec![])
    }

    fn int_tensor(&mut self, name: String, values: &[i64], dims: Vec<usize>) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.inline(name, ElementType::I64, dims, bytes)
    }

    /// A number without dimensions, as `element`.
    pub fn number(&mut self, value: f32, element: ElementType) -> Value {
        let bytes = match element {
            ElementType::F16 => f16::from_f32(value).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        let width = if element == ElementType::F16 { "half" } else { "single" };
        self.inline(format!("{width}({value})"), element, vec![], bytes)
    }

    /// A byte without dimensions.
    pub fn byte(&mut self, value: u8) -> Value {
        self.inline(format!("byte({value})"), ElementType::U8, vec![], vec![value])
    }

    /// A table of singles under a name of its own.
    pub fn table(&mut self, name: &str, values: &[f32], dims: Vec<usize>) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.vector(name, ElementType::F32, dims, bytes)
    }

    /// Values that are at hand as bytes: in the file itself if they are few.
    pub fn vector(&mut self, name: &str, element: ElementType, dims: Vec<usize>, bytes: Vec<u8>) -> Value {
        if (bytes.len() as u64) < INLINE_BELOW {
            return self.inline(name.to_owned(), element, dims, bytes);
        }
        let parts = [Part { name: name.to_owned(), element, dims }];
        let [value] = self.external(parts, || Stored::Bytes(bytes));
        value
    }

    fn inline(&mut self, name: String, element: ElementType, dims: Vec<usize>, bytes: Vec<u8>) -> Value {
        if self.known.insert(name.clone()) {
            let place = Place::Inline(bytes);
            self.graph.initialisers.push(Initialiser { name: name.clone(), element, dims, place });
        }
        Value { name, element }
    }

    /// Tensors of the external data that come of one weight, one behind the other; what is there already is used again.
    pub fn external<const N: usize>(&mut self, parts: [Part; N], source: impl FnOnce() -> Stored) -> [Value; N] {
        if self.known.insert(parts[0].name.clone()) {
            for Part { name, element, dims } in parts.clone() {
                let offset = self.end.next_multiple_of(ALIGNMENT);
                let length = dims.iter().map(|dim| *dim as u64).product::<u64>() * element.bytes();
                self.end = offset + length;
                let place = Place::External { offset, length };
                self.graph.initialisers.push(Initialiser { name, element, dims, place });
            }
            self.stored.push(source());
        }
        parts.map(|Part { name, element, .. }| Value { name, element })
    }

    /// `x` as another type, if it has one.
    pub fn cast(&mut self, x: &Value, element: ElementType) -> Value {
        if x.element == element {
            return x.clone();
        }
        self.node_as("Cast", &[x], vec![("to", Attribute::Int(element as i64))], element)
    }

    /// `x` in a shape that is known but for one −1; 0 keeps a dimension.
    pub fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.node("Reshape", &[x, &shape])
    }

    /// `x` in the shape that begins with the numbers in `known`.
    pub fn reshape_behind(&mut self, x: &Value, known: &Value, rest: &[i64]) -> Value {
        let rest = self.ints(rest);
        let shape = self.concat(&[known, &rest], 0);
        self.node("Reshape", &[x, &shape])
    }

    /// Values side by side along an axis.
    pub fn concat(&mut self, values: &[&Value], axis: i64) -> Value {
        self.node_with("Concat", values, vec![("axis", Attribute::Int(axis))])
    }

    /// Axes in another order.
    pub fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.node_with("Transpose", &[x], vec![("perm", Attribute::Ints(order.to_vec()))])
    }

    /// With axes of one in these places.
    pub fn unsqueeze(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.node("Unsqueeze", &[x, &axes])
    }

    /// A comparison.
    pub fn compare(&mut self, op: &'static str, a: &Value, b: &Value) -> Value {
        self.node_as(op, &[a, b], vec![], ElementType::Bool)
    }

    /// Sums, means or greatest values over axes, which stay as ones or go.
    pub fn reduce(&mut self, op: &'static str, x: &Value, axes: &[i64], keep: bool) -> Value {
        let axes = self.ints(axes);
        self.node_with(op, &[x, &axes], vec![("keepdims", Attribute::Int(i64::from(keep)))])
    }
}
