//! Entries collected into Arrow columns.

use crate::read::{Row, Rows};
use crate::table::Column;
use arrow_array::{ArrayRef, BinaryArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use kv_api::{Error, Result, Version};
use std::ops::Range;
use std::sync::Arc;

/// Which columns are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) keys: bool,
    pub(crate) vals: bool,
    pub(crate) versions: bool,
}

/// The columns of a scan, as they grow; those that are not wanted stay empty.
pub(crate) struct Columns {
    wanted: Wanted,
    pub(crate) rows: usize,
    keys: Binary,
    vals: Binary,
    versions: Vec<Version>,
}

impl Columns {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, rows: 0, keys: Binary::default(), vals: Binary::default(), versions: Vec::new() }
    }

    /// Of keys and values, so far.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes.len() + self.vals.bytes.len()
    }

    /// Adds rows, and returns how many: fewer where a column is full.
    pub(super) fn extend(&mut self, rows: &Rows<'_>) -> usize {
        let before = self.rows;
        match rows.columns() {
            Some((keys, vals, places)) => {
                if self.extend_at_once(keys, vals, places) && self.wanted.versions {
                    self.versions.extend(rows.iter().map(|row| row.version()));
                }
            }
            // What does not fit any more ends it.
            None => {
                rows.iter().all(|row| self.push(row));
            }
        }
        self.rows - before
    }

    fn extend_at_once(&mut self, keys: &Column, vals: Option<&Column>, places: Range<usize>) -> bool {
        let keys = Some(keys).filter(|_| self.wanted.keys);
        let vals = vals.filter(|_| self.wanted.vals);
        let fit = keys.is_none_or(|keys| self.keys.fits(keys, &places))
            && vals.is_none_or(|vals| self.vals.fits(vals, &places));
        if fit {
            self.rows += places.len();
            if let Some(keys) = keys {
                self.keys.extend(keys, places.clone());
            }
            if let Some(vals) = vals {
                self.vals.extend(vals, places);
            }
        }
        fit
    }

    fn push(&mut self, row: Row<'_>) -> bool {
        let fit = self.keys.has_room(row.key().len()) && self.vals.has_room(row.val().len());
        if fit {
            self.rows += 1;
            if self.wanted.keys {
                self.keys.push(row.key());
            }
            if self.wanted.vals {
                self.vals.push(row.val());
            }
            if self.wanted.versions {
                self.versions.push(row.version());
            }
        }
        fit
    }

    /// The keys, the values, and of each row its version, the greatest there is for a pending write.
    pub(crate) fn finish(self) -> Result<(ArrayRef, ArrayRef, Vec<Version>)> {
        Ok((self.keys.finish()?, self.vals.finish()?, self.versions))
    }
}

pub(super) fn building(error: arrow_schema::ArrowError) -> Error {
    Error::backend("building a record batch", error)
}

/// One column of byte strings.
struct Binary {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
}

impl Default for Binary {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl Binary {
    fn has_room(&self, bytes: usize) -> bool {
        self.bytes.len() + bytes <= i32::MAX as usize
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.offsets.push(self.bytes.len() as i32);
    }

    fn fits(&self, column: &Column, rows: &Range<usize>) -> bool {
        column.rows(rows.clone()).is_some_and(|(bytes, _)| self.has_room(bytes.len()))
    }

    /// Adds rows that [fit](Self::fits).
    fn extend(&mut self, column: &Column, rows: Range<usize>) {
        if let Some((bytes, ends)) = column.rows(rows) {
            let base = self.bytes.len() as i32;
            self.bytes.extend_from_slice(bytes);
            self.offsets.extend(ends.map(|end| base + end));
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let array = BinaryArray::try_new(offsets, Buffer::from_vec(self.bytes), None).map_err(building)?;
        Ok(Arc::new(array))
    }
}
