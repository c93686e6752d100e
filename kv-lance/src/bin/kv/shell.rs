//! `kv shell`: commands from the standard input, one a line, in a store that stays open.

use crate::args::{Line, LineCommand};
use crate::changes::Watched;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::session::{Store, with_store};
use crate::work;
use clap::Parser;
use kv_api::Datastore;
use kv_lance::{LanceConfig, LanceDatastore};
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};

/// Goes on after a command that fails, whose failure is said at once; the last of them is the
/// outcome, unless the store cannot be shut down.
pub(crate) async fn shell(opened: Store<'_>, config: &LanceConfig, out: &mut Output) -> Outcome {
    with_store(opened, async |store| {
        let format = out.format;
        let mut last = Ok(());
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        let mut watched: Vec<Watched> = Vec::new();
        loop {
            prompt()?;
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(|e| Failure::File(format!("reading commands: {e}")))? == 0 {
                return Ok(last);
            }
            let Some(line) = parse(&line).transpose() else { continue };
            let done = match line {
                Ok(line) => {
                    out.format = line.format(format);
                    match &line.command {
                        LineCommand::Work(command) => work::work(command, Store::Open(store, config), out).await,
                        LineCommand::Refresh => refresh(store, out).await,
                        LineCommand::Watch(watch) => {
                            Watched::begin(store, watch, out.format).await.map(|begun| watched.push(begun))
                        }
                    }
                }
                Err(misuse) => Err(misuse),
            };
            // Also of a command that failed half way.
            let mut seen = Ok(());
            for watched in &mut watched {
                seen = seen.and(watched.print(store, out).await);
            }
            match done.and(seen).and_then(|()| Ok(out.flush()?)) {
                Err(failure) if failure.is_quiet() => return Err(failure),
                Err(missing @ Failure::NotFound(_)) => missing.say(),
                Err(failure) => {
                    failure.say();
                    last = Err(Failure::Said(failure.exit_code()));
                }
                Ok(()) => {}
            }
        }
    })
    .await?
}

/// Moves on to what another process has flushed since.
async fn refresh(store: &LanceDatastore, out: &mut Output) -> Outcome {
    let version = store.refresh().await?;
    Ok(out.say(format!("at version {version}"), json!({ "version": version }))?)
}

/// `None` where the line has no command.
fn parse(line: &[u8]) -> Outcome<Option<Line>> {
    let line = std::str::from_utf8(line).map_err(|_| Failure::Usage("a command is UTF-8 text; use --hex".into()))?;
    let words = shlex::split(line).ok_or_else(|| Failure::Usage("a quote is not closed".into()))?;
    if words.is_empty() {
        return Ok(None);
    }
    match Line::try_parse_from(words) {
        Ok(line) => Ok(Some(line)),
        Err(misuse) => {
            // In the words and on the stream of the command line: help is no misuse.
            let printed = misuse.print().map_err(Failure::Output);
            if misuse.use_stderr() { Err(Failure::Said(2)) } else { printed.map(|()| None) }
        }
    }
}

/// For a person.
fn prompt() -> Outcome {
    if io::stdin().is_terminal() {
        let mut screen = io::stderr();
        screen.write_all(b"kv> ").and_then(|()| screen.flush())?;
    }
    Ok(())
}
