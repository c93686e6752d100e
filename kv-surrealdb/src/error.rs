//! What a failure of the store is called in SurrealDB.

use kv_api::Error as Store;
use surrealdb_kvs::Error;

/// Turns a result of the store into one of SurrealDB.
pub(crate) trait Mapped<T> {
    /// Maps the error.
    fn mapped(self) -> surrealdb_kvs::Result<T>;
}

impl<T> Mapped<T> for kv_api::Result<T> {
    fn mapped(self) -> surrealdb_kvs::Result<T> {
        self.map_err(map)
    }
}

/// SurrealDB retries a conflict, reports an unknown outcome as such and shows every other error's
/// text to the client, so the text stays whole wherever the variant has room for it.
pub(crate) fn map(error: Store) -> Error {
    match error {
        Store::TransactionFinished => Error::TransactionFinished,
        Store::TransactionReadonly => Error::TransactionReadonly,
        Store::TransactionConflict { reason, .. } => Error::TransactionConflict(reason),
        Store::TransactionKeyAlreadyExists => Error::TransactionKeyAlreadyExists,
        Store::TransactionConditionNotMet => Error::TransactionConditionNotMet,
        Store::UnsupportedVersionedQueries => Error::UnsupportedVersionedQueries,
        Store::Unsupported { operation: "getu" } => Error::UnsupportedLockedReads,
        Store::Unsupported { operation: "compact" } => Error::CompactionNotSupported,
        Store::NoSavePointPresent => Error::NoSavepoint,
        Store::CommitOutcomeUnknown { reason } => Error::CommitOutcomeUnknown(reason),
        Store::KeyTooLarge { .. } => Error::TransactionKeyTooLarge,
        Store::TransactionTooLarge { .. } => Error::TransactionTooLarge,
        Store::StoreClosed => Error::Shutdown,
        error @ Store::VersionNotRetained { .. } => Error::TimestampInvalid(error.to_string()),
        error @ Store::ValueTooLarge { .. } => Error::Transaction(error.to_string()),
        error => Error::Datastore(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_alone_is_retried() {
        assert!(map(Store::conflict("another was first")).is_retryable());
        for error in [
            Store::CommitOutcomeUnknown { reason: "the medium failed".into() },
            Store::StoreFailed { reason: "the medium failed".into() },
            Store::StoreClosed,
            Store::TransactionConditionNotMet,
        ] {
            assert!(!map(error).is_retryable());
        }
    }

    /// An unknown outcome that is reported as a failure makes a client write twice.
    #[test]
    fn an_unknown_outcome_stays_unknown() {
        let error = map(Store::CommitOutcomeUnknown { reason: "the medium failed".into() });
        assert!(matches!(error, Error::CommitOutcomeUnknown(reason) if reason == "the medium failed"));
    }

    #[test]
    fn what_a_client_can_mend_keeps_its_text() {
        for (error, part) in [
            (Store::VersionNotRetained { requested: 3, oldest: 5 }, "the oldest version that can be read is 5"),
            (Store::ValueTooLarge { size: 9, limit: 8 }, "the value has 9 bytes; at most 8 are allowed"),
            (
                Store::StoreLocked { path: "/srv/kv".into(), holder: "process 7".into() },
                "/srv/kv is open already, by process 7",
            ),
        ] {
            let text = map(error).to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
