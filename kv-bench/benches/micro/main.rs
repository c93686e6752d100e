//! Micro-benchmarks of kv-lance alone: point reads, scans, commits, and commits of many clients at once.
//!
//! `cargo bench -p kv-bench --features micro`. Criterion is behind a feature because it asks for a feature of serde that Lance
//! does not: with it, Lance is compiled once more.

#[cfg(feature = "micro")]
mod benchmarks;

fn main() {
    #[cfg(feature = "micro")]
    benchmarks::main();
    #[cfg(not(feature = "micro"))]
    eprintln!("the micro-benchmarks are there with a feature: cargo bench -p kv-bench --features micro");
}
