//! Tries to break a store for as long as one likes.

mod backends;
mod soak;

use clap::{Args, Parser, Subcommand};
use kv_conformance::crash::{CrashLoop, Tally, child, witness};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often it says how far it is.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tries to break kv-lance.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kills processes that write to a store, and verifies what they leave.
    Crash(Crash),
    /// Has clients write and read among faults of the file system that take turns, and looks whether all stays right and flat.
    Run(soak::Arguments),
    /// Verifies what a machine has left that stopped while a process wrote; see `scripts/witness`.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// The store.
    #[arg(long)]
    store: PathBuf,
    /// The configuration that it was written with.
    #[arg(long)]
    backend: String,
    /// The seed that it was written with.
    #[arg(long)]
    seed: u64,
    /// What the process had said before the machine stopped: all of that must be there.
    #[arg(long)]
    promised: PathBuf,
    /// What it had said when the machine had stopped: no more than that, and what was under way, may be there.
    #[arg(long)]
    heard: PathBuf,
}

#[derive(Debug, Args)]
struct Crash {
    /// How many processes are killed.
    #[arg(long, default_value_t = 25)]
    loops: u64,
    /// Decides what is written and, as far as the machine allows, when the processes are killed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The configurations that take turns: all of them, or one or several by name.
    #[arg(long, value_delimiter = ',')]
    backend: Vec<String>,
    /// Where the stores are. Default = a temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    // A crashed process is this program once more.
    if let Some(ended) = child(&backends::all()) {
        return ended;
    }
    let ended = match Cli::parse().command {
        Command::Crash(arguments) => crash(&arguments).map(|tally| tally.to_string()),
        Command::Run(arguments) => soak::run(&arguments),
        Command::Check(arguments) => check(&arguments),
    };
    match ended {
        Ok(told) => {
            println!("passed: {told}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("FAILED: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn check(arguments: &Check) -> Result<String, String> {
    let backends = backends::named(std::slice::from_ref(&arguments.backend))?;
    let backend = backends.first().ok_or("there is no backend")?;
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("reading {}: {e}", path.display()));
    let (promised, heard) = (read(&arguments.promised)?, read(&arguments.heard)?);
    let (promised, found) = witness(backend, &arguments.store, arguments.seed, (&promised, &heard))?;
    Ok(format!("{promised} transactions promised, {found} found"))
}

fn crash(arguments: &Crash) -> Result<Tally, String> {
    let backends = backends::named(&arguments.backend)?;
    let temporary = tempfile::tempdir().map_err(|e| format!("making a temporary folder: {e}"))?;
    let dir = arguments.dir.clone().unwrap_or_else(|| temporary.path().into());
    let started = Instant::now();
    let mut said = started;
    let ended = CrashLoop::new(backends, dir).loops(arguments.loops).seed(arguments.seed).run(|tally| {
        if said.elapsed() >= INTERVAL {
            said = Instant::now();
            eprintln!("{} s: {tally}", started.elapsed().as_secs());
        }
    });
    if ended.is_err() {
        // The error names the store that shows it.
        drop(temporary.keep());
    }
    ended
}
