//! What a fault looks like: `cargo run -p kv-conformance --example broken`. The store of the example `minimal`, but a commit does
//! not check the keys that it deletes. `docs/conformance.md` shows the report.

mod store;

use kv_conformance::Backend;

fn main() -> std::process::ExitCode {
    kv_conformance::run([Backend::memory("broken", || async {
        Ok(store::Store { forgets_deletes: true, ..Default::default() })
    })])
}
