//! The cache of decoded blocks, shared by all runs of a store. Keys and values are cached apart.

use super::block::{KeyBlock, ValBlock};
use super::index_cache::IndexCache;
use crate::tally::Tally;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    hits: Tally,
    loads: AtomicU64,
}

impl BlockCache {
    /// Indexes have no budget until [`with_index_budget`](Self::with_index_budget) gives them one.
    pub(crate) fn new(budget: u64, block_bytes: usize) -> Self {
        let expected = usize::try_from(budget).unwrap_or(usize::MAX) / block_bytes.max(256);
        let cache = Cache::with_weighter(expected.clamp(16, 1 << 24), budget, Weigh);
        let indexes = Arc::new(IndexCache::new(u64::MAX));
        Self { cache, indexes, hits: Tally::default(), loads: AtomicU64::new(0) }
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

    pub(super) fn keys(&self, run: u64, block: u32) -> Option<Arc<KeyBlock>> {
        match self.get(Id { run, block, part: Part::Keys })? {
            CachedBlock::Keys(block) => Some(block),
            CachedBlock::Vals(_) => None,
        }
    }

    pub(super) fn vals(&self, run: u64, block: u32) -> Option<Arc<ValBlock>> {
        match self.get(Id { run, block, part: Part::Vals })? {
            CachedBlock::Vals(block) => Some(block),
            CachedBlock::Keys(_) => None,
        }
    }

    fn get(&self, id: Id) -> Option<CachedBlock> {
        self.cache.get(&id).inspect(|_| self.hits.add())
    }

    fn insert(&self, id: Id, block: CachedBlock) {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.cache.insert(id, block);
    }

    pub(super) fn insert_keys(&self, run: u64, block: u32, keys: Arc<KeyBlock>) {
        self.insert(Id { run, block, part: Part::Keys }, CachedBlock::Keys(keys));
    }

    pub(super) fn insert_vals(&self, run: u64, block: u32, vals: Arc<ValBlock>) {
        self.insert(Id { run, block, part: Part::Vals }, CachedBlock::Vals(vals));
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
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
