//! Every weight of a checkpoint under its canonical name and layout, whatever the files call and fuse.

mod tower;

use std::collections::BTreeMap;

use plimsoll_formats::gguf::{Element, GgufFile};
use plimsoll_formats::mlx::Quantization;
use plimsoll_formats::safetensors::{SafeTensor, SafetensorsFile};
use plimsoll_formats::{FormatError, Meaning, Tensor};
use plimsoll_kernels::DType;

use crate::arch::{Arch, GateUp, RotaryRows, Rows};
use crate::config::{Biases, GgufFacts, Hyperparams};
use crate::mlx;
use crate::mxfp4;
use crate::names::{self, Role, RopeFactors, role, unwrapped};

/// Canonical name of the embedding table, (vocab_size, d_model).
pub const EMBEDDING: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// The tensors of a model by canonical name, and what their files amount to.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// The path or name of the model, for messages.
    pub(crate) source: String,
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// Tensors of types that no weight may have, by canonical name: the file and the type.
    pub(crate) unusable: BTreeMap<String, (String, String)>,
    /// Length of all weight files together.
    pub(crate) file_bytes: u64,
    /// Values of all usable tensors.
    pub(crate) n_params: u64,
    /// Bytes of all usable tensors per type, largest first.
    pub(crate) bytes_by_type: Vec<(DType, u64)>,
}

impl Weights {
    /// The tensor of this canonical name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensor of this canonical name.
    ///
    /// # Errors
    /// There is none, or its type is none that weights may have.
    pub fn require(&self, name: &str) -> Result<&Tensor, FormatError> {
        if let Some(tensor) = self.get(name) {
            return Ok(tensor);
        }
        Err(match self.unusable.get(name) {
            Some((file, dtype)) => FormatError::tensor(
                file,
                name,
                format!("is stored as {dtype}, expected F32, F16, BF16 or a block type"),
            ),
            None => FormatError::MissingTensor { file: self.source.clone(), tensor: name.to_owned() },
        })
    }

    /// The tensor of this canonical name and shape.
    ///
    /// # Errors
    /// As [`Weights::require`], or it has another shape.
    pub fn require_shape(&self, name: &str, shape: &[usize]) -> Result<&Tensor, FormatError> {
        let tensor = self.require(name)?;
        if tensor.shape() == shape {
            return Ok(tensor);
        }
        Err(tensor.error(format!("has the shape {:?}, expected {shape:?}", tensor.shape())))
    }

    /// All usable tensors by name, views into fused ones in their place.
    pub fn iter(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.values()
    }

    /// Bytes of all usable tensors per stored type, largest first.
    pub fn bytes_by_type(&self) -> &[(DType, u64)] {
        &self.bytes_by_type
    }

    /// Names and fits the tensors of safetensors files, MLX's modules by what config.json says of them; corrects whether the
    /// embeddings are tied.
    pub(crate) fn from_safetensors(
        files: &[SafetensorsFile],
        quantization: Option<&Quantization>,
        hp: &mut Hyperparams,
    ) -> Result<Weights, FormatError> {
        let modules = quantization.map(|quantization| mlx::Modules::of(files, quantization));
        let mut weights = Weights::default();
        for file in files {
            weights.file_bytes += file.bytes.len() as u64;
            for tensor in &file.tensors {
                let Some(name) = unwrapped(&tensor.name) else { continue };
                if let Some(modules) = &modules {
                    if modules.is_beside(&tensor.name) {
                        continue;
                    }
                    if let Some(restored) = modules.restored(&tensor.name, &name)? {
                        weights.add(restored)?;
                        continue;
                    }
                }
                if mxfp4::is_beside(files, &tensor.name) {
                    continue;
                }
                if let Some(stacks) = mxfp4::restored(files, &tensor.name, &name)? {
                    stacks.into_iter().try_for_each(|stack| weights.add(stack))?;
                    continue;
                }
                weights.add_stored(file, tensor, name)?;
            }
        }
        weights.split_latent(hp)?;
        weights.stack_experts()?;
        weights.rename(hp.arch.published)?;
        weights.turn_experts(hp.arch)?;
        weights.name_stacks()?;
        weights.split_stacks(hp.arch)?;
        weights.split_fused(hp)?;
        weights.settle_tie(hp);
        weights.count();
        Ok(weights)
    }

    /// Names and fits the tensors of a GGUF's parts.
    pub(crate) fn from_gguf(parts: &[GgufFile], hp: &Hyperparams) -> Result<Weights, FormatError> {
        let mut weights = Weights::default();
        for part in parts {
            weights.file_bytes += part.bytes().len() as u64;
            for tensor in part.tensors() {
                let Some(Role::Weight(name)) = role(hp.arch, &tensor.name) else { continue };
                let Element::Weight(dtype) = tensor.element else {
                    weights.add_unusable(name, part.name(), tensor.element.name());
                    continue;
                };
                let view = Tensor::new(&name, part.bytes().clone(), tensor.range.clone(), dtype, tensor.shape.clone());
                weights.add(fit_gguf(view, hp)?)?;
            }
        }
        weights.split_stacks(hp.arch)?;
        weights.split_fused(hp)?;
        weights.count();
        Ok(weights)
    }

    /// A tensor of a safetensors file as it is stored; of MLX's kernels a copy with channels first.
    fn add_stored(&mut self, file: &SafetensorsFile, tensor: &SafeTensor, name: String) -> Result<(), FormatError> {
        let Some(dtype) = tensor.weight_type() else {
            self.add_unusable(name, file.bytes.name(), &tensor.dtype);
            return Ok(());
        };
        let view = match mlx::channels_first(file, tensor) {
            Some((bytes, shape)) => Tensor::new(&name, bytes.clone(), 0..bytes.len(), dtype, shape),
            None => Tensor::new(&name, file.bytes.clone(), tensor.range.clone(), dtype, without_channel(&tensor.shape)),
        };
        self.add(view)
    }

    fn add(&mut self, tensor: Tensor) -> Result<(), FormatError> {
        if self.tensors.contains_key(tensor.name()) {
            return Err(tensor.error("appears twice, in this or another file"));
        }
        self.tensors.insert(tensor.name().to_owned(), tensor);
        Ok(())
    }

    fn add_unusable(&mut self, name: String, file: &str, dtype: &str) {
        self.unusable.insert(name, (file.to_owned(), dtype.to_owned()));
    }

    fn count(&mut self) {
        let mut by_type: BTreeMap<&str, (DType, u64)> = BTreeMap::new();
        for tensor in self.tensors.values() {
            self.n_params += tensor.n_values() as u64;
            by_type.entry(tensor.dtype().name()).or_insert((tensor.dtype(), 0)).1 += tensor.stored_bytes() as u64;
        }
        self.bytes_by_type = by_type.into_values().collect();
        self.bytes_by_type.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    }

    /// Takes out the tensors of layers that are called `stored`, with what stands before that in their names.
    fn take(&mut self, stored: &str) -> Vec<(String, Tensor)> {
        self.take_where(|name| {
            let layer = name.strip_suffix(stored)?;
            layer.strip_prefix("model.layers.")?.strip_suffix('.')?.parse::<u32>().ok().map(|_| layer)
        })
    }

    /// Takes out the tensors of whose names `before` tells the beginning, with that.
    fn take_where(&mut self, before: impl Fn(&str) -> Option<&str>) -> Vec<(String, Tensor)> {
        let found: Vec<(String, String)> =
            self.tensors.keys().filter_map(|name| Some((before(name)?.to_owned(), name.clone()))).collect();
        found.into_iter().filter_map(|(before, name)| Some((before, self.tensors.remove(&name)?))).collect()
    }

    /// Shows the matrices that the architecture stores as one, and their biases, as views of its rows.
    fn split_fused(&mut self, hp: &Hyperparams) -> Result<(), FormatError> {
        let n_rows = |rows| match rows {
            Rows::Heads => hp.n_heads * hp.head_dim,
            Rows::KvHeads => hp.n_kv_heads * hp.head_dim,
            Rows::Ff => hp.d_ff,
            Rows::Key(key) => hp.usize(key).ok().flatten().unwrap_or(0),
        };
        for (fused, kind) in hp.arch.fused.iter().flat_map(|fused| ["weight", "bias"].map(|kind| (fused, kind))) {
            let expected = fused.parts.iter().map(|(_, rows)| n_rows(*rows)).sum();
            for (layer, stored) in self.take(&format!("{}.{kind}", fused.stored)) {
                expect_rows(&stored, expected)?;
                let mut start = 0;
                for (part, rows) in fused.parts {
                    let end = start + n_rows(*rows);
                    self.add(stored.rows_as(&format!("{layer}{part}.{kind}"), start..end)?)?;
                    start = end;
                }
            }
        }
        Ok(())
    }

    /// Shows stacks of experts that are stored (experts, in, out) as stacks (experts, out, in), as GGUF has them.
    fn turn_experts(&mut self, arch: &Arch) -> Result<(), FormatError> {
        for (stored, parts) in arch.transposed {
            for (layer, stack) in self.take(stored) {
                // Blocks are (experts, out, in) already.
                if !stack.dtype().is_float() {
                    self.add(stack)?;
                    continue;
                }
                let &[_, _, outputs] = stack.shape() else {
                    let what = format!("has the shape {:?}, expected (experts, in, out)", stack.shape());
                    return Err(stack.error(what));
                };
                let each = outputs / parts.len();
                if !outputs.is_multiple_of(parts.len()) {
                    let what = format!("has {outputs} outputs, expected as many for each of {}", parts.join(", "));
                    return Err(stack.error(what));
                }
                for (i, part) in parts.iter().enumerate() {
                    self.add(stack.transposed_as(&format!("{layer}{part}"), i * each..(i + 1) * each)?)?;
                }
            }
        }
        Ok(())
    }

    /// Shows the matrices of experts that are stored one by one, `experts.3.gate_proj.weight`, as a stack of all.
    fn stack_experts(&mut self) -> Result<(), FormatError> {
        let mut stacks: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
        for name in self.tensors.keys() {
            if let Some((stack, expert)) = stack_of(name) {
                stacks.entry(stack).or_default().insert(expert, name.clone());
            }
        }
        for (stack, experts) in stacks {
            let matrices: Vec<Tensor> = experts.values().filter_map(|name| self.tensors.remove(name)).collect();
            // Numbers begin at 0 and leave none out.
            if let Some(missing) = (0..matrices.len()).find(|expert| !experts.contains_key(expert)) {
                let what = format!("has no expert {missing} beside it");
                return Err(matrices[missing].error(what));
            }
            self.add(Tensor::stack(&stack, matrices)?)?;
        }
        Ok(())
    }

    /// Shows what makes keys and values of a latent vector, stored head by head, as a stack for each: that of the keys
    /// (heads, rank, width), which queries are multiplied with, turned round.
    fn split_latent(&mut self, hp: &Hyperparams) -> Result<(), FormatError> {
        let size = |key: &str| hp.usize(key).ok().flatten().unwrap_or(0);
        let (keys, values) = (size("qk_nope_head_dim"), size("v_head_dim"));
        for (layer, stored) in self.take("self_attn.kv_b_proj.weight") {
            expect_rows(&stored, hp.n_heads * (keys + values))?;
            let head = |head: usize, from: usize, len: usize| {
                let start = head * (keys + values) + from;
                stored.rows_as("", start..start + len)
            };
            let of_keys = (0..hp.n_heads).map(|i| head(i, 0, keys)?.turned_as(&format!("{layer}self_attn.k_b_proj")));
            let of_values = (0..hp.n_heads).map(|i| head(i, keys, values));
            self.add(Tensor::stack(&format!("{layer}self_attn.k_b_proj"), of_keys.collect::<Result<_, _>>()?)?)?;
            self.add(Tensor::stack(&format!("{layer}self_attn.v_b_proj"), of_values.collect::<Result<_, _>>()?)?)?;
        }
        Ok(())
    }

    /// Shows stacks that hold an expert's gate and up behind each other as two stacks, and their biases by turns.
    fn split_stacks(&mut self, arch: &Arch) -> Result<(), FormatError> {
        for (layer, biases) in self.take_where(|name| name.strip_suffix("experts.gate_up_proj_bias")) {
            for (part, first) in [("gate_proj_bias", 0), ("up_proj_bias", 1)] {
                self.add(biases.every_other_as(&format!("{layer}experts.{part}"), first)?)?;
            }
        }
        if arch.gate_up == GateUp::Alternate {
            for (layer, stack) in self.take_where(|name| name.strip_suffix("experts.gate_up_proj")) {
                for (part, first) in [("gate_proj", 0), ("up_proj", 1)] {
                    let name = format!("{layer}experts.{part}");
                    let columns = stack.every_other_as(&name, first)?;
                    let outputs = columns.shape().last().copied().unwrap_or(0);
                    self.add(columns.transposed_as(&name, 0..outputs)?)?;
                }
            }
            return Ok(());
        }
        for (layer, stack) in self.take_where(|name| name.strip_suffix("experts.gate_up_proj")) {
            let &[_, rows, _] = stack.shape() else {
                return Err(stack.error(format!("has the shape {:?}, expected (experts, out, in)", stack.shape())));
            };
            if !rows.is_multiple_of(2) {
                return Err(stack.error(format!("has {rows} outputs, expected as many for gate and up")));
            }
            for (part, rows) in [("gate_proj", 0..rows / 2), ("up_proj", rows / 2..rows)] {
                self.add(stack.rows_of_each_as(&format!("{layer}experts.{part}"), rows)?)?;
            }
        }
        Ok(())
    }

    /// Gives what the architecture's files call otherwise its canonical names.
    fn rename(&mut self, published: &[(&str, &str)]) -> Result<(), FormatError> {
        let renamed = |name: &String| Some((name.clone(), names::canonical(published, name)?));
        let found: Vec<(String, String)> = self.tensors.keys().filter_map(renamed).collect();
        let taken = found.iter().filter_map(|(stored, name)| Some(self.tensors.remove(stored)?.renamed(name)));
        let taken: Vec<Tensor> = taken.collect();
        taken.into_iter().try_for_each(|tensor| self.add(tensor))?;
        let unusable: Vec<(String, String)> = self.unusable.keys().filter_map(renamed).collect();
        for (stored, name) in unusable {
            if let Some(what) = self.unusable.remove(&stored) {
                self.unusable.insert(name, what);
            }
        }
        Ok(())
    }

    /// Names stacks of experts, which MLX has as weights of modules, as stacks are named here.
    fn name_stacks(&mut self) -> Result<(), FormatError> {
        let is_stack = |tensor: &&Tensor| tensor.shape().len() == 3 && tensor.name().contains(".experts.");
        let found: Vec<String> =
            self.tensors.values().filter(is_stack).map(|tensor| tensor.name().to_owned()).collect();
        for stored in found {
            let Some(name) = stored.strip_suffix(".weight") else { continue };
            let Some(stack) = self.tensors.remove(&stored) else { continue };
            self.add(stack.renamed(name))?;
        }
        Ok(())
    }

    /// As transformers does: embeddings that should be tied are, whichever of the two the file holds; if it holds
    /// both they must be the same, else the file is right and the configuration wrong.
    fn settle_tie(&mut self, hp: &mut Hyperparams) {
        if !hp.tied_embeddings {
            return;
        }
        match (self.tensors.get(EMBEDDING), self.tensors.get(HEAD)) {
            (Some(embedding), Some(head)) => {
                if same_weights(embedding, head) {
                    self.tensors.remove(HEAD);
                } else {
                    hp.tied_embeddings = false;
                }
            }
            (None, Some(head)) => {
                let embedding = head.renamed(EMBEDDING);
                self.tensors.remove(HEAD);
                self.tensors.insert(EMBEDDING.to_owned(), embedding);
            }
            _ => {}
        }
    }
}

/// The shape (channels, taps) of a convolution that has one input for each output, (channels, 1, taps), and that of a vector
/// of a value that has no dimensions; any other as it is.
fn without_channel(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [channels, 1, taps] => vec![channels, taps],
        [] => vec![1],
        _ => shape.to_vec(),
    }
}

/// The stack that a weight of one expert belongs to, and which expert's it is: a matrix's is named without `.weight`, a
/// bias's with `_bias`.
fn stack_of(name: &str) -> Option<(String, usize)> {
    let (before, rest) = name.split_once(".experts.")?;
    let (expert, part) = rest.split_once('.')?;
    let (module, suffix) = match part.strip_suffix(".weight") {
        Some(module) => (module, ""),
        None => (part.strip_suffix(".bias")?, "_bias"),
    };
    Some((format!("{before}.experts.{module}{suffix}"), expert.parse().ok()?))
}

fn same_weights(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes() == b.bytes()
}

fn expect_rows(fused: &Tensor, rows: usize) -> Result<(), FormatError> {
    if fused.shape().first() == Some(&rows) {
        return Ok(());
    }
    Err(fused.error(format!("has the shape {:?}, expected {rows} rows by the hyperparameters", fused.shape())))
}

/// Declares how a GGUF tensor differs from its Hugging Face original.
fn fit_gguf(tensor: Tensor, hp: &Hyperparams) -> Result<Tensor, FormatError> {
    let module = tensor.name().rsplit_once('.').map_or("", |(module, _)| module).to_owned();
    let gguf = &hp.arch.gguf;
    let rotates = module.ends_with(".q_proj") || module.ends_with(".k_proj");
    if gguf.rotary_rows == RotaryRows::Interleaved && rotates {
        return tensor.with_rotary_pairs(hp.head_dim);
    }
    let is_vector = [".A_log", ".D", "norm.weight"].iter().any(|end| tensor.name().ends_with(end));
    let tensor = if is_vector { tensor.flattened() } else { tensor };
    if tensor.name().ends_with(".A_log") {
        return Ok(tensor.with_meaning(Meaning::MinusExponential));
    }
    if let Some(shift) = gguf.shift_of(&module) {
        if tensor.shape().len() != 1 {
            return Err(tensor.error(format!("has the shape {:?}, expected a vector", tensor.shape())));
        }
        return Ok(tensor.with_meaning(Meaning::Shifted(shift)));
    }
    Ok(tensor)
}

/// What the tensors of a GGUF say about its network; refuses tensors that its architecture does not have.
pub(crate) fn gguf_facts(parts: &[GgufFile], arch: &Arch) -> Result<GgufFacts, FormatError> {
    let mut facts = GgufFacts { tied: true, ..GgufFacts::default() };
    let mut factors: BTreeMap<RopeFactors, Vec<f32>> = BTreeMap::new();
    for part in parts {
        for tensor in part.tensors() {
            if names::is_ignored(arch, &tensor.name) {
                continue;
            }
            let Some(role) = role(arch, &tensor.name) else {
                let what = format!(
                    "is not part of the architecture `{}` as it is known here, so leaving it out would change the model",
                    arch.name
                );
                return Err(FormatError::tensor(part.name(), &tensor.name, what));
            };
            match role {
                Role::Weight(name) => {
                    note(&name, &mut facts);
                    facts.value_layers.extend(names::layer_with(&tensor.name, "attn_v.weight"));
                    facts.moe_layers.extend(names::layer_with(&tensor.name, "ffn_gate_inp.weight"));
                }
                Role::RopeFactors(which) => {
                    let (&[_], Element::Weight(dtype)) = (&tensor.shape[..], &tensor.element) else {
                        let what = format!("has the shape {:?}, expected a vector of floats", tensor.shape);
                        return Err(FormatError::tensor(part.name(), &tensor.name, what));
                    };
                    let view = Tensor::new(
                        &tensor.name,
                        part.bytes().clone(),
                        tensor.range.clone(),
                        *dtype,
                        tensor.shape.clone(),
                    );
                    factors.insert(which, view.to_f32());
                }
            }
        }
    }
    facts.rope_factors = factors.remove(&RopeFactors::All);
    facts.long_rope = factors.remove(&RopeFactors::Short).zip(factors.remove(&RopeFactors::Long));
    facts.moe_layers.sort_unstable();
    Ok(facts)
}

fn note(name: &str, facts: &mut GgufFacts) {
    let Biases { qkv, o, mlp } = &mut facts.biases;
    if name == HEAD {
        facts.tied = false;
    } else if name.ends_with(".o_proj.bias") {
        *o = true;
    } else if name.contains(".self_attn.") && name.ends_with(".bias") {
        *qkv = true;
    } else if name.contains(".mlp.") && name.ends_with("_proj.bias") {
        *mlp = true;
    }
}
