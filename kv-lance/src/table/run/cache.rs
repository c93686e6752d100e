//! The cache of decoded blocks, shared by all runs of a store. Keys and values are cached apart.

use super::block::{KeyBlock, ValBlock};
use super::index_cache::IndexCache;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Which column's part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Keys,
    Vals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Id {
    run: u64,
    block: u32,
    part: Part,
}

#[derive(Clone)]
enum CachedBlock {
    Keys(Arc<KeyBlock>),
    Vals(Arc<ValBlock>),
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Id, CachedBlock> for Weigh {
    fn weight(&self, _: &Id, block: &CachedBlock) -> u64 {
        64 + match block {
            CachedBlock::Keys(block) => block.bytes(),
            CachedBlock::Vals(block) => block.bytes(),
        } as u64
    }
}

/// Holds blocks up to a budget of bytes, and parts of indexes up to another.
pub(crate) struct BlockCache {
    cache: Cache<Id, CachedBlock, Weigh>,
    indexes: Arc<IndexCache>,
}

impl BlockCache {
    /// Indexes have no budget until [`with_index_budget`](Self::with_index_budget) gives them one.
    pub(crate) fn new(budget: u64, block_bytes: usize) -> Self {
        let expected = usize::try_from(budget).unwrap_or(usize::MAX) / block_bytes.max(256);
        let cache = Cache::with_weighter(expected.clamp(16, 1 << 24), budget, Weigh);
        Self { cache, indexes: Arc::new(IndexCache::new(u64::MAX)) }
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

    pub(super) fn keys(&self, run: u64, block: u32) -> Option<Arc<KeyBlock>> {
        match self.cache.get(&Id { run, block, part: Part::Keys })? {
            CachedBlock::Keys(block) => Some(block),
            CachedBlock::Vals(_) => None,
        }
    }

    pub(super) fn vals(&self, run: u64, block: u32) -> Option<Arc<ValBlock>> {
        match self.cache.get(&Id { run, block, part: Part::Vals })? {
            CachedBlock::Vals(block) => Some(block),
            CachedBlock::Keys(_) => None,
        }
    }

    pub(super) fn insert_keys(&self, run: u64, block: u32, keys: Arc<KeyBlock>) {
        self.cache.insert(Id { run, block, part: Part::Keys }, CachedBlock::Keys(keys));
    }

    pub(super) fn insert_vals(&self, run: u64, block: u32, vals: Arc<ValBlock>) {
        self.cache.insert(Id { run, block, part: Part::Vals }, CachedBlock::Vals(vals));
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}
