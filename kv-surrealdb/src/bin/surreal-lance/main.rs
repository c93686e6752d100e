//! SurrealDB's command `surreal`, whose server opens stores of kv-lance:
//! `surreal-lance start --user root --pass secret lance:///srv/surreal`.

// What an optimised build of SurrealDB's futures asks for.
#![recursion_limit = "256"]

use std::process::ExitCode;

fn main() -> ExitCode {
    kv_surrealdb::serve()
}
