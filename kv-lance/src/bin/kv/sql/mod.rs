//! `kv sql`: queries over what the store holds, in one transaction.

mod commands;
mod editor;
mod history;
mod interrupt;
mod parquet;
mod queries;
mod rows;
mod shell;
mod statements;
mod text;
mod watch;
mod words;

use crate::args::{self, NamedPattern, Sql, SqlFormat};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::session::{Store, with_store};
use crate::target::{Target, is_stdout};
use kv_api::TransactionOptions;
use kv_lance::LanceDatastore;
use kv_lance::sql::datafusion::error::DataFusionError;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use kv_lance::sql::{Encoding, Json, KvTable, Maps, Undecodable, View};
use queries::Queries;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

/// So many values say what fields a view has.
const SAMPLE: usize = 1000;

pub(crate) async fn sql(store: Store<'_>, args: &Sql, out: &mut Output) -> Outcome {
    let format = out.format;
    let shape = args.format.unwrap_or(if format.json { SqlFormat::Json } else { SqlFormat::Table });
    let path = args.out.as_deref();
    let on_terminal = path.is_none_or(is_stdout) && io::stdout().is_terminal();
    let asks = args.query.is_none() && io::stdin().is_terminal();
    check(shape, path, on_terminal, asks)?;
    with_store(store, async |store| {
        let session = session(store, args).await?;
        if asks {
            return shell::ask(session, shape, on_terminal, out).await;
        }
        let text = match &args.query {
            Some(query) => query.clone(),
            None => io::read_to_string(io::stdin().lock()).map_err(reading_input)?,
        };
        if shape == SqlFormat::Parquet && statements::count(&text) != 1 {
            return Err(Failure::Usage("--format parquet takes one query: a file holds the rows of one".into()));
        }
        let named = |failure| match (failure, path) {
            (Failure::Output(error), Some(path)) if !is_stdout(path) => writing(path, error),
            (failure, _) => failure,
        };
        let path = path.unwrap_or(Path::new("-"));
        let mut target = Target::create(path, out).map_err(|error| writing(path, error))?;
        let mut queries = Queries { session: &session, shape, format, on_terminal, interrupt: None, out: &mut target };
        queries.run_all(&text).await.map_err(named)?;
        // While the store is open, so that a reader who left is noticed before the shutdown.
        target.end().map_err(Failure::Output).map_err(named)
    })
    .await
}

/// What cannot be asked for together.
fn check(shape: SqlFormat, out: Option<&Path>, on_terminal: bool, asks: bool) -> Outcome {
    let refused = match shape {
        _ if asks && out.is_some() => {
            "--out takes what a query finds; give the query, or queries on the standard input"
        }
        SqlFormat::Parquet if asks => "--format parquet takes one query, as an argument or on the standard input",
        SqlFormat::Arrow | SqlFormat::Parquet if on_terminal => {
            "--format arrow and parquet are bytes, which a terminal cannot show: give --out FILE, or redirect the output"
        }
        _ => return Ok(()),
    };
    Err(Failure::Usage(refused.into()))
}

async fn session(store: &LanceDatastore, args: &Sql) -> Outcome<SessionContext> {
    let tx = Arc::new(store.transaction(TransactionOptions::read())?);
    let session = kv_lance::sql::session(tx.clone()).map_err(failed)?;
    let at = args.at.version(store).await?;
    if let Some(version) = at {
        session.deregister_table("kv").map_err(failed)?;
        session.register_table("kv", Arc::new(KvTable::at(tx.clone(), version))).map_err(failed)?;
    }
    for NamedPattern { name, pattern } in &args.views {
        let prefix = pattern.split_once('{').map_or(&**pattern, |(prefix, _)| prefix);
        let view = match args.values {
            args::Values::Json => View::new(pattern, Json::inferred(&tx, prefix, SAMPLE).await?),
            args::Values::Cbor => View::new(pattern, Maps::inferred(Encoding::Cbor, &tx, prefix, SAMPLE).await?),
            args::Values::Msgpack => {
                View::new(pattern, Maps::inferred(Encoding::MessagePack, &tx, prefix, SAMPLE).await?)
            }
        };
        let view = view?.undecodable(match args.undecodable {
            args::Undecodable::Error => Undecodable::Error,
            args::Undecodable::Null => Undecodable::Null,
            args::Undecodable::Skip => Undecodable::Skip,
        });
        let table = match at {
            Some(version) => view.table_at(tx.clone(), version),
            None => view.table(tx.clone()),
        };
        session.register_table(name.as_str(), Arc::new(table)).map_err(failed)?;
    }
    Ok(session)
}

fn reading_input(error: io::Error) -> Failure {
    Failure::File(format!("reading queries from the standard input: {error}"))
}

fn writing(path: &Path, error: io::Error) -> Failure {
    Failure::File(format!("writing {}: {error}", path.display()))
}

/// What the store says goes before what DataFusion makes of it; all else is the query's fault.
fn failed(error: DataFusionError) -> Failure {
    match error.find_root() {
        DataFusionError::External(source) if source.is::<kv_api::Error>() => Failure::Query(one_line(&error)),
        _ => Failure::Usage(one_line(&error)),
    }
}

/// DataFusion's errors have lines, and some are empty.
fn one_line(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
