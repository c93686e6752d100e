//! The peers against the contract. A waiver is what a peer does otherwise, even with its adapter's help.

use kv_api::{Capabilities, Durability, Isolation};
use kv_conformance::Backend;
use kv_peers::{open_fjall, open_redb, open_surrealkv};
use std::process::ExitCode;

fn main() -> ExitCode {
    let durable = Durability::PowerLoss;
    let serializable = Capabilities::new(Isolation::Serializable).read_checks(true).durability(durable);
    let snapshot = Capabilities::new(Isolation::Snapshot).read_checks(true).durability(durable);
    let fjall = Backend::persistent("fjall", move |dir| async move { open_fjall(dir, durable) })
        .capabilities(serializable.clone())
        .waive(
            "refusals::a_key_of_the_greatest_size",
            "fjall stores keys of up to 65,535 bytes: one less than the contract",
        );
    let redb =
        Backend::persistent("redb", move |dir| async move { open_redb(dir, durable) }).capabilities(serializable);
    let surrealkv =
        Backend::persistent("surrealkv", move |dir| open_surrealkv(dir, durable)).capabilities(snapshot.clone());
    let backends = vec![fjall, redb, surrealkv];
    #[cfg(feature = "rocksdb")]
    let backends = {
        let mut backends = backends;
        let open = move |dir| async move { kv_peers::open_rocksdb(dir, durable) };
        backends.push(Backend::persistent("rocksdb", open).capabilities(snapshot));
        backends
    };
    kv_conformance::run(backends)
}
