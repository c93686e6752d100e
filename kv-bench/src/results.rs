//! The shape of `results.json`.

use crate::limits::Limits;
use crate::machine::Machine;
use serde::{Deserialize, Serialize};

/// A whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// What the machine could do before.
    pub limits_before: Limits,
    /// And after.
    pub limits_after: Limits,
    /// One entry for each engine, workload and repetition.
    pub runs: Vec<Run>,
    /// What went otherwise than it should have.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One engine in one workload, once. What could not be measured is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The engine's name.
    pub engine: String,
    /// What its transactions are protected from.
    pub isolation: String,
    /// The workload's name.
    pub workload: String,
    /// Rows of the store before the workload.
    pub rows: u64,
    /// The size of a value.
    pub value_bytes: u64,
    /// Clients at once.
    pub clients: u32,
    /// `immediate` or `eventual`.
    pub durability: String,
    /// Which repetition, from 1.
    pub run: u32,
    /// Operations in a second of all clients together; rows, where the workload loads or writes batches.
    pub ops_per_s: f64,
    /// The median latency of a commit, read or scan.
    pub p50_us: f64,
    /// The latency that one in a hundred exceeds.
    pub p99_us: f64,
    /// The latency that one in a thousand exceeds.
    pub p999_us: f64,
    /// Bytes that the process handed to the medium, closing included.
    pub bytes_written: Option<u64>,
    /// Syncs for 1000 operations, counted in an extra run of fewer under `strace`; the same in every repetition.
    pub fsyncs: Option<u64>,
    /// Resident memory of the process at the end of the workload.
    pub rss_mb: Option<f64>,
    /// Processor seconds of the workload.
    pub cpu_s: Option<f64>,
    /// The space that the store takes after it was closed.
    pub disk_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_exactly_these_fields() {
        let run = Run {
            engine: "kv-lance".into(),
            isolation: "snapshot".into(),
            workload: "get-hot".into(),
            rows: 1,
            value_bytes: 100,
            clients: 1,
            durability: "eventual".into(),
            run: 1,
            ops_per_s: 1.0,
            p50_us: 1.0,
            p99_us: 1.0,
            p999_us: 1.0,
            bytes_written: None,
            fsyncs: None,
            rss_mb: Some(1.0),
            cpu_s: Some(1.0),
            disk_bytes: Some(1),
        };
        let text = serde_json::to_string(&run).unwrap_or_default();
        let names: Vec<&str> = text.split('"').filter(|part| text.contains(&format!("\"{part}\":"))).collect();
        assert_eq!(
            names,
            "engine isolation workload rows value_bytes clients durability run ops_per_s p50_us p99_us p999_us \
             bytes_written fsyncs rss_mb cpu_s disk_bytes"
                .split(' ')
                .collect::<Vec<_>>()
        );
        assert!(text.contains("\"fsyncs\":null"), "what was not measured is null");
    }
}
