//! Quantised weights of MLX's folders: a module's codes, scales and biases lie in three tensors, which no matrix product
//! here reads. They become blocks in memory when the model is opened: the same values, in rows of whole blocks.
//!
//! | codes | scales and biases | block | bits a weight |
//! |---|---|---|---|
//! | 2, 3, 4 bits | exact in f16 | `Q4_1` | 5 |
//! | 5 bits | exact in f16 | `Q5_1` | 6 |
//! | others | | `AFFINE8` | 10 |

use std::collections::HashMap;
use std::sync::Arc;

use half::f16;
use plimsoll_formats::mlx::{Affine, Quantization, unpack};
use plimsoll_formats::safetensors::{SafeTensor, SafetensorsFile};
use plimsoll_formats::{FileBytes, FormatError, Tensor};
use plimsoll_kernels::{DType, dequantise, put_affine8};

/// Values of a block of every type here.
const BLOCK: usize = 32;

/// A tensor with the file that it lies in.
#[derive(Clone, Copy)]
struct Held<'a> {
    file: &'a SafetensorsFile,
    tensor: &'a SafeTensor,
}

impl Held<'_> {
    fn bytes(&self) -> &[u8] {
        &self.file.bytes[self.tensor.range.clone()]
    }

    fn error(&self, what: impl Into<String>) -> FormatError {
        FormatError::tensor(self.file.bytes.name(), &self.tensor.name, what)
    }

    /// Floats, widened.
    fn floats(&self) -> Result<Vec<f32>, FormatError> {
        let Some(dtype) = self.tensor.weight_type() else {
            return Err(self.error(format!("is stored as {}, expected F32, F16 or BF16", self.tensor.dtype)));
        };
        let mut values = vec![0.0; self.tensor.shape.iter().product()];
        dequantise(dtype, self.bytes(), &mut values);
        Ok(values)
    }
}

/// The quantised modules of a model's files.
pub(crate) struct Modules<'a> {
    quantization: &'a Quantization,
    tensors: HashMap<&'a str, Held<'a>>,
}

impl<'a> Modules<'a> {
    /// What `quantization` of config.json tells of.
    pub fn of(files: &'a [SafetensorsFile], quantization: &'a Quantization) -> Modules<'a> {
        let held = files.iter().flat_map(|file| file.tensors.iter().map(move |tensor| Held { file, tensor }));
        Modules { quantization, tensors: held.map(|held| (&held.tensor.name[..], held)).collect() }
    }

    /// Whether a tensor holds the scales or biases of a module, which its weight is read with.
    pub fn is_beside(&self, name: &str) -> bool {
        let module = name.strip_suffix(".scales").or_else(|| name.strip_suffix(".biases"));
        module.is_some_and(|module| self.part(module, "scales").is_some() && self.part(module, "weight").is_some())
    }

    /// The weight of a quantised module under its canonical name `canonical`; `None` of what is no such weight.
    ///
    /// # Errors
    /// Its three tensors do not go together, or it is quantised in a way that is not known here.
    pub fn restored(&self, name: &str, canonical: &str) -> Result<Option<Tensor>, FormatError> {
        let Some(module) = name.strip_suffix(".weight") else { return Ok(None) };
        let (Some(weight), Some(scales)) = (self.part(module, "weight"), self.part(module, "scales")) else {
            return Ok(None);
        };
        let affine = self.quantization.of_module(weight.file.bytes.name(), module)?;
        let Some(biases) = self.part(module, "biases") else {
            return Err(scales.error("has no `biases` beside it, as every affine module has"));
        };
        let shape = shape(affine, weight, scales, biases)?;
        let groups = Groups { affine, scales: scales.floats()?, biases: biases.floats()? };
        let (dtype, cols) = (groups.dtype(), *shape.last().unwrap_or(&BLOCK));
        let range = 0..shape.iter().product::<usize>() / BLOCK * dtype.block_bytes();
        let (file, codes) = (Arc::clone(&weight.file.bytes), weight.tensor.range.clone());
        let bytes = FileBytes::made(weight.file.bytes.name(), move || {
            let blocks = groups.blocks(dtype, &file[codes.clone()], cols);
            file.wont_need(codes);
            blocks
        });
        Ok(Some(Tensor::new(canonical, bytes, range, dtype, shape)))
    }

    fn part(&self, module: &str, part: &str) -> Option<Held<'a>> {
        self.tensors.get(&format!("{module}.{part}")[..]).copied()
    }
}

/// The shape of a weight whose codes, scales and biases go together.
fn shape(affine: Affine, weight: Held, scales: Held, biases: Held) -> Result<Vec<usize>, FormatError> {
    let Affine { bits, group } = affine;
    let (words, outer) = match (&weight.tensor.dtype[..], weight.tensor.shape.split_last()) {
        ("U32", Some((words, outer))) if (1..=2).contains(&outer.len()) => (*words, outer),
        (dtype, _) => {
            let what = format!("has {:?} of {dtype}, expected a matrix of codes as U32", weight.tensor.shape);
            return Err(weight.error(what));
        }
    };
    let whole = words.checked_mul(32).filter(|all| all.is_multiple_of(bits as usize)).map(|all| all / bits as usize);
    let Some(cols) = whole.filter(|cols| *cols > 0 && cols.is_multiple_of(group)) else {
        let what = format!("has rows of {words} words, expected whole groups of {group} codes of {bits} bits");
        return Err(weight.error(what));
    };
    let expected = [outer, &[cols / group]].concat();
    if let Some(other) = [scales, biases].into_iter().find(|part| part.tensor.shape != expected) {
        let what = format!("has the shape {:?}, expected {expected:?}", other.tensor.shape);
        return Err(other.error(format!("{what} beside codes of {bits} bits in groups of {group}")));
    }
    Ok([outer, &[cols]].concat())
}

/// Scales and biases of a weight, by group.
struct Groups {
    affine: Affine,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Groups {
    /// The values as blocks, rows of `cols` on as many threads as there are cores.
    fn blocks(&self, dtype: DType, codes: &[u8], cols: usize) -> Vec<u8> {
        let (row_codes, row_blocks) = (cols * self.affine.bits as usize / 8, cols / BLOCK * dtype.block_bytes());
        let rows = codes.len() / row_codes;
        let mut out = vec![0; rows * row_blocks];
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let each = rows.div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for (part, out) in out.chunks_mut(each * row_blocks).enumerate() {
                scope.spawn(move || {
                    for (i, out) in out.chunks_exact_mut(row_blocks).enumerate() {
                        let row = part * each + i;
                        self.row(dtype, row * cols, &codes[row * row_codes..][..row_codes], cols, out);
                    }
                });
            }
        });
        out
    }

    /// The narrowest type that has every value.
    fn dtype(&self) -> DType {
        let is_half = |value: &f32| value.is_finite() && f16::from_f32(*value).to_f32() == *value;
        let halves = || self.scales.iter().chain(&self.biases).all(is_half);
        match self.affine.bits {
            2..=4 if halves() => DType::Q4_1,
            5 if halves() => DType::Q5_1,
            _ => DType::AFFINE8,
        }
    }

    /// Writes the row whose first value is number `first` of the weight.
    fn row(&self, dtype: DType, first: usize, packed: &[u8], cols: usize, out: &mut [u8]) {
        let mut codes = vec![0; cols];
        unpack(self.affine.bits, packed, &mut codes);
        let blocks = codes.as_chunks::<BLOCK>().0.iter().zip(out.chunks_exact_mut(dtype.block_bytes()));
        for (i, (codes, out)) in blocks.enumerate() {
            let group = (first + i * BLOCK) / self.affine.group;
            let (scale, bias) = (self.scales[group], self.biases[group]);
            match dtype {
                DType::AFFINE8 => {
                    let out = out.try_into().expect("a block");
                    put_affine8(self.affine.bits, scale, bias, codes, out);
                }
                _ => {
                    out[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                    out[2..4].copy_from_slice(&f16::from_f32(bias).to_le_bytes());
                    put_nibbles(dtype, codes, &mut out[4..]);
                }
            }
        }
    }
}

/// Value `i` low in byte `i`, value `i + 16` high; of `Q5_1` the fifth bits of all before them.
fn put_nibbles(dtype: DType, codes: &[u8; BLOCK], mut out: &mut [u8]) {
    if dtype == DType::Q5_1 {
        let fifth = codes.iter().enumerate().fold(0u32, |bits, (i, code)| bits | u32::from(code >> 4) << i);
        out[..4].copy_from_slice(&fifth.to_le_bytes());
        out = &mut out[4..];
    }
    out.iter_mut().enumerate().for_each(|(i, byte)| *byte = codes[i] & 15 | codes[i + 16] << 4);
}

/// A kernel that MLX stores (out, height, width, channels), as (out, channels, height, width); others as they are.
pub(crate) fn channels_first(file: &SafetensorsFile, tensor: &SafeTensor) -> Option<(Arc<FileBytes>, Vec<usize>)> {
    let &[out, height, width, channels] = &tensor.shape[..] else { return None };
    let bytes = tensor.weight_type()?.block_bytes();
    // Published kernels are square too, behind their channels.
    if height != width || width == channels {
        return None;
    }
    let stored = &file.bytes[tensor.range.clone()];
    let pixels = height * width;
    let mut turned = Vec::with_capacity(stored.len());
    for row in 0..out {
        for at in (0..channels).flat_map(|channel| (0..pixels).map(move |pixel| pixel * channels + channel)) {
            turned.extend(&stored[(row * pixels * channels + at) * bytes..][..bytes]);
        }
    }
    Some((FileBytes::owned(file.bytes.name(), turned), vec![out, channels, height, width]))
}
