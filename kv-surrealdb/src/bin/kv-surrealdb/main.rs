//! SurrealQL on a store of kv-lance, from a terminal or a pipe.

// What an optimised build of SurrealDB's futures asks for.
#![recursion_limit = "256"]

mod args;
mod shell;

use args::{Args, Command};
use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let Args { command: Command::Sql(sql) } = Args::parse();
    match shell::run(sql).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("kv-surrealdb: {e:#}");
            ExitCode::FAILURE
        }
    }
}
