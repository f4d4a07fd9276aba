//! What is kept of one sequence: keys and values, and states where the network has some.

use half::f16;
use half::slice::HalfFloatSliceExt;
use plimsoll_graph::{CacheDecl, CacheId, Network, StateId};
use plimsoll_kernels::{KvRows, kv_groups, quantise_kv};

use crate::places::Places;
use crate::states::States;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CacheType {
    /// Exact; what the reference implementation is compared with.
    F32,
    /// Half the memory; keys and values rounded to 11 bits.
    #[default]
    F16,
    /// Little more than a quarter of the memory; each value within a 250th of the greatest of the 32 around it.
    Q8_0,
}

impl CacheType {
    /// Every one.
    pub const ALL: [CacheType; 3] = [CacheType::F32, CacheType::F16, CacheType::Q8_0];

    /// Its name, in flags and in records.
    pub fn name(self) -> &'static str {
        match self {
            CacheType::F32 => "f32",
            CacheType::F16 => "f16",
            CacheType::Q8_0 => "q8_0",
        }
    }

    /// Bytes of the `head_dim` keys, or values, of one head at one position.
    pub fn head_bytes(self, head_dim: usize) -> usize {
        match self {
            CacheType::F32 => head_dim * size_of::<f32>(),
            CacheType::F16 => head_dim * size_of::<f16>(),
            CacheType::Q8_0 => head_dim + kv_groups(head_dim) * size_of::<f16>(),
        }
    }
}

/// Rows `(n_positions, n_kv_heads * head_dim)` that grow at their end.
#[derive(Debug)]
enum Store {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Q8_0 { codes: Vec<i8>, scales: Vec<f16> },
}

impl Store {
    fn reserve(kind: CacheType, of: CacheDecl, positions: usize) -> Option<Store> {
        let values = of.width().checked_mul(positions)?;
        Some(match kind {
            CacheType::F32 => Store::F32(reserved(values)?),
            CacheType::F16 => Store::F16(reserved(values)?),
            CacheType::Q8_0 => Store::Q8_0 {
                codes: reserved(values)?,
                scales: reserved(of.n_kv_heads * kv_groups(of.head_dim) * positions)?,
            },
        })
    }

    fn push(&mut self, rows: &[f32], head_dim: usize) {
        match self {
            Store::F32(stored) => stored.extend_from_slice(rows),
            Store::F16(stored) => {
                let start = stored.len();
                stored.resize(start + rows.len(), f16::ZERO);
                stored[start..].convert_from_f32_slice(rows);
            }
            Store::Q8_0 { codes, scales } => quantise_kv(rows, head_dim, codes, scales),
        }
    }

    fn kind(&self) -> CacheType {
        match self {
            Store::F32(_) => CacheType::F32,
            Store::F16(_) => CacheType::F16,
            Store::Q8_0 { .. } => CacheType::Q8_0,
        }
    }

    /// A store with room for `capacity` positions that holds the first `positions`.
    fn beginning(&self, of: CacheDecl, positions: usize, capacity: usize) -> Option<Store> {
        let mut copy = Store::reserve(self.kind(), of, capacity)?;
        let values = positions * of.width();
        match (self, &mut copy) {
            (Store::F32(from), Store::F32(into)) => into.extend_from_slice(&from[..values]),
            (Store::F16(from), Store::F16(into)) => into.extend_from_slice(&from[..values]),
            (Store::Q8_0 { codes, scales }, Store::Q8_0 { codes: into_codes, scales: into_scales }) => {
                into_codes.extend_from_slice(&codes[..values]);
                into_scales.extend_from_slice(&scales[..positions * of.n_kv_heads * kv_groups(of.head_dim)]);
            }
            _ => unreachable!("a copy is of the same kind"),
        }
        Some(copy)
    }

    fn truncate(&mut self, of: CacheDecl, positions: usize) {
        let values = positions * of.width();
        match self {
            Store::F32(stored) => stored.truncate(values),
            Store::F16(stored) => stored.truncate(values),
            Store::Q8_0 { codes, scales } => {
                codes.truncate(values);
                scales.truncate(positions * of.n_kv_heads * kv_groups(of.head_dim));
            }
        }
    }

    fn rows(&self) -> KvRows<'_> {
        match self {
            Store::F32(stored) => KvRows::F32(stored),
            Store::F16(stored) => KvRows::F16(stored),
            Store::Q8_0 { codes, scales } => KvRows::Q8_0 { codes, scales },
        }
    }
}

/// Room that is not touched yet: memory becomes resident as positions are filled.
fn reserved<T>(len: usize) -> Option<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).ok()?;
    Some(room)
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
    of: CacheDecl,
    keys: Store,
    /// None where they are the keys.
    values: Option<Store>,
}

impl Layer {
    fn stores(&mut self) -> impl Iterator<Item = &mut Store> {
        std::iter::once(&mut self.keys).chain(&mut self.values)
    }
}

/// Keys and values of every layer for the positions `0..len` of one sequence, and the states that they were folded into; or
/// its tokens, where another engine has those.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Layer>,
    states: States,
    pub(crate) places: Places,
    /// Of a network that another engine computes; empty where keys and values lie here.
    ids: Vec<u32>,
    len: usize,
    capacity: usize,
    /// Tokens of the sequence that keys are turned for.
    expected: usize,
    /// Longer sequences have their keys turned otherwise, if there is such a length.
    native: Option<usize>,
}

impl KvCache {
    pub(crate) fn new(network: &Network, capacity: usize, kind: CacheType) -> Result<KvCache, CacheError> {
        let position_bytes = |of: &CacheDecl| of.stores() * of.n_kv_heads * kind.head_bytes(of.head_dim);
        let per_position: usize = network.caches.iter().map(position_bytes).sum();
        let refused = || CacheError { positions: capacity, bytes: per_position as u64 * capacity as u64 };
        let layer = |of: &CacheDecl| {
            let store = || Store::reserve(kind, *of, capacity);
            let values = if of.latent { None } else { Some(store()?) };
            Some(Layer { of: *of, keys: store()?, values })
        };
        let layers: Option<Vec<Layer>> = network.caches.iter().map(layer).collect();
        let native = network.native_context();
        let layers = layers.ok_or_else(refused)?;
        let states = States::new(network);
        let places = Places::default();
        Ok(KvCache { layers, states, places, ids: Vec::new(), len: 0, capacity, expected: capacity, native })
    }

    /// A cache of the tokens alone.
    pub(crate) fn of_ids(network: &Network, capacity: usize) -> KvCache {
        let native = network.native_context();
        let (states, places) = (States::default(), Places::default());
        KvCache { layers: Vec::new(), states, places, ids: Vec::new(), len: 0, capacity, expected: capacity, native }
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

    /// Tokens of the sequence that keys are turned for: at first, as many as fit.
    pub fn expected(&self) -> usize {
        self.expected
    }

    /// Says that the sequence has `length` tokens, which rotary frequencies follow where a model has others for long
    /// sequences. Keys cannot be turned back, so what was cached for the others is forgotten; returns whether it could stay.
    pub fn expect(&mut self, length: usize) -> bool {
        let is_long = |length| self.native.is_some_and(|native| length > native);
        let stays = is_long(length) == is_long(self.expected);
        self.expected = length;
        if !stays {
            self.truncate(0);
        }
        stays
    }

    /// Forgets every position from `len` on, and what lies between it and the last position that can be gone on from:
    /// states cannot be cut anywhere, nor tokens that saw what is behind them. What stays, of which the length is returned, is
    /// as if the rest had never been seen.
    pub fn truncate(&mut self, len: usize) -> usize {
        let len = self.whole(len);
        self.len = self.states.go_back(len, self.len);
        self.places.truncate(self.len);
        self.ids.truncate(self.len);
        for layer in &mut self.layers {
            let of = layer.of;
            layer.stores().for_each(|store| store.truncate(of, self.len));
        }
        self.len
    }

    /// How many positions would stay if this were cut to `len`.
    pub fn reachable(&self, len: usize) -> usize {
        self.states.reachable(self.whole(len), self.len)
    }

    /// `len`, or where the tokens begin that saw each other across it.
    fn whole(&self, len: usize) -> usize {
        if len < self.len { self.places.reachable(len) } else { len }
    }

    /// Positions whose keys and values take as many bytes as the states and their copies do, however long the sequence is.
    pub fn state_positions(&self) -> usize {
        self.states.bytes().div_ceil(self.position_bytes().max(1))
    }

    /// Keeps a copy of the states, to go on from here.
    pub(crate) fn keep_states(&mut self) {
        self.states.keep(self.len);
    }

    pub(crate) fn state(&mut self, id: StateId) -> &mut [f32] {
        self.states.get_mut(id)
    }

    /// Bytes for a position.
    pub fn position_bytes(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| layer.of.stores() * layer.of.n_kv_heads * layer.keys.kind().head_bytes(layer.of.head_dim))
            .sum()
    }

    /// A cache of the same capacity that holds a copy of the first `len` positions, or of as many of them as are
    /// [`KvCache::reachable`].
    ///
    /// # Errors
    /// There is no memory for it.
    ///
    /// # Panics
    /// If fewer positions are filled.
    pub fn beginning(&self, len: usize) -> Result<KvCache, CacheError> {
        assert!(len <= self.len, "{len} of {} positions", self.len);
        let (states, len) = self.states.beginning(self.whole(len), self.len);
        let mut places = self.places.clone();
        places.truncate(len);
        let refused =
            || CacheError { positions: self.capacity, bytes: self.position_bytes() as u64 * self.capacity as u64 };
        let layer = |layer: &Layer| {
            let copy = |store: &Store| store.beginning(layer.of, len, self.capacity);
            let values = match &layer.values {
                Some(values) => Some(copy(values)?),
                None => None,
            };
            Some(Layer { of: layer.of, keys: copy(&layer.keys)?, values })
        };
        let layers: Option<Vec<Layer>> = self.layers.iter().map(layer).collect();
        let KvCache { capacity, expected, native, .. } = *self;
        let ids = self.ids[..len.min(self.ids.len())].to_vec();
        Ok(KvCache { layers: layers.ok_or_else(refused)?, states, places, ids, len, capacity, expected, native })
    }

    /// Appends rows to one layer, to its keys (`store` 0) or its values (1); [`KvCache::advance`] follows once every layer
    /// has them.
    pub(crate) fn push(&mut self, id: CacheId, store: usize, rows: &[f32]) {
        let layer = &mut self.layers[id.0];
        let head_dim = layer.of.head_dim;
        layer.stores().nth(store).expect("keys, and values that are others").push(rows, head_dim);
    }

    /// The keys and values of one layer.
    pub(crate) fn rows(&self, id: CacheId) -> (KvRows<'_>, KvRows<'_>) {
        let layer = &self.layers[id.0];
        (layer.keys.rows(), layer.values.as_ref().unwrap_or(&layer.keys).rows())
    }

    pub(crate) fn advance(&mut self, n_tokens: usize) {
        self.len += n_tokens;
    }

    pub(crate) fn append_ids(&mut self, ids: &[u32]) {
        self.ids.extend_from_slice(ids);
        self.advance(ids.len());
    }

    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heads whose groups do and do not fill a scale's 32 values.
    const OF: CacheDecl = CacheDecl { n_kv_heads: 3, head_dim: 40, latent: false };

    #[test]
    fn a_head_takes_the_bytes_it_is_said_to_take_and_truncating_gives_them_back() {
        for kind in CacheType::ALL {
            let mut store = Store::reserve(kind, OF, 10).unwrap();
            let bytes = |store: &Store| match store {
                Store::F32(stored) => size_of_val(&stored[..]),
                Store::F16(stored) => size_of_val(&stored[..]),
                Store::Q8_0 { codes, scales } => size_of_val(&codes[..]) + size_of_val(&scales[..]),
            };
            store.push(&[1.0; 7 * 120], OF.head_dim);
            assert_eq!(bytes(&store), 7 * OF.n_kv_heads * kind.head_bytes(OF.head_dim), "{kind:?}");
            store.truncate(OF, 4);
            assert_eq!(bytes(&store), 4 * OF.n_kv_heads * kind.head_bytes(OF.head_dim), "{kind:?}");
        }
    }

    #[test]
    fn a_cache_that_no_machine_holds_is_refused() {
        for kind in CacheType::ALL {
            assert!(Store::reserve(kind, OF, usize::MAX / 200).is_none());
            assert!(Store::reserve(kind, OF, usize::MAX).is_none());
        }
    }
}
