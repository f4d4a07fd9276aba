//! What an ONNX file is made of, and how it is put into bytes: `onnx/onnx.proto` of ONNX 1.23.

use super::wire::Message;

/// `TensorProto.DataType`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ElementType {
    F32 = 1,
    U8 = 2,
    I64 = 7,
    Bool = 9,
    F16 = 10,
}

impl ElementType {
    /// Bytes of one value.
    pub fn bytes(self) -> u64 {
        match self {
            ElementType::U8 | ElementType::Bool => 1,
            ElementType::F16 => 2,
            ElementType::F32 => 4,
            ElementType::I64 => 8,
        }
    }
}

/// A dimension of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    /// Known.
    Size(usize),
    /// Known when it runs.
    Named(&'static str),
}

/// An input or an output.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub name: String,
    pub element: ElementType,
    pub dims: Vec<Dim>,
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
    Text(&'static str),
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: &'static str,
    /// Empty for ONNX's own.
    pub domain: &'static str,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// Where the values of an initialiser lie.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the file itself, little-endian.
    Inline(Vec<u8>),
    /// In the file beside it, at this many bytes from its start.
    External { offset: u64, length: u64 },
}

/// A tensor that is part of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Initialiser {
    pub name: String,
    pub element: ElementType,
    pub dims: Vec<usize>,
    pub place: Place,
}

/// The whole of a graph.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub initialisers: Vec<Initialiser>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

/// ONNX 1.16's: what every runtime of the last years reads.
const IR_VERSION: i64 = 10;
/// Of ONNX's own operations.
const OPSET: i64 = 21;
/// Operations of ONNX Runtime alone.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// The file of a graph whose external tensors lie in `data`, a file beside it.
pub(crate) fn encode(graph: &Graph, data: &str) -> Vec<u8> {
    let mut model = Message::default();
    model.int(1, IR_VERSION).text(2, "plimsoll").text(3, env!("CARGO_PKG_VERSION"));
    model.message(7, &encode_graph(graph, data)).message(8, &opset("", OPSET));
    if graph.nodes.iter().any(|node| node.domain == MICROSOFT) {
        model.message(8, &opset(MICROSOFT, 1));
    }
    model.into_bytes()
}

fn opset(domain: &str, version: i64) -> Message {
    let mut opset = Message::default();
    opset.text(1, domain).int(2, version);
    opset
}

fn encode_graph(graph: &Graph, data: &str) -> Message {
    let mut message = Message::default();
    for (index, node) in graph.nodes.iter().enumerate() {
        message.message(1, &encode_node(index, node));
    }
    message.text(2, "plimsoll");
    for initialiser in &graph.initialisers {
        message.message(5, &encode_initialiser(initialiser, data));
    }
    for input in &graph.inputs {
        message.message(11, &encode_port(input));
    }
    for output in &graph.outputs {
        message.message(12, &encode_port(output));
    }
    message
}

fn encode_node(index: usize, node: &Node) -> Message {
    let mut message = Message::default();
    for input in &node.inputs {
        message.text(1, input);
    }
    for output in &node.outputs {
        message.text(2, output);
    }
    message.text(3, &format!("{}_{index}", node.op)).text(4, node.op);
    for (name, value) in &node.attributes {
        message.message(5, &encode_attribute(name, value));
    }
    if !node.domain.is_empty() {
        message.text(7, node.domain);
    }
    message
}

/// The last field is `AttributeProto.AttributeType`.
fn encode_attribute(name: &str, value: &Attribute) -> Message {
    let mut message = Message::default();
    message.text(1, name);
    match value {
        Attribute::Int(value) => message.int(3, *value).int(20, 2),
        Attribute::Float(value) => message.float(2, *value).int(20, 1),
        Attribute::Text(value) => message.text(4, value).int(20, 3),
        Attribute::Ints(values) => {
            for value in values {
                message.int(8, *value);
            }
            message.int(20, 7)
        }
    };
    message
}

fn encode_initialiser(initialiser: &Initialiser, data: &str) -> Message {
    let mut message = Message::default();
    for dim in &initialiser.dims {
        message.int(1, *dim as i64);
    }
    message.int(2, initialiser.element as i64).text(8, &initialiser.name);
    match &initialiser.place {
        Place::Inline(bytes) => message.bytes(9, bytes),
        Place::External { offset, length } => {
            for (key, value) in [("location", data), ("offset", &offset.to_string()), ("length", &length.to_string())] {
                let mut entry = Message::default();
                entry.text(1, key).text(2, value);
                message.message(13, &entry);
            }
            message.int(14, 1)
        }
    };
    message
}

fn encode_port(port: &Port) -> Message {
    let mut shape = Message::default();
    for dim in &port.dims {
        let mut message = Message::default();
        match dim {
            Dim::Size(size) => message.int(1, *size as i64),
            Dim::Named(name) => message.text(2, name),
        };
        shape.message(1, &message);
    }
    let (mut tensor, mut kind, mut message) = (Message::default(), Message::default(), Message::default());
    tensor.int(1, port.element as i64).message(2, &shape);
    kind.message(1, &tensor);
    message.text(1, &port.name).message(2, &kind);
    message
}
