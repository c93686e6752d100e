//! The peers against the contract. A waiver is what a peer does otherwise, even with its adapter's help.

use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use kv_peers::{Tuning, open_fjall, open_lmdb, open_redb, open_surrealkv};
use std::process::ExitCode;

fn main() -> ExitCode {
    let durable = Durability::PowerLoss;
    // Tens of thousands of stores are opened: none of them allocates what it does not use.
    let tuning = Tuning::new(durable).memtable_bytes(1 << 20).cache_bytes(8 << 20).preallocate_log(false);
    let serializable = Capabilities::new(Isolation::Serializable).read_checks(true).durability(durable);
    let snapshot = Capabilities::new(Isolation::Snapshot).read_checks(true).durability(durable);
    let short = "fjall stores keys of up to 65,535 bytes: one less than the contract";
    let fjall = Backend::persistent("fjall", move |dir| async move { open_fjall(dir, tuning) })
        .capabilities(serializable.clone())
        .waive("refusals::a_key_of_the_greatest_size", short)
        .waive("property::sizes", short);
    let redb = Backend::persistent("redb", move |dir| async move { open_redb(dir, tuning) })
        .capabilities(serializable.clone());
    let short = "LMDB stores keys of up to 511 bytes; the contract's longest has 65,536";
    let lmdb = Backend::persistent("lmdb", move |dir| async move { open_lmdb(dir, tuning) })
        .capabilities(serializable)
        .waive("refusals::a_key_of_the_greatest_size", short)
        .waive("large::long_keys_with_a_shared_prefix", short)
        .waive("property::sizes", short);
    let surrealkv =
        Backend::persistent("surrealkv", move |dir| open_surrealkv(dir, tuning)).capabilities(snapshot.clone());
    let backends = vec![fjall, redb, lmdb, surrealkv];
    #[cfg(feature = "rocksdb")]
    let backends = {
        let mut backends = backends;
        let open = move |dir| async move { kv_peers::open_rocksdb(dir, tuning) };
        // Each of its stores allocates a million locks, which takes 20 ms and more; the crate has no setting for it.
        backends.push(Backend::persistent("rocksdb", open).capabilities(snapshot).sequences(0.25));
        backends
    };
    kv_conformance::run(backends)
}
