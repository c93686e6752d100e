//! Changes as rows of a record batch.

use super::oldest::OfCommit;
use arrow_array::builder::{BinaryBuilder, BooleanBuilder, UInt64Builder};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use kv_api::{Error, Key, Result, Val, Version, change_schema};
use std::sync::Arc;

/// What a row takes besides its bytes.
const ROW_OVERHEAD: usize = 96;

/// What a commit left of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) version: Version,
    pub(super) key: Key,
    /// No value is a tombstone.
    pub(super) val: Option<Val>,
}

impl OfCommit for Change {
    fn version(&self) -> Version {
        self.version
    }

    fn cost(&self) -> usize {
        self.key.len() + self.val.as_ref().map_or(0, Bytes::len) + ROW_OVERHEAD
    }
}

/// The columns, as they grow.
#[derive(Default)]
pub(super) struct Batch {
    versions: UInt64Builder,
    keys: BinaryBuilder,
    vals: BinaryBuilder,
    tombstones: BooleanBuilder,
    key_bytes: usize,
    val_bytes: usize,
}

impl Batch {
    /// Adds a row.
    ///
    /// # Errors
    /// Where a column is full: a single commit has more bytes than it can hold.
    pub(super) fn push(&mut self, version: Version, key: &[u8], val: Option<&[u8]>) -> Result<()> {
        self.key_bytes += key.len();
        self.val_bytes += val.map_or(0, <[u8]>::len);
        if self.key_bytes.max(self.val_bytes) > i32::MAX as usize {
            let what = format!("the commit of version {version} has more than 2 GiB of keys or of values in its range");
            return Err(Error::backend("building a batch of changes", what));
        }
        self.versions.append_value(version);
        self.keys.append_value(key);
        self.vals.append_option(val);
        self.tombstones.append_value(val.is_none());
        Ok(())
    }

    /// The bytes of keys and values.
    pub(super) fn bytes(&self) -> usize {
        self.key_bytes + self.val_bytes
    }

    /// `None` where there are no rows.
    pub(super) fn finish(mut self) -> Result<Option<RecordBatch>> {
        let versions = self.versions.finish();
        if versions.is_empty() {
            return Ok(None);
        }
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(versions),
            Arc::new(self.keys.finish()),
            Arc::new(self.vals.finish()),
            Arc::new(self.tombstones.finish()),
        ];
        let batch = RecordBatch::try_new(change_schema(), columns);
        batch.map(Some).map_err(|e| Error::backend("building a batch of changes", e))
    }
}
