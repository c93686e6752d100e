//! SurrealDB's own backends.

use crate::adapter::Adapter;
use kv_api::{Capabilities, Isolation};
use kv_conformance::Backend;

/// Those that are compiled in.
pub(crate) fn backends() -> Vec<Backend> {
    let mut backends = Vec::new();
    if cfg!(feature = "mem") {
        backends.push(memory());
    }
    if cfg!(feature = "surrealkv") {
        backends.push(surrealkv());
    }
    backends
}

fn declared() -> Capabilities {
    Capabilities::new(Isolation::Snapshot).read_checks(true).safe_timestamps(true)
}

fn memory() -> Backend {
    Backend::memory("surrealdb-memory", || Adapter::open("memory", declared())).capabilities(declared())
}

fn surrealkv() -> Backend {
    let declared = declared().durability(kv_api::Durability::PowerLoss);
    let capabilities = declared.clone();
    let open = move |dir: std::path::PathBuf| {
        let capabilities = capabilities.clone();
        async move { Adapter::open(&format!("surrealkv:{}", dir.display()), capabilities).await }
    };
    Backend::persistent("surrealdb-surrealkv", open).capabilities(declared).sequences(0.25)
}
