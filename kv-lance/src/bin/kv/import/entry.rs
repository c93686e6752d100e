//! What an import reads.

use super::directory::Skipped;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One entry to be written.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    /// `None` deletes the key.
    pub(crate) val: Option<Vec<u8>>,
    /// Where it was read.
    pub(crate) place: Place,
    /// Bytes of the source up to and with this entry.
    pub(crate) read: u64,
}

/// Where something was read.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: Arc<Path>,
    pub(crate) line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

/// Input that cannot be used: where, and what is wrong.
#[derive(Debug)]
pub(crate) struct BadInput {
    pub(crate) place: Place,
    pub(crate) reason: String,
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// The fields of a line, or the columns of a row, that an entry is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) key: &'a str,
    /// `None` for the line or the row as a whole.
    pub(crate) value: Option<&'a str>,
}

/// The entries of a folder or of a file, in their order.
pub(crate) struct Source {
    pub(crate) entries: Box<dyn Iterator<Item = Result<Entry, BadInput>> + Send>,
    /// The size of it all.
    pub(crate) bytes: u64,
    pub(crate) skipped: Skipped,
}
