//! The part of the machine that bounds a workload.

use crate::limits::Limits;
use crate::results::Run;
use crate::workload::{Durability, Kind, Memory, Workload};

/// Bytes of a key.
const KEY: f64 = 16.0;

/// What bounds `workload`, and how many operations a second that would allow.
pub(super) fn bound(workload: &Workload, limits: &Limits, run: &Run) -> Option<(&'static str, f64)> {
    let copies = |bytes: f64| ("memcpy", limits.memcpy_gb_s * 1e9 / bytes.max(1.0));
    let row = KEY + run.value_bytes as f64;
    let count = |n: u32| f64::from(n).min(run.rows as f64);
    if workload.pace.is_some() {
        return None;
    }
    match workload.kind {
        Kind::Commit if workload.durability == Durability::Immediate => Some(("fdatasync", 1e6 / limits.fdatasync_us)),
        Kind::Get if workload.memory != Memory::Warm => Some(("pread", 1e6 / limits.pread_us)),
        Kind::Commit | Kind::Get | Kind::Missing | Kind::AsOf => Some(("skip list get", 1e9 / limits.skiplist_get_ns)),
        Kind::Scan(n) => Some(copies(count(n) * row)),
        Kind::Keys(n) => Some(copies(count(n) * KEY)),
        Kind::Count => Some(copies(run.rows as f64 * KEY)),
        Kind::Load | Kind::Batch(_) => Some(copies(row)),
        Kind::AggregateRows | Kind::AggregateArrow | Kind::AggregateSql(_) => {
            Some(copies(run.rows as f64 * run.value_bytes as f64))
        }
        Kind::Size | Kind::Settle | Kind::Ycsb(_) | Kind::Steady(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::{run, workload};

    const LIMITS: Limits =
        Limits { fdatasync_us: 200.0, memcpy_gb_s: 10.0, pread_us: 1.0, miss_ns: 100.0, skiplist_get_ns: 500.0 };

    #[test]
    fn each_workload_has_its_bound() {
        let bound = |name| bound(&workload(name), &LIMITS, &run("a", name, 1, 1.0));
        assert_eq!(bound("commit-durable-1"), Some(("fdatasync", 5000.0)));
        assert_eq!(bound("get-hot"), Some(("skip list get", 2e6)));
        assert_eq!(bound("get-cold"), Some(("pread", 1e6)));
        assert_eq!(bound("scan-10"), Some(("memcpy", 1e10 / 1160.0)));
        assert_eq!(bound("ycsb-a"), None);
    }
}
