//! Rows of the table as a reader of Lance gets them.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, BinaryArray, BooleanArray, RecordBatch, UInt64Array};
use kv_api::Version;

/// The columns of a batch.
pub(super) struct RowColumns<'a> {
    keys: &'a BinaryArray,
    versions: &'a UInt64Array,
    tombstones: &'a BooleanArray,
    vals: &'a BinaryArray,
}

/// One row. A tombstone has no value.
pub(super) struct Row<'a> {
    pub(super) key: &'a [u8],
    pub(super) version: Version,
    pub(super) val: Option<&'a [u8]>,
}

impl<'a> RowColumns<'a> {
    /// `None` where a column is not as the schema says.
    pub(super) fn of(batch: &'a RecordBatch) -> Option<Self> {
        Some(Self {
            keys: batch.column_by_name("key")?.as_binary_opt::<i32>()?,
            versions: batch.column_by_name("version")?.as_primitive_opt::<UInt64Type>()?,
            tombstones: batch.column_by_name("tombstone")?.as_boolean_opt()?,
            vals: batch.column_by_name("val")?.as_binary_opt::<i32>()?,
        })
    }

    /// `None` where the engine writes no such row: a tombstone that has a value, or a row that has
    /// none.
    pub(super) fn row(&self, row: usize) -> Option<Row<'a>> {
        let val = self.vals.is_valid(row).then(|| self.vals.value(row));
        let version = self.versions.value(row);
        (self.tombstones.value(row) == val.is_none()).then(|| Row { key: self.keys.value(row), version, val })
    }
}
