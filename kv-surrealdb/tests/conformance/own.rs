//! SurrealDB's own backends, where `KV_SURREALDB_OWN` is set: what they do is not what a change
//! here has to pass, and some of it depends on the time of the day. With help as far as it goes:
//! without it an empty key, or an empty range, ends most cases.

use crate::adapter::Adapter;
use crate::transaction::Help;
use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use std::path::PathBuf;

/// Those that are compiled in.
pub(crate) fn backends() -> Vec<Backend> {
    let mut backends = Vec::new();
    if std::env::var_os("KV_SURREALDB_OWN").is_none() {
        return backends;
    }
    if cfg!(feature = "mem") {
        backends.push(memory());
    }
    if cfg!(feature = "surrealkv") {
        backends.push(surrealkv());
    }
    if cfg!(feature = "rocksdb") {
        backends.push(rocksdb());
    }
    backends
}

/// Safe time stamps are not declared: their answer is the time, and a router that goes by it passes
/// events over.
fn declared() -> Capabilities {
    Capabilities::new(Isolation::Snapshot).read_checks(true)
}

fn memory() -> Backend {
    let help = Help { passes_over_empty_ranges: true, safe_timestamps: false, ..Help::NONE };
    let backend = Backend::memory("memory", move || Adapter::open("memory", declared(), help)).capabilities(declared());
    waive(backend, &[ALL, HOLD])
        .waive("persistence::a_transaction_open_across_a_shutdown_cannot_commit", "commits go on after a shutdown")
}

fn surrealkv() -> Backend {
    let help = Help { prefix: b"k", passes_over_empty_ranges: true, safe_timestamps: false };
    waive(on_disk("surrealkv", help), &[ALL, HOLD, LOCKED_AFTER_A_DROP, SURREALKV])
}

fn rocksdb() -> Backend {
    let help = Help { safe_timestamps: false, ..Help::NONE };
    waive(on_disk("rocksdb", help), &[ALL, LOCKED_AFTER_A_DROP, ROCKSDB])
}

fn on_disk(scheme: &'static str, help: Help) -> Backend {
    let declared = declared().durability(Durability::PowerLoss);
    let capabilities = declared.clone();
    let open = move |dir: PathBuf| {
        let capabilities = capabilities.clone();
        async move { Adapter::open(&format!("{scheme}:{}", dir.display()), capabilities, help).await }
    };
    Backend::persistent(scheme, open).capabilities(declared).sequences(0.25)
}

/// Cases, and why they fail.
type Waivers = &'static [(&'static str, &'static str)];

const ALL: Waivers = &[
    ("refusals::reads_of_a_committed_transaction", STAMPED),
    ("refusals::reads_of_a_cancelled_transaction", STAMPED),
    ("refusals::unsupported_comes_before_finished", "some reads look at the transaction first"),
    ("refusals::a_key_that_is_too_long", "there is no limit"),
    ("refusals::a_value_that_is_too_long", "there is no limit"),
    ("persistence::no_transaction_begins_after_a_shutdown", BEGINS),
    ("cancellation::shutdown", BEGINS),
];

/// Of an unoptimised build: otherwise no scan takes long enough.
const HOLD: Waivers = if cfg!(debug_assertions) {
    &[
        ("giving_way::a_timer_beside_a_read_on_one_thread", HOLDS),
        ("giving_way::a_timer_beside_two_reads_on_two_threads", HOLDS),
    ]
} else {
    &[]
};

const LOCKED_AFTER_A_DROP: Waivers = &[
    ("persistence::commits_are_there_after_a_drop", LOCKED),
    ("persistence::an_empty_store_opens_again", LOCKED),
    ("persistence::a_flushed_store_opens_again", LOCKED),
    ("persistence::a_store_opens_many_times", LOCKED),
    ("cancellation::shutdown_and_drop", LOCKED),
];

const SURREALKV: Waivers = &[(
    "capabilities::versioned_reads_are_refused",
    "several keys at a version are answered, where there are none of them",
)];

const ROCKSDB: Waivers = &[
    ("persistence::a_transaction_open_across_a_shutdown_is_gone", LOCKED),
    ("persistence::the_files_are_free_after_a_shutdown", "a store stays locked after a shutdown, until it is dropped"),
];

const STAMPED: &str = "a finished transaction gives time stamps";
const BEGINS: &str = "transactions begin after a shutdown";
const HOLDS: &str = "a scan takes its thread to itself until it is through";
const LOCKED: &str = "a store that is dropped without a shutdown stays locked for a while";

fn waive(backend: Backend, waivers: &[Waivers]) -> Backend {
    waivers.iter().copied().flatten().fold(backend, |backend, (case, reason)| backend.waive(*case, *reason))
}
