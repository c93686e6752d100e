//! The engines.

mod fjall;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod surrealkv;

pub use fjall::{Fjall, open_fjall};
pub use redb::{Redb, open_redb};
#[cfg(feature = "rocksdb")]
pub use rocksdb::{Rocks, open_rocksdb};
pub use surrealkv::{Surreal, open_surrealkv};

use kv_api::Error;

/// A commit that failed for another reason than a conflict: how much of it there is, the engine does not say.
fn unknown(error: impl std::fmt::Display) -> Error {
    Error::CommitOutcomeUnknown { reason: error.to_string() }
}

/// A commit that the engine refused.
fn conflict(engine: &'static str) -> Error {
    Error::TransactionConflict { reason: format!("{engine} refused the commit") }
}
