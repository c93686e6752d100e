//! What a failed write has left.

use kv_api::Error;

/// Why the journal could not be written.
#[derive(Debug)]
pub(crate) enum JournalError {
    /// Nothing of it is in the journal, which can be written to as before: there was no space, or
    /// no file handle left.
    Unchanged(Error),
    /// It may be in the journal, in part or whole.
    Failed(Error),
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Unchanged(e) | JournalError::Failed(e) => e,
        }
    }
}
