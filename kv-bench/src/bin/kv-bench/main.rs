//! Compares kv-lance with other engines, and with its own instruction counts.

mod compare;
mod engines;
mod live;
mod original;
mod peers;
mod ratchet;
mod report;
mod scarce;
mod spawn;
mod table;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Benchmarks of kv-lance.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures engines side by side and writes results.json, report.md and plots.
    Compare(compare::Arguments),
    /// Writes report.md and plots anew from a results.json.
    Report(report::Arguments),
    /// Counts the instructions of a get, a commit and a scanned row under valgrind, and compares them with ratchet.json.
    Ratchet(ratchet::Arguments),
    /// Measures what subscriptions of live queries cost commits, and how long after a commit they have it.
    Live(live::Arguments),
    /// Runs one workload of one engine; `compare` starts these.
    #[command(hide = true)]
    Worker {
        /// What to do, as JSON.
        job: String,
    },
    /// Runs so many operations of a kind; `ratchet` starts these.
    #[command(hide = true)]
    Slice(ratchet::Slice),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Live(arguments) => live::live(&arguments),
        Command::Ratchet(arguments) => ratchet::ratchet(&arguments),
        Command::Worker { job } => kv_bench::worker::serve(&job, engines::ENGINES),
        Command::Slice(slice) => ratchet::run(&slice),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("kv-bench: {e}");
            ExitCode::FAILURE
        }
    }
}
