//! The table at rest: a Lance dataset whose fragments are sorted runs. The only module that knows Lance.
//!
//! A run is one Lance data file of rows `(key, version, tombstone, val)`, sorted by key ascending, then version
//! descending. What the engine needs to find a row (fences, bloom filter, statistics) and to trust it (checksums)
//! is in global buffers of the same file, which other readers of Lance ignore.

mod block;
mod bloom;
mod cache;
mod clean_up;
mod column;
mod column_reader;
mod commit_handler;
mod dataset;
mod error;
mod files;
mod foreign;
mod fragments;
mod index;
mod links;
mod open;
mod row_meta;
mod run;
mod run_changes;
mod run_erasures;
mod run_estimates;
mod run_writer;
mod runs_writer;
mod schema;
mod state;

pub(crate) use block::{KeyBlock, ValBlock};
pub(crate) use bloom::hash;
pub(crate) use cache::BlockCache;
pub(crate) use column::Column;
pub(crate) use dataset::{CommitFailure, Table};
pub(crate) use open::Opened;
pub use open::Restored;
pub(crate) use run::Run;
pub(crate) use run_writer::WrittenRun;
pub(crate) use runs_writer::RunExtent;
pub(crate) use state::TableState;

use crate::config::Compression;

/// What new runs are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunLayout {
    /// Bytes of keys and values that a block aims at.
    pub(crate) block_bytes: usize,
    pub(crate) compression: Compression,
    /// Where a run ends and the next begins.
    pub(crate) cut: RunExtent,
    /// What a run must not exceed.
    pub(crate) most: RunExtent,
}

impl RunLayout {
    pub(crate) fn new(block_bytes: usize, compression: Compression) -> Self {
        Self { block_bytes, compression, cut: RunExtent::CUT, most: RunExtent::MOST }
    }
}

/// The version of the on-disk format, of the table and of the journal alike.
pub(crate) const FORMAT_VERSION: u32 = 3;
