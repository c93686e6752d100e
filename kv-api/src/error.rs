//! The one error type of the contract.

use crate::{Key, Version};
use std::path::PathBuf;

/// The result of every operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, and what the caller should do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The transaction was committed or cancelled before. Begin a new one.
    #[error("the transaction has finished already: it was committed, cancelled or its commit failed")]
    TransactionFinished,

    /// A write in a read-only transaction. Begin with [`TransactionOptions::write`](crate::TransactionOptions::write).
    #[error("the transaction is read-only")]
    TransactionReadonly,

    /// Another transaction committed a change to a key that this one wrote or depended on. Nothing was
    /// written: run the transaction again from its beginning, at once if you like. One that is begun now sees the
    /// commit that won. The one retryable error.
    #[error("the transaction conflicts with one that committed first: {reason}")]
    TransactionConflict {
        /// Which check failed. Contains no key, as this text may travel to clients.
        reason: String,
        /// The first key found in conflict, where one is known. Not part of the error's text.
        key: Option<Key>,
    },

    /// `put` of a key that has a value. The transaction goes on.
    #[error("the key exists already")]
    TransactionKeyAlreadyExists,

    /// `putc` or `delc` found another value than the expected one. The transaction goes on.
    #[error("the key's value is not the expected one")]
    TransactionConditionNotMet,

    /// A read at a version, of a store that keeps no versions.
    #[error("the store keeps no versions: read without one")]
    UnsupportedVersionedQueries,

    /// An operation that this backend does not declare. See [`Capabilities`](crate::Capabilities).
    #[error("the backend does not support {operation}")]
    Unsupported {
        /// The operation's name.
        operation: &'static str,
    },

    /// History before this version has been pruned. Read at `oldest` or later.
    #[error("version {requested} is not retained: the oldest version that can be read is {oldest}")]
    VersionNotRetained {
        /// The version asked for.
        requested: Version,
        /// The oldest version that can be read.
        oldest: Version,
    },

    /// A tag for a version that no commit has reached yet. Tag `newest`, or wait.
    #[error("version {requested} is in the future: that of the newest commit is {newest}")]
    VersionNotReached {
        /// The version asked for.
        requested: Version,
        /// The version of the newest commit.
        newest: Version,
    },

    /// What cannot be the name of a tag. Choose another.
    #[error("'{name}' cannot be the name of a tag: {reason}")]
    InvalidTagName {
        /// The name.
        name: String,
        /// What is wrong with it, or who has it already.
        reason: String,
    },

    /// There is a tag of this name. Choose another, or remove that one first.
    #[error("there is a tag '{name}' already, of version {version}")]
    TagExists {
        /// The name.
        name: String,
        /// The version of the tag that is there.
        version: Version,
    },

    /// There is no tag of this name. [`tags`](crate::Datastore::tags) lists those that there are.
    #[error("there is no tag '{name}'")]
    TagNotFound {
        /// The name.
        name: String,
    },

    /// A release or a rollback without an open save point.
    #[error("no save point is open")]
    NoSavePointPresent,

    /// The commit may or may not be in the store: look before writing again. Where the backend has stopped
    /// taking writes, open it again first: until then a read does not tell.
    #[error("the outcome of the commit is unknown: {reason}")]
    CommitOutcomeUnknown {
        /// What failed.
        reason: String,
    },

    /// The key is longer than the store takes.
    #[error("the key has {size} bytes; at most {limit} are allowed")]
    KeyTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },

    /// The value is longer than the store takes.
    #[error("the value has {size} bytes; at most {limit} are allowed")]
    ValueTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },

    /// The transaction holds more than the store can commit at once. Split it.
    #[error("the transaction has {size} bytes of writes; at most {limit} are allowed")]
    TransactionTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },

    /// A configuration value that is not allowed.
    #[error("invalid value '{value}' for {knob}: {allowed}")]
    InvalidConfiguration {
        /// The setting: a URL parameter, an environment variable or a builder method.
        knob: String,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: String,
    },

    /// Another process, or another handle in this one, has the store open. Close it first.
    #[error("the store {path} is open already, by {holder}")]
    StoreLocked {
        /// The store.
        path: PathBuf,
        /// Who holds it, as far as that is known.
        holder: String,
    },

    /// The path holds something else than a store. Give the path of a store, or an empty or new one.
    #[error("{path} is not a store: {reason}")]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What was found.
        reason: String,
    },

    /// Another program has changed the store's data behind its back. The reason says what it did and how to get the store back.
    #[error("another program has changed the table of {path}: {reason}")]
    TableChanged {
        /// The store.
        path: PathBuf,
        /// What was done, and the way back.
        reason: String,
    },

    /// The store was written in a format that this version cannot read. Use one that can.
    #[error("{path} has format version {found}; this version reads {supported}")]
    UnsupportedFormat {
        /// The path.
        path: PathBuf,
        /// The version found.
        found: String,
        /// The versions that can be read.
        supported: String,
    },

    /// Stored bytes are not what was written. Restore from a copy; the store does not open for writing.
    #[error("{path} is damaged: {detail}")]
    Corruption {
        /// The file or folder.
        path: PathBuf,
        /// Where, and what was expected.
        detail: String,
    },

    /// An input or output operation failed. Mend the cause (space, permissions, the medium).
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },

    /// The store takes no more writes since an earlier write failed; reads go on. Open it again.
    #[error("the store takes no more writes until it is opened again: {reason}")]
    StoreFailed {
        /// What failed.
        reason: String,
    },

    /// A write to a store that was opened to be read alone. Open it for writing, where no other process has it open.
    #[error("the store {path} has been opened to be read alone")]
    StoreReadonly {
        /// The store.
        path: PathBuf,
    },

    /// The store has been shut down. Open it again.
    #[error("the store has been shut down")]
    StoreClosed,

    /// Something did not end in time. It goes on in the background.
    #[error("{operation} did not end within {seconds} s")]
    Timeout {
        /// What was waited for.
        operation: &'static str,
        /// The limit in seconds.
        seconds: u64,
    },

    /// A failure of the backend that has no variant of its own.
    #[error("{operation}: {source}")]
    Backend {
        /// What was being done.
        operation: String,
        /// The backend's error.
        source: Source,
    },
}

/// The class of an [`Error`], for code that decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The transaction's state does not allow the operation.
    InvalidState,
    /// The condition of a conditional write, or of a tag, does not hold.
    Condition,
    /// Another transaction was first: run again.
    Conflict,
    /// The backend cannot do this.
    Unsupported,
    /// The caller's input is not allowed.
    InvalidInput,
    /// The history is gone.
    NotRetained,
    /// The commit may or may not have happened.
    UnknownOutcome,
    /// The store cannot be opened as it is.
    CannotOpen,
    /// Stored bytes are damaged.
    Corruption,
    /// The system or the medium failed.
    Io,
    /// The store is closed, has failed or is too slow to stop.
    Unavailable,
    /// Anything else.
    Backend,
}

impl Error {
    /// A failed input or output operation on `path`; `operation` reads as in "syncing".
    pub fn io(operation: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { operation, path: path.into(), source }
    }

    /// Damaged bytes in `path`.
    pub fn corruption(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        Self::Corruption { path: path.into(), detail: detail.into() }
    }

    /// A conflict that no single key stands for, or none that is known.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::TransactionConflict { reason: reason.into(), key: None }
    }

    /// A conflict over `key`. The reason must not contain it.
    pub fn conflict_over(key: Key, reason: impl Into<String>) -> Self {
        Self::TransactionConflict { reason: reason.into(), key: Some(key) }
    }

    /// A backend's own failure during `operation`.
    pub fn backend(operation: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Backend { operation: operation.into(), source: source.into() }
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TransactionFinished | Self::TransactionReadonly | Self::NoSavePointPresent => ErrorKind::InvalidState,
            Self::TransactionKeyAlreadyExists
            | Self::TransactionConditionNotMet
            | Self::TagExists { .. }
            | Self::TagNotFound { .. } => ErrorKind::Condition,
            Self::TransactionConflict { .. } => ErrorKind::Conflict,
            Self::UnsupportedVersionedQueries | Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::KeyTooLarge { .. }
            | Self::ValueTooLarge { .. }
            | Self::TransactionTooLarge { .. }
            | Self::InvalidTagName { .. }
            | Self::VersionNotReached { .. }
            | Self::InvalidConfiguration { .. } => ErrorKind::InvalidInput,
            Self::VersionNotRetained { .. } => ErrorKind::NotRetained,
            Self::CommitOutcomeUnknown { .. } => ErrorKind::UnknownOutcome,
            Self::StoreLocked { .. }
            | Self::NotAStore { .. }
            | Self::TableChanged { .. }
            | Self::UnsupportedFormat { .. } => ErrorKind::CannotOpen,
            Self::Corruption { .. } => ErrorKind::Corruption,
            Self::Io { .. } => ErrorKind::Io,
            Self::StoreFailed { .. } | Self::StoreReadonly { .. } | Self::StoreClosed | Self::Timeout { .. } => {
                ErrorKind::Unavailable
            }
            Self::Backend { .. } => ErrorKind::Backend,
        }
    }

    /// Whether running the same transaction again from its beginning can succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::TransactionConflict { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key was part of the reason, and an error's text is what a server sends to its clients.
    #[test]
    fn a_conflict_does_not_show_its_key() {
        let error = Error::conflict_over("secret".into(), "another transaction wrote a key that this one wrote");
        let text = "the transaction conflicts with one that committed first: ";
        assert_eq!(error.to_string(), format!("{text}another transaction wrote a key that this one wrote"));
        assert!(matches!(&error, Error::TransactionConflict { key: Some(key), .. } if key == "secret"));
    }
}
