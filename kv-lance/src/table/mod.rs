//! The table at rest: a Lance dataset whose fragments are sorted runs. The only module that knows Lance.
//!
//! [`run`] is the format of the data files; what is beside it is the dataset: its manifests, what other
//! tools commit to it, and the files that it keeps.

mod clean_up;
mod commit;
mod commit_handler;
mod dataset;
mod error;
mod find_record;
mod foreign;
mod fragments;
mod leftovers;
mod links;
mod open;
mod restore;
mod run;
mod schema;
mod state;

pub(crate) use dataset::{CommitFailure, Table};
pub(crate) use open::Opened;
pub use restore::Restored;
pub(crate) use run::{BlockCache, Column, KeyBlock, Run, RunExtent, ValBlock, WrittenRun, hash};
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
