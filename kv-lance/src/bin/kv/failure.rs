//! What ends a command early, and the exit code it gives.

use arrow_schema::ArrowError;
use kv_api::Error;
use std::fmt;
use std::io::{self, Write};

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// `get` found nothing.
    NotFound(String),
    /// The command line asks for something that cannot be.
    Usage(String),
    /// The store refused or failed.
    Store(Error),
    /// A query failed while it ran.
    Query(String),
    /// A file that was to be read or written cannot be used.
    File(String),
    /// The tour saw something that it should not.
    Unexpected(String),
    /// Printing failed.
    Output(io::Error),
    /// Has been said already; this is its exit code.
    Said(u8),
}

/// The exit code of a command that has found a store to be damaged, and said so.
pub(crate) const DAMAGED: u8 = 4;

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Said(code) => *code,
            _ if self.is_quiet() => 0,
            Self::NotFound(_) => 1,
            Self::Usage(_) | Self::Store(Error::InvalidConfiguration { .. } | Error::InvalidTagName { .. }) => 2,
            Self::Store(_) | Self::Query(_) | Self::File(_) | Self::Unexpected(_) | Self::Output(_) => 3,
        }
    }

    /// Whoever reads our output has had enough, as `head` does: that is not an error.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Prints it on the standard error, where it is not there yet.
    pub(crate) fn say(&self) {
        if !self.is_quiet() && !matches!(self, Self::Said(_)) {
            // There is nowhere left to say that even this failed.
            let _ = writeln!(io::stderr(), "kv: {self}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(key) => write!(f, "no value for the key '{key}'"),
            Self::Usage(what) | Self::Query(what) | Self::File(what) | Self::Unexpected(what) => f.write_str(what),
            Self::Store(error) => write!(f, "{error}"),
            Self::Output(error) => write!(f, "writing the output: {error}"),
            Self::Said(_) => Ok(()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Of what writes Arrow data, or makes text of it.
impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Output(error),
            other => Self::Output(io::Error::other(other)),
        }
    }
}
