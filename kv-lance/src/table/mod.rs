//! The table at rest: a Lance dataset whose fragments are sorted runs, and another for history. The only module that
//! knows Lance.
//!
//! [`run`] is the format of the data files; what is beside it is the dataset: its manifests, what other
//! tools commit to it, and the files that it keeps.

mod branch;
mod clean_up;
mod commit;
mod commit_handler;
mod companion;
mod dataset;
mod error;
mod find_record;
mod flushed;
mod foreign;
mod foreign_rows;
mod fragments;
mod history;
mod history_table;
mod lance_tags;
mod leftovers;
mod levels;
mod links;
mod manifests;
mod open;
mod pins;
mod proposed;
mod published;
mod restore;
mod row_columns;
mod run;
mod salvage;
mod schema;
mod spare;
mod state;
mod tagging;
mod tags;
mod verify;

pub(crate) use dataset::{CommitFailure, Outputs, Table};
pub(crate) use flushed::{Flushed, FlushedTable};
pub(crate) use history::{History, has_expired};
pub(crate) use levels::Levels;
pub(crate) use open::Opened;
pub(crate) use pins::Pins;
pub(crate) use proposed::Proposed;
pub(crate) use published::{Known, PublishedTable, Shown};
pub(crate) use restore::FOREIGN;
pub use restore::Restored;
#[cfg(test)]
pub(crate) use run::testing;
pub(crate) use run::{
    BlockCache, Column, KeyBlock, NewRow, ReadAhead, RowPlace, Run, RunExtent, RunsWriter, ValBlock, hash,
};
pub(crate) use salvage::{HISTORY, LostRun, Rank, salvage};
pub(crate) use spare::is_kept;
pub(crate) use state::TableState;
pub(crate) use tags::Tags;
pub(crate) use verify::verify;

use crate::config::Compression;

/// What new runs are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunLayout {
    /// Bytes of keys and values that a block aims at.
    pub(crate) block_bytes: usize,
    pub(crate) compression: Compression,
    /// Where a run ends and the next begins.
    pub(crate) cut: RunExtent,
    /// The same on sorted levels, in bytes.
    pub(crate) partition_bytes: u64,
    /// What a run must not exceed.
    pub(crate) most: RunExtent,
    /// Rows are taken in any order, as what looks for such runs is to be tried.
    #[cfg(test)]
    pub(crate) in_any_order: bool,
}

impl RunLayout {
    pub(crate) fn new(block_bytes: usize, compression: Compression) -> Self {
        let cut = RunExtent::CUT;
        Self {
            block_bytes,
            compression,
            cut,
            partition_bytes: cut.bytes,
            most: RunExtent::MOST,
            #[cfg(test)]
            in_any_order: false,
        }
    }

    /// What runs are like on a level: the more data there is the larger they are, so that they stay few.
    fn on_level(self, level: usize) -> Self {
        let Some(below_first) = level.checked_sub(1) else { return self };
        let doubled = u32::try_from(below_first).unwrap_or(u32::MAX);
        let bytes = self.partition_bytes.saturating_mul(2u64.saturating_pow(doubled)).min(self.cut.bytes);
        Self { cut: RunExtent { bytes, ..self.cut }, ..self }
    }

    /// What is soon read and written again is not compressed before that.
    fn passing(self) -> Self {
        Self { compression: Compression::None, ..self }
    }
}

/// The version of the on-disk format, of the table and of the journal alike.
pub(crate) const FORMAT_VERSION: u32 = 4;
