//! The engines.

mod fjall;
mod lmdb;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod surrealkv;

pub use fjall::{Fjall, fjall_database, fjall_persistence, open_fjall};
pub use lmdb::{Lmdb, LmdbRows, lmdb_environment, open_lmdb};
pub use redb::{REDB_TABLE, Redb, open_redb, redb_database, redb_durability};
#[cfg(feature = "rocksdb")]
pub use rocksdb::{Rocks, open_rocksdb, rocksdb_database, rocksdb_writes};
pub use surrealkv::{Surreal, open_surrealkv, open_surrealkv_versioned, surrealkv_durability, surrealkv_tree};

use crate::encoding::encoded;
use kv_api::{Error, Result, check_key};

/// A commit that failed for another reason than a conflict: how much of it there is, the engine does not say.
fn unknown(error: impl std::fmt::Display) -> Error {
    Error::CommitOutcomeUnknown { reason: error.to_string() }
}

/// A commit that the engine refused.
fn conflict(engine: &'static str) -> Error {
    Error::conflict(format!("{engine} refused the commit"))
}

/// Refuses keys that are, as `encoded`, longer than the engine stores.
fn check_stored(key: &[u8], limit: usize) -> Result<()> {
    check_key(key)?;
    match encoded(key).len() {
        size if size > limit => Err(Error::KeyTooLarge { size, limit }),
        _ => Ok(()),
    }
}
