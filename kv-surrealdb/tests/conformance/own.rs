//! SurrealDB's own backends. With help as far as it goes: without it an empty key, or an empty range, ends most cases.

use crate::adapter::Adapter;
use crate::transaction::Help;
use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use std::path::PathBuf;

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

/// Safe time stamps are not declared: their answer is the time, and a router that goes by it passes events over.
fn declared() -> Capabilities {
    Capabilities::new(Isolation::Snapshot).read_checks(true)
}

fn memory() -> Backend {
    let help = Help { passes_over_empty_ranges: true, safe_timestamps: false, ..Help::NONE };
    waive(Backend::memory("memory", move || Adapter::open("memory", declared(), help)).capabilities(declared()))
}

fn surrealkv() -> Backend {
    let help = Help { prefix: b"k", passes_over_empty_ranges: true, safe_timestamps: false };
    let declared = declared().durability(Durability::PowerLoss);
    let capabilities = declared.clone();
    let open = move |dir: PathBuf| {
        let capabilities = capabilities.clone();
        async move { Adapter::open(&format!("surrealkv:{}", dir.display()), capabilities, help).await }
    };
    waive(Backend::persistent("surrealkv", open).capabilities(declared).sequences(0.25))
}

fn waive(backend: Backend) -> Backend {
    backend
}
