//! The smallest backend that passes: `cargo run -p kv-conformance --example minimal`.

mod store;

use kv_conformance::Backend;

fn main() -> std::process::ExitCode {
    kv_conformance::run([Backend::memory("minimal", || async { Ok(store::Store::default()) })])
}
