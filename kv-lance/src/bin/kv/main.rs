//! `kv`: reads, writes and looks after a kv-lance store from a shell.

mod args;
mod failure;
mod format;
mod import;
mod operate;
mod output;
mod read;
mod scan;
mod session;
mod tour;
mod write;

use args::{Args, Command};
use failure::{Failure, Outcome};
use output::Output;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::from_command_line();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Output)
        .and_then(|runtime| runtime.block_on(run(args)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                // There is nowhere left to say that even this failed.
                let _ = writeln!(std::io::stderr(), "kv: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(args: Args) -> Outcome {
    let mut out = Output::new(args.format());
    let store = &args.store;
    match args.command {
        Command::Get(get) => read::get(session::existing(store)?, &get, &mut out).await,
        Command::Count(count) => read::count(session::existing(store)?, &count, &mut out).await,
        Command::Scan(scan) => scan::scan(session::existing(store)?, &scan, &mut out).await,
        Command::Set(set) => write::set(session::any(store)?, &set, &mut out).await,
        Command::Del(del) => write::del(session::existing(store)?, &del, &mut out).await,
        Command::Import(import) => import::import(session::any(store)?, &import, &mut out).await,
        Command::Stat => operate::stat(session::existing(store)?, &mut out).await,
        Command::Flush => operate::flush(session::existing(store)?, &mut out).await,
        Command::Compact(compact) => operate::compact(session::existing(store)?, &compact, &mut out).await,
        Command::Restore => operate::restore(session::existing(store)?, &mut out).await,
        Command::Tour(tour) => tour::tour(&tour, &mut out).await,
    }?;
    Ok(out.flush()?)
}
