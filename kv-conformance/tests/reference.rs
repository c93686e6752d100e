//! The suites accept the reference store.

use kv_api::{Capabilities, HybridClock, Isolation, Result};
use kv_conformance::{Backend, Disk, Reference, Settle};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

/// So that the suites for persistent stores have a store to accept.
async fn from_disk(dir: PathBuf, capabilities: Capabilities) -> Result<Reference> {
    static DISK: LazyLock<Disk> = LazyLock::new(Disk::default);
    Ok(DISK.open(&dir, || Reference::new().capabilities(capabilities)))
}

fn main() -> ExitCode {
    let full = || {
        Capabilities::new(Isolation::Serializable)
            .versioned_reads(true)
            .read_checks(true)
            .change_feed(true)
            .safe_timestamps(true)
            .tags(true)
            .branches(true)
            .readers(true)
    };
    let least = || Capabilities::new(Isolation::Snapshot);
    let erasing = move || full().erases_history(true);
    kv_conformance::run([
        Backend::memory("reference", || async { Ok(Reference::new()) }).capabilities(full()),
        Backend::memory("reference-least", move || async move { Ok(Reference::new().capabilities(least())) })
            .capabilities(least()),
        Backend::memory("reference-erasing", move || async move {
            Ok(Reference::new().capabilities(erasing()).source(Arc::new(HybridClock::new())))
        })
        .capabilities(erasing()),
        Backend::memory("reference-pruning", || async {
            Ok(Reference::new().prune_on_compact(true).whole_backlogs(true))
        })
        .capabilities(full()),
        Backend::persistent("reference-reopen", move |dir| from_disk(dir, erasing()))
            .capabilities(erasing())
            .settle(Settle::Reopen),
        Backend::persistent("reference-flush", move |dir| from_disk(dir, full()))
            .capabilities(full())
            .settle(Settle::Flush),
    ])
}
