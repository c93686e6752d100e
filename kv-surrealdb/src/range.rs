//! Ranges and keys, from SurrealDB's to the store's.

use surrealdb_kvs::Key;

/// Every range of SurrealDB has an end.
pub(crate) fn range(range: surrealdb_kvs::KeyRange<'_>) -> kv_api::KeyRange {
    kv_api::KeyRange { start: key(range.start), end: Some(key(range.end)) }
}

/// Copies a key that is borrowed and takes over one that is owned.
pub(crate) fn key(key: Key<'_>) -> kv_api::Key {
    key.into_vec().into()
}
