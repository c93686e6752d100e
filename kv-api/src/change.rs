//! The change feed: every commit after a version, in commit order.

use crate::{KeyRange, Result};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use std::sync::{Arc, LazyLock};

/// Which keys a feed reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeFilter {
    /// Only keys in this range. Default = all keys.
    pub range: KeyRange,
}

/// A subscription to the commits of a store, from history and then live.
#[async_trait]
pub trait ChangeFeed: Send {
    /// The next changes, in commit order: rows of [`change_schema`]. Waits where there are none yet. All
    /// rows of one commit are in one batch. `None` once the store has been shut down and every change
    /// has been handed out.
    ///
    /// A consumer that fell behind what the store still holds gets
    /// [`VersionNotRetained`](crate::Error::VersionNotRetained): it has lost nothing silently and starts again from a scan.
    async fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// The columns of a change: `version: UInt64, key: Binary, val: Binary?, tombstone: Boolean`.
pub fn change_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("version", DataType::UInt64, false),
            Field::new("key", DataType::Binary, false),
            Field::new("val", DataType::Binary, true),
            Field::new("tombstone", DataType::Boolean, false),
        ]))
    });
    SCHEMA.clone()
}
