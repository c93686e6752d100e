//! Micro-benchmarks of kv-lance alone: point reads, scans, SQL, commits, and commits of many clients at once. `cargo bench -p kv-bench`.

mod benchmarks;

fn main() {
    benchmarks::main();
}
