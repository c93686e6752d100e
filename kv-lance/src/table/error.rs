//! From what fails underneath to the contract's errors.

use futures::FutureExt;
use kv_api::{Error, Result};
use std::panic::AssertUnwindSafe;
use std::path::Path;

/// Has Lance read and decode something. Damaged metadata makes its decoders panic: a reader of ours is told that it is damaged, as `undecodable`
/// says it.
pub(crate) async fn decoded<T>(
    operation: &'static str,
    path: &Path,
    undecodable: impl FnOnce() -> String,
    decoding: impl Future<Output = lance::Result<T>>,
) -> Result<T> {
    match AssertUnwindSafe(decoding).catch_unwind().await {
        Ok(decoded) => decoded.map_err(|e| from_lance(operation, path, e)),
        Err(_) => Err(Error::corruption(path, undecodable())),
    }
}

/// Maps an error of Lance. Names the path and what was being done; finds the system's error, where there is one, behind
/// Lance's wrapping, so that a full disk is told as such.
pub(crate) fn from_lance(operation: &'static str, path: &Path, error: lance::Error) -> Error {
    use lance::Error as E;
    match &error {
        E::RetryableCommitConflict { .. } | E::CommitConflict { .. } | E::IncompatibleTransaction { .. } => {
            Error::conflict(format!("{operation} {}: {error}", path.display()))
        }
        E::DatasetNotFound { .. } => Error::NotAStore { path: path.into(), reason: error.to_string() },
        E::SchemaMismatch { .. } | E::CorruptFile { .. } | E::Schema { .. } => {
            Error::corruption(path, error.to_string())
        }
        _ => match io_source(&error) {
            Some(source) => Error::io(operation, path, source),
            None => Error::backend(format!("{operation} {}", path.display()), error),
        },
    }
}

/// Whether the error is that a file is not there, as where another tool cleans up between a look and a read.
pub(crate) fn is_missing(error: &lance::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        let by_lance = e.downcast_ref::<lance::Error>();
        // Of an error that several waited for, the source is not shown.
        if let Some(lance::Error::Shared { source }) = by_lance
            && is_missing(source)
        {
            return true;
        }
        if by_lance.is_some_and(|e| matches!(e, lance::Error::NotFound { .. } | lance::Error::DatasetNotFound { .. }))
            || e.downcast_ref::<object_store::Error>()
                .is_some_and(|e| matches!(e, object_store::Error::NotFound { .. }))
            || e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
        {
            return true;
        }
        cause = e.source();
    }
    false
}

/// The first system error in the chain of causes, as a copy.
fn io_source(error: &(dyn std::error::Error + 'static)) -> Option<std::io::Error> {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            // An io::Error that wraps another error hides the system's one inside.
            if let Some(code) = io.raw_os_error() {
                return Some(std::io::Error::from_raw_os_error(code));
            }
            if let Some(inner) = io.get_ref().and_then(|inner| io_source(inner)) {
                return Some(inner);
            }
            return Some(std::io::Error::new(io.kind(), io.to_string()));
        }
        cause = e.source();
    }
    None
}
