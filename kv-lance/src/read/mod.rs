//! Ordered reads: cursors over the sources of a view, and their merge.
//!
//! Each source hands out its rows in order; the [`Merge`] puts them in one. What a reader sees of a key's rows is decided
//! in the cursors, which pass over the others without looking at each; a compaction has them hand out all.

mod advance;
mod ahead;
mod backward;
mod chunk;
mod count;
mod cursor;
mod forward;
mod heap;
mod loaded;
mod merge;
mod order;
mod pace;
mod rows;
mod run_cursor;
mod sequence;

pub(crate) use chunk::ChunkSource;
#[cfg(feature = "sql")]
pub(crate) use merge::Versions;
pub(crate) use merge::{Erasures, Merge};
pub(crate) use rows::{Row, Rows};

use crate::table::KeyBlock;
use kv_api::{Direction, KeyRange, Version};

/// What a merge covers.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) visible: Visible,
    /// Whether values are read; a key-only scan never touches them.
    pub(crate) vals: bool,
    /// Whether keys without a value are shown too, as far as the store knows of them.
    pub(crate) tombstones: bool,
    /// How many rows will be handed out, as far as is known; else 0.
    pub(crate) wanted: usize,
}

impl Span {
    /// Every row there is, in the order of a run.
    pub(crate) fn all_rows() -> Self {
        Self {
            range: KeyRange::all(),
            direction: Direction::Forward,
            visible: Visible::All,
            vals: true,
            tombstones: true,
            wanted: 0,
        }
    }
}

/// Which rows are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visible {
    /// Of each key the newest row up to this version, unless that is a tombstone and those are not asked for.
    At(Version),
    /// Each row, tombstones included, newest first within a key; blocks are read past the cache, as what is read once must
    /// not drive out what readers use.
    All,
}

impl Visible {
    /// Whether a row is handed out, as far as its run knows.
    fn shows(self, keys: &KeyBlock, row: usize) -> bool {
        match self {
            Self::At(version) => keys.version(row) <= version && keys.is_in_force(row, version),
            Self::All => true,
        }
    }

    /// The greatest version that is handed out.
    fn newest(self) -> Version {
        match self {
            Self::At(version) => version,
            Self::All => Version::MAX,
        }
    }
}
