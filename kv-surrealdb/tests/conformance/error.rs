//! SurrealDB's errors as those of kv-api.

use kv_api::Error;
use surrealdb_kvs::Error as Surreal;

/// What an error means, as far as it says.
pub(crate) fn back(operation: &str, error: Surreal) -> Error {
    match error {
        Surreal::TransactionFinished => Error::TransactionFinished,
        Surreal::TransactionReadonly => Error::TransactionReadonly,
        Surreal::TransactionConflict(reason) => Error::conflict(reason),
        Surreal::TransactionKeyAlreadyExists => Error::TransactionKeyAlreadyExists,
        Surreal::TransactionConditionNotMet => Error::TransactionConditionNotMet,
        Surreal::UnsupportedVersionedQueries => Error::UnsupportedVersionedQueries,
        Surreal::UnsupportedLockedReads => Error::Unsupported { operation: "getu" },
        Surreal::NoSavepoint => Error::NoSavePointPresent,
        Surreal::CommitOutcomeUnknown(reason) => Error::CommitOutcomeUnknown { reason },
        Surreal::Shutdown => Error::StoreClosed,
        Surreal::TimestampInvalid(text) => not_retained(&text).unwrap_or_else(|| Error::backend(operation, text)),
        error => Error::backend(operation, error),
    }
}

/// As [`back`], for the write of `key` and `val`: SurrealDB's errors say that they are too large,
/// and not how large.
pub(crate) fn back_from_write(key: &[u8], val: &[u8], error: Surreal) -> Error {
    let size = match &error {
        Surreal::TransactionKeyTooLarge => kv_api::check_key(key),
        Surreal::Transaction(_) => kv_api::check_value(val),
        _ => Ok(()),
    };
    size.err().unwrap_or_else(|| back("writing", error))
}

/// "version 3 is not retained: the oldest version that can be read is 5"
fn not_retained(text: &str) -> Option<Error> {
    let rest = text.strip_prefix("version ")?;
    let (requested, oldest) = rest.split_once(" is not retained: the oldest version that can be read is ")?;
    Some(Error::VersionNotRetained { requested: requested.parse().ok()?, oldest: oldest.parse().ok()? })
}
