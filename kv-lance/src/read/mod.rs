//! Scans: cursors over the sources of a view, and their merge.

mod chunk;
mod merge;
mod pace;
mod run_cursor;
mod stretch;

pub(crate) use chunk::ChunkSource;
pub(crate) use merge::{Found, Merge};
pub(crate) use stretch::Stretch;

use kv_api::{Direction, Key, KeyRange, Val, Version};

/// What a scan covers.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) version: Version,
    /// Whether values are read; a key-only scan never touches them.
    pub(crate) vals: bool,
}

/// A key with its newest value at the scan's version; no value is a tombstone, which hides what older sources have.
pub(crate) type Entry = (Key, Option<Val>);
