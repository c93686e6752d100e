//! The change feed: every commit after a version, in commit order.

use crate::{KeyRange, Result};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use std::sync::{Arc, LazyLock};

/// Which keys a feed reports. A commit that wrote none of them gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeFilter {
    /// Only keys in this range. Default = all keys.
    pub range: KeyRange,
}

/// A subscription to the commits of a store, from history and then live. Feeds know nothing of each other, and no
/// commit waits for one that is not read.
#[async_trait]
pub trait ChangeFeed: Send {
    /// The next changes, in commit order and by key within a commit: rows of [`change_schema`]. Waits where
    /// there are none yet. All rows of one commit are in one batch, which may hold several commits and is never
    /// empty. `None` once the store has been shut down and every change has been handed out, and behind the version at which
    /// the feed was to [end](crate::Datastore::changes_until).
    ///
    /// A commit has one row for each key of its write set, with what it left there: the value, or a
    /// tombstone also where the key had no value before.
    ///
    /// What was [erased](crate::Transactable::clr) before the call is left out, whenever the feed
    /// began: a commit is given without such rows, and one of which nothing is left is passed over.
    /// The commit that erased is given like any other, with what it left of the key.
    ///
    /// The future may be dropped at any time: what it would have handed out comes with the next call.
    ///
    /// # Errors
    /// [`VersionNotRetained`](crate::Error::VersionNotRetained) where the consumer fell behind what the store still holds, now and
    /// at every later call. It has lost nothing silently: it scans at the current version, or at `oldest`, and
    /// begins a feed after that. What the store fails of, once every change has been handed out: it then waits for nothing.
    async fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// The columns of a change: `version: UInt64, key: Binary, val: Binary?, tombstone: Boolean`. `val` is null where, and only where,
/// `tombstone` is set.
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
