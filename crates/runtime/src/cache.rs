//! The key-value cache of one sequence.

use half::f16;
use plimsoll_graph::{CacheId, Network};
use plimsoll_kernels::KvRows;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CacheType {
    /// Exact; what the reference implementation is compared with.
    F32,
    /// Half the memory; keys and values rounded to 11 bits.
    #[default]
    F16,
}

impl CacheType {
    /// Bytes of one stored value.
    pub fn value_bytes(self) -> usize {
        match self {
            CacheType::F32 => 4,
            CacheType::F16 => 2,
        }
    }
}

/// Rows `(n_positions, n_kv_heads * head_dim)` that only grow at their end.
#[derive(Debug)]
enum Store {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl Store {
    /// Reserves room without touching it: memory becomes resident as positions are filled.
    fn reserve(kind: CacheType, values: usize) -> Option<Store> {
        match kind {
            CacheType::F32 => {
                let mut rows = Vec::new();
                rows.try_reserve_exact(values).ok()?;
                Some(Store::F32(rows))
            }
            CacheType::F16 => {
                let mut rows = Vec::new();
                rows.try_reserve_exact(values).ok()?;
                Some(Store::F16(rows))
            }
        }
    }

    fn push(&mut self, rows: &[f32]) {
        match self {
            Store::F32(stored) => stored.extend_from_slice(rows),
            Store::F16(stored) => stored.extend(rows.iter().map(|x| f16::from_f32(*x))),
        }
    }

    fn truncate(&mut self, values: usize) {
        match self {
            Store::F32(stored) => stored.truncate(values),
            Store::F16(stored) => stored.truncate(values),
        }
    }

    fn rows(&self) -> KvRows<'_> {
        match self {
            Store::F32(stored) => KvRows::F32(stored),
            Store::F16(stored) => KvRows::F16(stored),
        }
    }
}

/// The memory for a cache of the wanted length is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("a key-value cache for {positions} positions needs {bytes} bytes, which this machine does not give")]
pub struct CacheError {
    /// Positions asked for.
    pub positions: usize,
    /// Bytes they need.
    pub bytes: u64,
}

#[derive(Debug)]
struct Layer {
    width: usize,
    keys: Store,
    values: Store,
}

/// Keys and values of every layer for the positions `0..len` of one sequence.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Layer>,
    len: usize,
    capacity: usize,
}

impl KvCache {
    pub(crate) fn new(network: &Network, capacity: usize, kind: CacheType) -> Result<KvCache, CacheError> {
        let per_position: usize = network.caches.iter().map(|width| 2 * width * kind.value_bytes()).sum();
        let refused = || CacheError { positions: capacity, bytes: per_position as u64 * capacity as u64 };
        let layer = |width: &usize| {
            let values = width.checked_mul(capacity)?;
            Some(Layer { width: *width, keys: Store::reserve(kind, values)?, values: Store::reserve(kind, values)? })
        };
        let layers: Option<Vec<Layer>> = network.caches.iter().map(layer).collect();
        Ok(KvCache { layers: layers.ok_or_else(refused)?, len: 0, capacity })
    }

    /// Positions filled.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is filled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets every position from `len` on; what stays is as if the rest had never been seen.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        for layer in &mut self.layers {
            layer.keys.truncate(self.len * layer.width);
            layer.values.truncate(self.len * layer.width);
        }
    }

    /// Appends rows to one layer; [`KvCache::advance`] follows once every layer has them.
    pub(crate) fn push(&mut self, id: CacheId, keys: &[f32], values: &[f32]) -> (KvRows<'_>, KvRows<'_>) {
        let layer = &mut self.layers[id.0];
        layer.keys.push(keys);
        layer.values.push(values);
        (layer.keys.rows(), layer.values.rows())
    }

    pub(crate) fn advance(&mut self, n_tokens: usize) {
        self.len += n_tokens;
    }
}
