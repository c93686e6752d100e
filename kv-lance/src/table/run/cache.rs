//! The cache of decoded blocks, shared by all runs of a store. Keys and values are cached apart.

use super::block::{KeyBlock, ValBlock};
use super::index_cache::IndexCache;
use crate::tally::Tally;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys may take this part of the budget, and values what keys leave: a half. Of a block keys are the smaller part by far, and
/// to read them costs as much.
const KEYS_SHARE: u64 = 2;

/// What values may take is changed where keys have come to take a part of the budget more or less: a 64th.
const STEPS: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Id {
    run: u64,
    block: u32,
}

/// What a block takes beside its bytes.
const ENTRY: u64 = 64;

#[derive(Clone)]
struct Weigh;

impl Weighter<Id, Arc<KeyBlock>> for Weigh {
    fn weight(&self, _: &Id, block: &Arc<KeyBlock>) -> u64 {
        ENTRY + block.bytes() as u64
    }
}

impl Weighter<Id, Arc<ValBlock>> for Weigh {
    fn weight(&self, _: &Id, block: &Arc<ValBlock>) -> u64 {
        ENTRY + block.bytes() as u64
    }
}

/// Holds blocks up to a budget of bytes, and parts of indexes up to another.
pub(crate) struct BlockCache {
    budget: u64,
    keys: Cache<Id, Arc<KeyBlock>, Weigh>,
    vals: Cache<Id, Arc<ValBlock>, Weigh>,
    /// What keys took, in steps, when values were last given the rest.
    taken: AtomicU64,
    indexes: Arc<IndexCache>,
    hits: Tally,
    loads: AtomicU64,
}

impl BlockCache {
    /// Indexes have no budget until [`with_index_budget`](Self::with_index_budget) gives them one.
    pub(crate) fn new(budget: u64, block_bytes: usize) -> Self {
        let expected = usize::try_from(budget).unwrap_or(usize::MAX) / block_bytes.max(256);
        let expected = expected.clamp(16, 1 << 24);
        Self {
            budget,
            keys: Cache::with_weighter(expected, budget / KEYS_SHARE, Weigh),
            vals: Cache::with_weighter(expected, budget, Weigh),
            taken: AtomicU64::new(0),
            indexes: Arc::new(IndexCache::new(u64::MAX)),
            hits: Tally::default(),
            loads: AtomicU64::new(0),
        }
    }

    /// The same with a budget of bytes for the indexes of all runs.
    pub(crate) fn with_index_budget(self, budget: u64) -> Self {
        Self { indexes: Arc::new(IndexCache::new(budget)), ..self }
    }

    pub(super) fn indexes(&self) -> &Arc<IndexCache> {
        &self.indexes
    }

    /// Bytes of indexes held.
    pub(crate) fn index_bytes(&self) -> u64 {
        self.indexes.bytes()
    }

    /// How often a part of an index was in memory when it was asked for.
    pub(crate) fn index_hits(&self) -> u64 {
        self.indexes.hits()
    }

    /// How often one was read from a file.
    pub(crate) fn index_loads(&self) -> u64 {
        self.indexes.loads()
    }

    /// Whether anything can be kept.
    pub(super) fn keeps(&self) -> bool {
        self.budget > 0
    }

    pub(super) fn keys(&self, run: u64, block: u32) -> Option<Arc<KeyBlock>> {
        self.keys.get(&Id { run, block }).inspect(|_| self.hits.add())
    }

    pub(super) fn vals(&self, run: u64, block: u32) -> Option<Arc<ValBlock>> {
        self.vals.get(&Id { run, block }).inspect(|_| self.hits.add())
    }

    /// Whether the values of a block are there, which is no use of them.
    pub(super) fn has_vals(&self, run: u64, block: u32) -> bool {
        self.vals.contains_key(&Id { run, block })
    }

    /// Keeps the keys of blocks from `first` on, but for what is there.
    pub(super) fn insert_keys(&self, run: u64, first: usize, blocks: &[Arc<KeyBlock>]) {
        insert(&self.keys, run, first, blocks);
        let step = (self.budget / STEPS).max(1);
        let taken = self.keys.weight().div_ceil(step);
        if self.taken.swap(taken, Ordering::Relaxed) != taken {
            self.vals.set_capacity(self.budget.saturating_sub(taken * step));
        }
    }

    /// Keeps the values of blocks from `first` on, but for what is there.
    pub(super) fn insert_vals(&self, run: u64, first: usize, blocks: &[Arc<ValBlock>]) {
        insert(&self.vals, run, first, blocks);
    }

    /// Notes that keys or values had to be read.
    pub(super) fn missed(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.keys.weight() + self.vals.weight()
    }

    /// How often keys or values of a block were in memory when they were asked for.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.count()
    }

    /// How often they were read from a file to be kept.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }
}

fn insert<B>(cache: &Cache<Id, Arc<B>, Weigh>, run: u64, first: usize, blocks: &[Arc<B>])
where
    Weigh: Weighter<Id, Arc<B>>,
{
    for (block, read) in (first as u32..).zip(blocks) {
        let id = Id { run, block };
        if !cache.contains_key(&id) {
            cache.insert(id, read.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::column::Column;
    use super::super::row_meta::{RowMeta, RowMetaBuilder};
    use super::*;

    fn column(bytes: usize) -> Column {
        Column::new(&vec![0; bytes], &[0, bytes as i32]).unwrap()
    }

    fn keys(bytes: usize) -> Arc<KeyBlock> {
        let (mut meta, mut encoded) = (RowMetaBuilder::default(), Vec::new());
        meta.push(1, false, false, None);
        meta.encode(&mut encoded);
        let meta = RowMeta::decode(encoded.into(), 1).unwrap();
        Arc::new(KeyBlock::new(column(bytes), meta, false, false))
    }

    #[test]
    fn values_have_what_keys_leave() {
        const BUDGET: u64 = 4 << 20;
        let cache = BlockCache::new(BUDGET, 4096);
        let vals = Arc::new(ValBlock::new(column(4000)));
        let fill = |run| (0..4000).for_each(|block| cache.insert_vals(run, block, std::slice::from_ref(&vals)));
        fill(1);
        assert!(cache.bytes() > BUDGET * 9 / 10 && cache.bytes() <= BUDGET, "{}", cache.bytes());
        for block in 0..1000 {
            cache.insert_keys(1, block, &[keys(400)]);
            assert!(cache.bytes() <= BUDGET, "{}", cache.bytes());
        }
        assert!(cache.keys(1, 0).is_some() && cache.keys(1, 999).is_some());
        for block in 0..40_000 {
            cache.insert_keys(2, block, &[keys(400)]);
        }
        fill(2);
        let keys = cache.keys.weight();
        assert!(keys <= BUDGET / 2 && keys > BUDGET * 4 / 10, "{keys}");
        assert!(cache.bytes() <= BUDGET && cache.bytes() > BUDGET * 9 / 10, "{}", cache.bytes());
    }
}
