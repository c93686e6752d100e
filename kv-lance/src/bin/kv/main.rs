//! `kv`: reads, writes and looks after a kv-lance store from a shell.

mod args;
mod branch;
mod changes;
mod diff;
mod doctor;
mod export;
mod failure;
mod format;
mod import;
mod levels;
mod logging;
mod manual;
mod operate;
mod output;
mod point;
mod publish;
mod read;
mod repair;
mod restore;
mod scan;
mod session;
mod shell;
mod sql;
mod stat;
mod tags;
mod target;
mod tour;
mod verify;
mod work;
mod write;

use args::{Args, Command, Work};
use failure::{Failure, Outcome};
use output::Output;
use session::Store;
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
            failure.say();
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(args: Args) -> Outcome {
    logging::begin(args.log_format)?;
    let mut out = Output::new(args.format());
    let store = &args.store;
    if args.read_only && !args.command.only_reads() {
        return Err(Failure::Usage("--read-only: this command needs a store that is open for writing".into()));
    }
    match args.command {
        Command::Work(command) if args.read_only => {
            work::work(&command, Store::ReadOnly(session::existing(store)?), &mut out).await
        }
        Command::Work(command) => {
            let makes_a_store = matches!(command, Work::Set(_) | Work::Import(_));
            let config = if makes_a_store { session::any(store) } else { session::existing(store) };
            work::work(&command, Store::Closed(config?), &mut out).await
        }
        Command::Restore(restore) => restore::restore(session::existing(store)?, &restore, &mut out).await,
        Command::Verify => verify::verify(session::existing(store)?, &mut out).await,
        Command::Repair(repair) => repair::repair(store, &repair, &mut out).await,
        Command::Shell => {
            let config = session::existing(store)?;
            let opened = if args.read_only { Store::ReadOnly(config.clone()) } else { Store::Closed(config.clone()) };
            shell::shell(opened, &config, &mut out).await
        }
        Command::Doctor => doctor::doctor(store, args.read_only, &mut out),
        Command::Tour(tour) => tour::tour(&tour, &mut out).await,
        Command::Completions(completions) => manual::completions(&completions, &mut out),
        Command::Man(man) => manual::pages(&man, &mut out),
    }?;
    Ok(out.flush()?)
}
