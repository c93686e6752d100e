//! Other embedded stores behind the contract of [`kv_api`]: to compare kv-lance with, and to certify with the same suites.
//!
//! | store | isolation | how its commits are checked |
//! |---|---|---|
//! | [`open_fjall`] | serializable | by fjall: keys and ranges read are registered with its transaction |
//! | [`open_lmdb`], [`open_redb`] | serializable | by the adapter's [`Ledger`]: they have one writer at a time and check nothing |
//! | [`open_surrealkv`] | snapshot, and checked reads of single keys | by SurrealKV |
//! | `open_rocksdb` (feature `rocksdb`) | snapshot, and checked reads of single keys | by RocksDB's `OptimisticTransactionDB` |
//!
//! What they have in common is [`Optimistic`]: writes and save points are kept in memory on top of a snapshot of the
//! engine, scans merge the two, and a commit hands the engine everything at once. An engine is an [`Engine`]. All of them are opened
//! with the same budgets, a [`Tuning`]; what each makes of it is in the README.
//!
//! None of them answers reads at a version. [`open_surrealkv_versioned`] keeps versions all the same, for their cost. The engines' calls block, and so do the adapters: a commit
//! keeps its thread until the engine has synced, because a thread of its own would add a round trip to every commit.
//!
//! `fjall_database`, `lmdb_environment` and their like open the same files for calls past the adapter.

mod encoding;
mod engine;
mod ledger;
mod optimistic;
mod stores;
mod tuning;

pub use engine::{Checks, Commit, Engine, Rows, Snapshot};
pub use ledger::{Ledger, Ticket};
pub use optimistic::Optimistic;
pub use stores::{
    Fjall, Lmdb, LmdbRows, REDB_TABLE, Redb, Surreal, fjall_database, fjall_persistence, lmdb_environment, open_fjall,
    open_lmdb, open_redb, open_surrealkv, open_surrealkv_versioned, redb_database, redb_durability,
    surrealkv_durability, surrealkv_tree,
};
#[cfg(feature = "rocksdb")]
pub use stores::{Rocks, open_rocksdb, rocksdb_database, rocksdb_writes};
pub use tuning::Tuning;

// For calls past the adapters: the very versions that they are built on.
#[cfg(feature = "rocksdb")]
pub use ::rocksdb;
pub use {::fjall, ::heed, ::redb, ::surrealkv};
