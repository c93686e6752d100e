//! Queries that a person types.

use super::commands::{Command, HELP, command};
use super::editor::Lines;
use super::failed;
use super::interrupt::Interrupt;
use super::queries::Queries;
use super::words::words;
use crate::args::SqlFormat;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use std::borrow::Cow;

const TABLES: &str = "SELECT table_name AS name, \
    string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) AS columns \
    FROM information_schema.columns WHERE table_schema = 'public' GROUP BY name ORDER BY name";

/// Runs what is typed until its end, and goes on after what fails.
pub(super) async fn ask(session: SessionContext, shape: SqlFormat, on_terminal: bool, out: &mut Output) -> Outcome {
    let mut lines = Lines::new(words(&session).await.map_err(failed)?, on_terminal)?;
    let done = answer(&mut lines, session, shape, on_terminal, out).await;
    lines.keep();
    done
}

async fn answer(
    lines: &mut Lines,
    session: SessionContext,
    shape: SqlFormat,
    on_terminal: bool,
    out: &mut Output,
) -> Outcome {
    let interrupt = Interrupt::new().map_err(|e| Failure::File(format!("watching for Ctrl-C: {e}")))?;
    while let Some(typed) = lines.next()? {
        let done = match command(&typed).transpose() {
            Ok(Some(Command::Quit)) => return Ok(()),
            Ok(Some(Command::Help)) => out.line(HELP).map_err(Failure::Output),
            Ok(asked) => {
                let (shape, text): (_, Cow<'_, str>) = match asked {
                    Some(Command::Tables) => (SqlFormat::Table, TABLES.into()),
                    Some(Command::Columns(table)) => (SqlFormat::Table, format!("DESCRIBE {table}").into()),
                    _ => (shape, typed.as_str().into()),
                };
                let (format, interrupt) = (out.format, Some(&interrupt));
                let mut queries =
                    Queries { session: &session, shape, format, on_terminal, interrupt, out: out.bytes() };
                queries.run_all(&text).await
            }
            Err(unknown) => Err(unknown),
        };
        match done.and_then(|()| Ok(out.flush()?)) {
            Err(failure) if failure.is_quiet() => return Err(failure),
            Err(failure) => {
                // What was printed before it comes first on the screen too.
                out.flush()?;
                failure.say();
            }
            Ok(()) => {}
        }
    }
    Ok(())
}
