//! The rows of commits, out of the batches of a feed.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, BinaryArray, RecordBatch, UInt64Array};
use kv_api::{Error, Key, Result, Val, Version};
use std::ops::Range;

/// What a commit left of a key.
#[derive(Debug, Clone)]
pub(crate) struct ChangedRow {
    pub(crate) key: Key,
    /// `None` = it has no value any more.
    pub(crate) val: Option<Val>,
}

impl ChangedRow {
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.val.as_ref().map_or(0, Val::len)
    }
}

/// Rows of one commit, by their keys.
#[derive(Debug)]
pub(crate) struct ChangedRows {
    pub(crate) version: Version,
    pub(crate) rows: Vec<ChangedRow>,
}

/// The columns of a batch.
pub(crate) struct Columns<'a> {
    versions: &'a UInt64Array,
    keys: &'a BinaryArray,
    vals: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let [versions, keys, vals, ..] = batch.columns() else { return Err(unexpected()) };
        Ok(Self {
            versions: versions.as_primitive_opt::<UInt64Type>().ok_or_else(unexpected)?,
            keys: keys.as_binary_opt().ok_or_else(unexpected)?,
            vals: vals.as_binary_opt().ok_or_else(unexpected)?,
        })
    }

    /// The commits, with the places of their rows.
    pub(crate) fn commits(&self) -> impl Iterator<Item = (Version, Range<usize>)> {
        let mut start = 0;
        self.versions.values().chunk_by(|a, b| a == b).filter_map(move |of_commit| {
            let rows = start..start + of_commit.len();
            start = rows.end;
            Some((*of_commit.first()?, rows))
        })
    }

    pub(crate) fn key(&self, row: usize) -> &'a [u8] {
        self.keys.value(row)
    }

    /// A copy: a slice would keep the whole batch.
    pub(crate) fn row(&self, row: usize) -> ChangedRow {
        let key = Key::copy_from_slice(self.keys.value(row));
        let val = self.vals.is_valid(row).then(|| Val::copy_from_slice(self.vals.value(row)));
        ChangedRow { key, val }
    }

    /// The commits, with copies of their rows.
    pub(crate) fn copied(&self) -> impl Iterator<Item = ChangedRows> {
        let rows = |places: Range<usize>| places.map(|row| self.row(row)).collect();
        self.commits().map(move |(version, places)| ChangedRows { version, rows: rows(places) })
    }
}

fn unexpected() -> Error {
    Error::backend("reading a change feed", "it has other columns than a change feed has")
}
