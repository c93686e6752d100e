//! Micro-benchmarks of kv-lance alone: point reads, scans, SQL, commits, commits of many clients at once, and live queries. `cargo bench -p kv-bench`.

mod benchmarks;
mod live;

fn main() {
    benchmarks::main();
}
