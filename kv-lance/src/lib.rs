//! A transactional, ordered, versioned key-value store on the Lance columnar format.
//!
//! An LSM engine whose sorted runs are Lance files and whose table is a Lance dataset: a commit costs a log append, and the data at
//! rest is an ordinary Lance table that pylance, LanceDB, DataFusion or Spark opens as it is.
//!
//! Open a [`LanceDatastore`] with a [`LanceConfig`]; what it does is said by [`kv_api::Datastore`] and
//! [`kv_api::Transactable`].
//!
//! # What it guarantees
//! - A commit that was acknowledged survives power loss (under [`Durability::Immediate`], the default), and is visible whole or not
//!   at all.
//! - A transaction reads one point in time, and the first committer of a key wins; on request it is serializable.
//! - A damaged byte on disk gives an error or the right answer.
//! - A [change feed](kv_api::Datastore::changes) gives every commit once, whole and in order, or says that it is not retained.
//!
//! # Features
//! None is on by default: `sql` has a transaction as [tables of DataFusion](https://docs.rs/datafusion), `cbor` and
//! `msgpack` have its views decode such maps, `metrics` hands [figures](kv_api::Datastore::statistics) to the `metrics` facade,
//! and `cli` is the command `kv`, with `sql`.
//!
//! # It is not
//! - a server: one process at a time opens a store for writing; [others read](LanceDatastore::open_read_only) what it has flushed;
//! - for systems other than Unix with little-endian processors.

mod branch;
mod changes;
mod codec;
mod committer;
mod config;
mod core;
mod datastore;
mod diff;
pub mod files;
#[cfg(test)]
mod fuzzing;
mod journal;
mod layout;
mod lock;
mod maintenance;
mod memtable;
mod publish;
mod read;
mod read_only;
mod repair;
mod restore;
#[cfg(feature = "sql")]
pub mod sql;
mod statistics;
mod symlinks;
mod table;
mod tally;
mod transaction;
mod verify;
mod write;

pub use config::{CommitOn, Compression, Durability, LanceConfig};
pub use core::CompactOptions;
pub use datastore::LanceDatastore;
pub use diff::Difference;
pub use publish::{Adopted, Publication};
pub use repair::{Loss, RepairOptions, Repaired, repair};
pub use restore::{ChangedTable, restore};
pub use statistics::{LevelInfo, RunInfo};
pub use table::Restored;
pub use transaction::LanceTransaction;
pub use verify::{Damage, Verified, verify};

/// The contract, in the version that this crate implements.
pub use kv_api;

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The backend's name.
const KIND: &str = "kv-lance";
