//! The table of workloads. Reads come before the writes that change what they read.

use super::{Durability, Kind, Memory, Mix, Options, Over, Store, Workload};

/// Durable commits that arrive in a second: a third of what one sync after the other allows on a good day.
const COMMITS_PER_S: u32 = 2000;

/// Operations of YCSB B that arrive in a second.
const YCSB_PER_S: u32 = 5000;

/// Clients that wait for what arrives.
const WAITING: u32 = 64;

/// Clients of the steady workload.
const STEADY_CLIENTS: u32 = 8;

/// How many times as long as others a sustained workload goes on: two minutes where the others take a second.
const SUSTAINED: u32 = 120;

/// Rows of a steady transaction.
const STEADY_ROWS: u64 = 4;

/// Every workload, in the order in which they run. `options` decide on clients and on the durability of those workloads
/// that are not about it.
pub fn table(options: &Options) -> Vec<Workload> {
    let usual = options.durability.unwrap_or(Durability::Eventual);
    let mut all = vec![
        Workload { durability: usual, ..line("load", "bulk load in batches of 1000, rows", Kind::Load) },
        line("get-hot", "point get, hot", Kind::Get),
        line("get-missing", "missing key", Kind::Missing),
        line("scan-10", "scan of 10 rows", Kind::Scan(10)),
        line("scan-100", "scan of 100 rows", Kind::Scan(100)),
        line("scan-10k", "scan of 10,000 rows", Kind::Scan(10_000)),
        line("count", "count of all rows", Kind::Count),
        line("aggregate-rows", "greatest of all values, row by row", Kind::AggregateRows),
        line("aggregate-arrow", "greatest of all values, through Arrow", Kind::AggregateArrow),
        Workload {
            stand_in: Some("aggregate-rows".into()),
            ..line("aggregate-sql", "greatest of all values, by SQL over the files", Kind::AggregateSql(Over::Files))
        },
        Workload {
            stand_in: Some("aggregate-rows".into()),
            ..line("aggregate-store", "greatest of all values, by SQL over the store", Kind::AggregateSql(Over::Store))
        },
        Workload { memory: Memory::Cold, ..line("get-cold", "point get, cold", Kind::Get) },
        Workload {
            stand_in: Some("get-hot".into()),
            ..line("get-as-of", "point get at a version in the past", Kind::AsOf)
        },
        Workload { durability: usual, ..line("batch-1000", "batches of 1000 random rows, rows", Kind::Batch(1000)) },
        line("commit-eventual", "non-durable commit, 1 client", Kind::Commit),
    ];
    all.extend(options.clients.iter().map(|clients| Workload {
        clients: *clients,
        durability: Durability::Immediate,
        ..line(&format!("commit-durable-{clients}"), &clients_title(*clients), Kind::Commit)
    }));
    all.push(Workload {
        clients: WAITING,
        durability: Durability::Immediate,
        pace: Some(COMMITS_PER_S),
        ..line("paced-commit", &format!("durable commits, {COMMITS_PER_S} arrive in a second"), Kind::Commit)
    });
    let mixes = [("a", Mix::A), ("b", Mix::B), ("c", Mix::C), ("d", Mix::D), ("e", Mix::E), ("f", Mix::F)];
    all.extend(mixes.map(|(name, mix)| Workload {
        durability: usual,
        ..line(&format!("ycsb-{name}"), &format!("YCSB {mix:?}"), Kind::Ycsb(mix))
    }));
    all.push(Workload {
        clients: WAITING,
        durability: usual,
        pace: Some(YCSB_PER_S),
        ..line("paced-ycsb-b", &format!("YCSB B, {YCSB_PER_S} operations arrive in a second"), Kind::Ycsb(Mix::B))
    });
    let wide = |name, title, kind| Workload { store: Store::Wide, ..line(name, title, kind) };
    all.extend([
        Workload { durability: usual, ..wide("load-1k", "bulk load, values of 1 KiB, rows", Kind::Load) },
        wide("keys-1k", "key-only scan of 1000, values of 1 KiB", Kind::Keys(1000)),
        Workload { store: Store::Documents, ..line("size-json", "size on disk, JSON documents", Kind::Size) },
    ]);
    if options.sustained {
        let sustained = line("sustained", "sustained random writes in batches of 100, rows", Kind::Batch(100));
        all.push(Workload { durability: usual, duration_factor: SUSTAINED, ..sustained });
        all.push(line("settle", "compaction of what that left", Kind::Settle));
        let large = |name, title, kind| Workload { store: Store::Large, ..line(name, title, kind) };
        all.extend([
            Workload {
                durability: usual,
                ..large("load-large", "bulk load, 1 KiB values, large store, rows", Kind::Load)
            },
            Workload { memory: Memory::Scarce, ..large("get-scarce", "point get, a third of the memory", Kind::Get) },
            Workload {
                memory: Memory::Scarce,
                ..large("scan-scarce", "scan of 100, a third of the memory", Kind::Scan(100))
            },
        ]);
    }
    all.push(Workload {
        durability: usual,
        clients: STEADY_CLIENTS,
        seconds: Some(options.steady_seconds),
        ..line("steady", "steady state: half reads, half updates of 4 popular rows", Kind::Steady(STEADY_ROWS))
    });
    all
}

fn clients_title(clients: u32) -> String {
    match clients {
        1 => "durable commit, 1 client".into(),
        _ => format!("durable commit, {clients} clients"),
    }
}

fn line(name: &str, title: &str, kind: Kind) -> Workload {
    Workload {
        name: name.into(),
        title: title.into(),
        kind,
        store: Store::Main,
        clients: 1,
        durability: Durability::Eventual,
        memory: Memory::Warm,
        pace: None,
        stand_in: None,
        duration_factor: 1,
        seconds: None,
    }
}
