//! Entries collected into Arrow columns.

use crate::read::Rows;
use crate::table::Column;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use kv_api::{Error, Result, scan_schema};
use std::ops::Range;
use std::sync::Arc;

/// The columns of a scan, as they grow.
#[derive(Default)]
pub(super) struct Columns {
    keys: Binary,
    vals: Binary,
}

impl Columns {
    /// Adds rows and says whether it did; nothing is added where a column is full.
    pub(super) fn extend(&mut self, rows: &Rows<'_>) -> bool {
        match rows.columns() {
            Some((keys, vals, places)) => {
                let fit = self.keys.fits(keys, &places) && self.vals.fits(vals, &places);
                if fit {
                    self.keys.extend(keys, places.clone());
                    self.vals.extend(vals, places);
                }
                fit
            }
            None => rows.iter().all(|row| self.push(row.key(), row.val())),
        }
    }

    fn push(&mut self, key: &[u8], val: &[u8]) -> bool {
        let fit = self.keys.has_room(key.len()) && self.vals.has_room(val.len());
        if fit {
            self.keys.push(key);
            self.vals.push(val);
        }
        fit
    }

    pub(super) fn finish(self) -> Result<RecordBatch> {
        let columns = vec![self.keys.finish()?, self.vals.finish()?];
        RecordBatch::try_new(scan_schema(), columns).map_err(building)
    }
}

fn building(error: arrow_schema::ArrowError) -> Error {
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
