//! The few lines of a comparison that a README has room for.

use super::markdown::figure;
use crate::results::Results;
use crate::summary::Comparison;
use crate::workload::{Options, Workload, table};
use std::fmt::Write as _;

/// What users ask about first, losses among it.
const WORKLOADS: &[&str] = &[
    "load",
    "get-hot",
    "get-cold",
    "scan-100",
    "aggregate-arrow",
    "commit-durable-1",
    "commit-durable-64",
    "ycsb-a",
    "ycsb-e",
    "size-json",
    "sustained",
];

/// Each as it comes.
const ENGINES: &[&str] = &["kv-lance", "rocksdb", "surrealkv", "fjall", "redb", "lmdb"];

/// A table of some workloads: the engines that were measured, the best of each line in bold.
pub fn excerpt(results: &Results) -> String {
    let ran = |engine: &&str| results.runs.iter().any(|run| run.engine == *engine);
    let engines: Vec<&str> = ENGINES.iter().copied().filter(ran).collect();
    let options = Options { clients: vec![1, 64], durability: None, sustained: true, steady_seconds: 600 };
    let workloads = table(&options);
    let mut out = format!("| | {} |\n|---|{}\n", engines.join(" | "), "--:|".repeat(engines.len()));
    for workload in WORKLOADS.iter().filter_map(|name| workloads.iter().find(|workload| workload.name == *name)) {
        let _ = writeln!(out, "| {} | {} |", workload.title, cells(results, &engines, workload).join(" | "));
    }
    out
}

fn cells(results: &Results, engines: &[&str], workload: &Workload) -> Vec<String> {
    let comparison = Comparison::of(&results.runs, engines, workload);
    let best = comparison.best(engines);
    let cell = |engine: &&str| match comparison.line(engine) {
        Some(line) if best == Some(*engine) => format!("**{}**", figure(workload, line)),
        Some(line) => figure(workload, line),
        None => "–".into(),
    };
    engines.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::markdown::tests::results;

    const UPDATE: &str = "KV_BENCH_UPDATE_DOCS";

    #[test]
    fn the_best_of_a_line_is_in_bold_and_what_was_not_measured_a_dash() {
        let table = excerpt(&results(100.0));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.first(), Some(&"| | kv-lance | rocksdb | redb |"), "{table}");
        assert!(lines.contains(&"| point get, hot | 1,000,000/s | 500,000/s | **2,000,000/s** |"), "{table}");
        assert!(lines.contains(&"| YCSB A | – | – | – |"), "{table}");
    }

    /// The README's table is that of the last comparison, `docs/benchmarks/results.json`.
    #[test]
    #[expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
    fn the_readme_shows_the_last_comparison() {
        // As the test runs, not as it was built: checkouts may share a target folder.
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is") + "/..";
        let results = std::fs::read_to_string(format!("{root}/docs/benchmarks/results.json")).expect("it is there");
        let table = excerpt(&serde_json::from_str(&results).expect("results.json has the shape of its type"));
        let readme = std::fs::read_to_string(format!("{root}/README.md")).expect("it is there");
        let (begin, end) = ("<!-- measured -->\n", "<!-- /measured -->");
        let (before, rest) = readme.split_once(begin).expect("README.md marks where the table begins");
        let (shown, after) = rest.split_once(end).expect("README.md marks where the table ends");
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(format!("{root}/README.md"), format!("{before}{begin}{table}{end}{after}"))
                .expect("writable");
        } else if shown != table {
            panic!("the table in README.md is out of date: run the tests with {UPDATE}=1");
        }
    }
}
