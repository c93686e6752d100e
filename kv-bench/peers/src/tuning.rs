//! What every peer is opened with, so that none has more of it than another.

use kv_api::Durability;

/// How a peer is opened. What each of them makes of it is in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Bytes of the cache of blocks or pages. Default = 256 MiB.
    pub cache_bytes: u64,
    /// Bytes of a memtable before it is flushed, for those that have one. Default = 32 MiB.
    pub memtable_bytes: u64,
    /// Whether tables are compressed, with LZ4 or what an engine has of its class. Default = true.
    pub compress: bool,
    /// Whether logs are allocated ahead, where an engine can, so that a sync does not have to write a file's size. Default = true.
    pub preallocate_log: bool,
}

impl Tuning {
    /// Full memtables that may wait for their flush before writers wait for it.
    pub const FROZEN_MEMTABLES: u32 = 2;
    /// Threads for flushes and compactions.
    pub const BACKGROUND_THREADS: u32 = 2;

    /// The budgets that kv-lance has by default.
    pub fn new(durability: Durability) -> Self {
        Self { durability, cache_bytes: 256 << 20, memtable_bytes: 32 << 20, compress: true, preallocate_log: true }
    }

    /// Sets [`cache_bytes`](Self::cache_bytes).
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets [`memtable_bytes`](Self::memtable_bytes).
    pub fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = bytes;
        self
    }

    /// Sets [`compress`](Self::compress).
    pub fn compress(mut self, yes: bool) -> Self {
        self.compress = yes;
        self
    }

    /// Sets [`preallocate_log`](Self::preallocate_log).
    pub fn preallocate_log(mut self, yes: bool) -> Self {
        self.preallocate_log = yes;
        self
    }

    /// A budget as the engines take it. One that does not fit is as good as none.
    pub(crate) fn size(bytes: u64) -> usize {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
