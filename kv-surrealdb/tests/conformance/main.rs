//! kv-lance under SurrealDB's traits keeps the contract of kv-api, and so do SurrealDB's own
//! backends as far as said here.
//!
//! The stores are opened by SurrealDB's registry and used through SurrealDB's traits alone: an
//! adapter the other way makes a `kv_api::Datastore` of them. What the two interfaces cannot say to
//! each other is waived, with the reason.

mod adapter;
mod error;
mod own;
mod transaction;

use adapter::Adapter;
use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::{Backend, Settle};
use std::path::PathBuf;
use std::process::ExitCode;
use transaction::Help;

/// A store that is opened this often is slow to test.
const FEWER: f64 = 0.25;

/// Memtables that fill and blocks that end within the data of a case.
const SMALL: &str = "?memtable_bytes=1KiB&partition_bytes=1KiB&block_bytes=256";

fn main() -> ExitCode {
    let mut backends = vec![
        lance("lance", ""),
        lance("lance-small", SMALL),
        lance("lance-reopen", "").settle(Settle::Reopen),
        lance("lance-unversioned", "?versioned=false"),
    ];
    backends.extend(own::backends());
    kv_conformance::run(backends)
}

fn lance(name: &str, parameters: &'static str) -> Backend {
    let versioned = !parameters.contains("versioned=false");
    let declared = Capabilities::new(Isolation::Snapshot)
        .read_checks(true)
        .safe_timestamps(true)
        .versioned_reads(versioned)
        .erases_history(versioned)
        .durability(Durability::PowerLoss);
    let capabilities = declared.clone();
    let open = move |dir: PathBuf| {
        let path = format!("lance:{}{parameters}", dir.display());
        let capabilities = capabilities.clone();
        async move { Adapter::open(&path, capabilities, Help::NONE).await }
    };
    let backend = Backend::persistent(name, open).capabilities(declared).sequences(FEWER);
    if !versioned {
        return backend;
    }
    let no_version = "SurrealDB's transactions do not say which version their commit got";
    backend.waive("versions::a_commit_knows_its_version", no_version)
}
