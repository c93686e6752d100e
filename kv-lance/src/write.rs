//! What a transaction does to a key.

use bytes::Bytes;
use kv_api::{Key, Val};
use std::collections::BTreeMap;

/// A row but for its key and version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Write {
    /// No value is a tombstone.
    pub(crate) val: Option<Val>,
    /// Hides the older rows of the key from transactions that begin after it; a compaction removes them.
    pub(crate) erases: bool,
}

/// Writes by key.
pub(crate) type Writes = BTreeMap<Key, Write>;

impl Write {
    pub(crate) fn set(val: Val) -> Self {
        Self { val: Some(val), erases: false }
    }

    pub(crate) fn delete() -> Self {
        Self::default()
    }

    pub(crate) fn erase() -> Self {
        Self { val: None, erases: true }
    }

    /// Bytes of the value.
    pub(crate) fn val_bytes(&self) -> usize {
        self.val.as_ref().map_or(0, Bytes::len)
    }
}
