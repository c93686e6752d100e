//! The cache of decoded blocks, shared by all runs of a store. Keys and values are cached apart.

use super::block::{KeyBlock, ValBlock};
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

/// Holds blocks up to a budget of bytes.
pub(crate) struct BlockCache {
    cache: Cache<Id, CachedBlock, Weigh>,
}

impl BlockCache {
    pub(crate) fn new(budget: u64, block_bytes: usize) -> Self {
        let expected = usize::try_from(budget).unwrap_or(usize::MAX) / block_bytes.max(256);
        Self { cache: Cache::with_weighter(expected.clamp(16, 1 << 24), budget, Weigh) }
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
