//! What a fault looks like: `cargo run -p kv-conformance --example broken`. The store of the example `backend`, but a
//! commit does not check the keys that it deletes. `docs/conformance.md` shows the report.

#[path = "backend.rs"]
#[allow(dead_code, reason = "it has a main of its own")]
mod backend;

use kv_conformance::Backend;

fn main() -> std::process::ExitCode {
    kv_conformance::run([Backend::memory("broken", || async {
        Ok(backend::Store { forgets_deletes: true, ..Default::default() })
    })])
}
