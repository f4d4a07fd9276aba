//! Every weight of a checkpoint under its canonical name and layout, whatever the files call and fuse.

use std::collections::BTreeMap;

use plimsoll_kernels::DType;

use crate::config::{Biases, GgufFacts, Hyperparams};
use crate::error::FormatError;
use crate::gguf::{Element, GgufFile};
use crate::names::{GgufArch, Role, RopeFactors, VISION_PREFIXES, VisionArch, mmproj_name, role, unwrapped};
use crate::safetensors::SafetensorsFile;
use crate::tensor::Tensor;

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

    /// The tower and the connector among the tensors of safetensors files, if there are any.
    pub(crate) fn vision_part(&self) -> Option<Weights> {
        let is_vision = |name: &&String| VISION_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let tensors: BTreeMap<String, Tensor> = self
            .tensors
            .iter()
            .filter(|(name, _)| is_vision(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone().without_patch_shape()))
            .collect();
        let unusable: BTreeMap<String, (String, String)> =
            self.unusable.iter().filter(|(name, _)| is_vision(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if tensors.is_empty() && unusable.is_empty() {
            return None;
        }
        let mut weights = Weights { source: self.source.clone(), tensors, unusable, ..Weights::default() };
        weights.count();
        Some(weights)
    }

    /// Names the tensors of an mmproj GGUF, whose tower is `d_model` wide.
    pub(crate) fn from_mmproj(file: &GgufFile, arch: VisionArch, d_model: usize) -> Result<Weights, FormatError> {
        let source = file.name().to_owned();
        let mut weights = Weights { source, file_bytes: file.bytes().len() as u64, ..Weights::default() };
        let swapped = feed_forward_is_swapped(file, d_model);
        for tensor in file.tensors() {
            let stored_as = match swapped {
                true => swap_feed_forward(&tensor.name),
                false => tensor.name.clone(),
            };
            let Some(name) = mmproj_name(arch, &stored_as) else {
                let what =
                    format!("is not part of the tower `{}`, so leaving it out would change the model", arch.name());
                return Err(FormatError::tensor(file.name(), &tensor.name, what));
            };
            match tensor.element {
                Element::Weight(dtype) => {
                    let (bytes, range) = (file.bytes().clone(), tensor.range.clone());
                    let view = Tensor::new(&name, bytes, range, dtype, tensor.shape.clone());
                    weights.add(view.without_patch_shape())?;
                }
                Element::Other(_) => weights.add_unusable(name, file.name(), tensor.element.name()),
            }
        }
        weights.count();
        Ok(weights)
    }

    /// Names and fits the tensors of safetensors files; corrects whether the embeddings are tied.
    pub(crate) fn from_safetensors(files: &[SafetensorsFile], hp: &mut Hyperparams) -> Result<Weights, FormatError> {
        let mut weights = Weights::default();
        for file in files {
            weights.file_bytes += file.bytes.len() as u64;
            for tensor in &file.tensors {
                let Some(name) = unwrapped(&tensor.name) else { continue };
                match tensor.weight_type() {
                    Some(dtype) => weights.add(Tensor::new(
                        &name,
                        file.bytes.clone(),
                        tensor.range.clone(),
                        dtype,
                        tensor.shape.clone(),
                    ))?,
                    None => weights.add_unusable(name, file.bytes.name(), &tensor.dtype),
                }
            }
        }
        weights.turn_experts()?;
        weights.split_fused(hp)?;
        weights.settle_tie(hp);
        weights.count();
        Ok(weights)
    }

    /// Names and fits the tensors of a GGUF's parts.
    pub(crate) fn from_gguf(parts: &[GgufFile], arch: GgufArch, hp: &Hyperparams) -> Result<Weights, FormatError> {
        let mut weights = Weights::default();
        for part in parts {
            weights.file_bytes += part.bytes().len() as u64;
            for tensor in part.tensors() {
                let Some(Role::Weight(name)) = role(arch, &tensor.name) else { continue };
                let Element::Weight(dtype) = tensor.element else {
                    weights.add_unusable(name, part.name(), tensor.element.name());
                    continue;
                };
                let view = Tensor::new(&name, part.bytes().clone(), tensor.range.clone(), dtype, tensor.shape.clone());
                weights.add(fit_gguf(view, arch, hp)?)?;
            }
        }
        weights.split_fused(hp)?;
        weights.count();
        Ok(weights)
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

    /// Takes out the tensors whose name ends in one of `endings`: each with the name's beginning and the ending.
    fn take_ending(&mut self, endings: &[&'static str]) -> Vec<(String, &'static str, Tensor)> {
        let ending_of = |name: &str| endings.iter().find(|e| name.ends_with(**e)).copied();
        let names: Vec<String> = self.tensors.keys().filter(|name| ending_of(name).is_some()).cloned().collect();
        let take = |name: String| {
            let ending = ending_of(&name)?;
            let tensor = self.tensors.remove(&name)?;
            Some((name[..name.len() - ending.len()].to_owned(), ending, tensor))
        };
        names.into_iter().filter_map(take).collect()
    }

    /// Phi-3 stores Q, K and V as the rows of one matrix, and gate and up as those of another.
    fn split_fused(&mut self, hp: &Hyperparams) -> Result<(), FormatError> {
        for (begin, ending, fused) in self.take_ending(&["qkv_proj.weight", "qkv_proj.bias"]) {
            let kind = ending.trim_start_matches("qkv_proj");
            let (q, kv) = (hp.n_heads * hp.head_dim, hp.n_kv_heads * hp.head_dim);
            let parts = [("q_proj", 0..q), ("k_proj", q..q + kv), ("v_proj", q + kv..q + 2 * kv)];
            expect_rows(&fused, q + 2 * kv)?;
            for (part, rows) in parts {
                self.add(fused.rows_as(&format!("{begin}{part}{kind}"), rows)?)?;
            }
        }
        for (begin, ending, fused) in self.take_ending(&["mlp.gate_up_proj.weight", "mlp.gate_up_proj.bias"]) {
            let kind = ending.trim_start_matches("mlp.gate_up_proj");
            expect_rows(&fused, 2 * hp.d_ff)?;
            self.add(fused.rows_as(&format!("{begin}mlp.gate_proj{kind}"), 0..hp.d_ff)?)?;
            self.add(fused.rows_as(&format!("{begin}mlp.up_proj{kind}"), hp.d_ff..2 * hp.d_ff)?)?;
        }
        Ok(())
    }

    /// Llama 4's experts in Hugging Face's layout, (experts, in, out) with gate and up side by side, become stacks
    /// (experts, out, in) of `gate_proj`, `up_proj` and `down_proj`, as GGUF has them.
    fn turn_experts(&mut self) -> Result<(), FormatError> {
        const FUSED: &str = "feed_forward.experts.gate_up_proj";
        const DOWN: &str = "feed_forward.experts.down_proj";
        for (begin, ending, stack) in self.take_ending(&[FUSED, DOWN]) {
            let &[_, _, outputs] = stack.shape() else {
                let what = format!("has the shape {:?}, expected (experts, in, out)", stack.shape());
                return Err(stack.error(what));
            };
            if ending == DOWN {
                self.add(stack.transposed_as(&format!("{begin}{DOWN}"), 0..outputs)?)?;
                continue;
            }
            let half = outputs / 2;
            if outputs % 2 != 0 {
                return Err(stack.error(format!("has {outputs} outputs, expected as many for gate as for up")));
            }
            for (part, range) in [("gate_proj", 0..half), ("up_proj", half..outputs)] {
                let name = format!("{begin}feed_forward.experts.{part}");
                self.add(stack.transposed_as(&name, range)?)?;
            }
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

fn same_weights(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes() == b.bytes()
}

fn expect_rows(fused: &Tensor, rows: usize) -> Result<(), FormatError> {
    if fused.shape().first() == Some(&rows) {
        return Ok(());
    }
    Err(fused.error(format!("has the shape {:?}, expected {rows} rows by the hyperparameters", fused.shape())))
}

/// Whether the two matrices of each MLP have each other's names, as early converters wrote them: llama.cpp tells it, too, by
/// a `ffn_down` that takes rows as wide as the tower.
fn feed_forward_is_swapped(file: &GgufFile, d_model: usize) -> bool {
    let down = file.tensors().iter().find(|tensor| tensor.name == "v.blk.0.ffn_down.weight");
    down.is_some_and(|down| matches!(down.shape[..], [out, input] if input == d_model && out != d_model))
}

fn swap_feed_forward(name: &str) -> String {
    if name.contains(".ffn_down.") {
        name.replace(".ffn_down.", ".ffn_up.")
    } else {
        name.replace(".ffn_up.", ".ffn_down.")
    }
}

/// Declares how a GGUF tensor differs from its Hugging Face original.
fn fit_gguf(tensor: Tensor, arch: GgufArch, hp: &Hyperparams) -> Result<Tensor, FormatError> {
    let module = tensor.name().rsplit_once('.').map_or("", |(module, _)| module).to_owned();
    if arch.permutes_rotary_rows() && (module.ends_with(".q_proj") || module.ends_with(".k_proj")) {
        return tensor.with_rotary_pairs(hp.head_dim);
    }
    if arch.adds_one_to_norms() && module.ends_with("norm") {
        if tensor.shape().len() != 1 {
            return Err(tensor.error(format!("has the shape {:?}, expected a vector", tensor.shape())));
        }
        return Ok(tensor.with_shift(1.0));
    }
    Ok(tensor)
}

/// What the tensors of a GGUF say about its network; refuses tensors that its architecture does not have.
pub(crate) fn gguf_facts(parts: &[GgufFile], arch: GgufArch) -> Result<GgufFacts, FormatError> {
    let mut facts = GgufFacts { tied: true, ..GgufFacts::default() };
    let mut factors: BTreeMap<RopeFactors, Vec<f32>> = BTreeMap::new();
    for part in parts {
        for tensor in part.tensors() {
            let Some(role) = role(arch, &tensor.name) else {
                let what = format!(
                    "is not part of the architecture `{}` as it is known here, so leaving it out would change the model",
                    arch.gguf_name()
                );
                return Err(FormatError::tensor(part.name(), &tensor.name, what));
            };
            match role {
                Role::Weight(name) => note(&name, &mut facts),
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
    } else if name.contains(".mlp.") && name.ends_with(".bias") {
        *mlp = true;
    } else if let Some(layer) = name
        .strip_prefix("model.layers.")
        .and_then(|rest| rest.strip_suffix(".feed_forward.router.weight"))
        .and_then(|layer| layer.parse().ok())
    {
        facts.moe_layers.push(layer);
    }
}
