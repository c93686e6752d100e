//! The merge-insert baseline against the contract, as far as it goes: `cargo test -p kv-bench --test original`. Not a
//! part of `cargo test`, for it links Lance once more, and each of its commits is slow.

#[path = "../src/bin/kv-bench/original/mod.rs"]
mod original;

use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use std::process::ExitCode;

fn main() -> ExitCode {
    let declared = Capabilities::new(Isolation::Snapshot).durability(Durability::ProcessCrash);
    let open = |dir: std::path::PathBuf| async move { original::Original::open(&dir).await };
    kv_conformance::run([Backend::persistent("original", open).capabilities(declared).sequences(0.02)])
}
