//! `kv sql`: queries over what the store holds, in one transaction.

use crate::args::{self, NamedPattern, Sql, SqlFormat};
use crate::failure::{Failure, Outcome};
use crate::format::Format;
use crate::output::Output;
use crate::session::{Store, with_store};
use futures::TryStreamExt;
use kv_api::TransactionOptions;
use kv_lance::LanceDatastore;
use kv_lance::sql::datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use kv_lance::sql::datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use kv_lance::sql::datafusion::arrow::error::ArrowError;
use kv_lance::sql::datafusion::arrow::ipc::writer::StreamWriter;
use kv_lance::sql::datafusion::arrow::json::LineDelimitedWriter;
use kv_lance::sql::datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use kv_lance::sql::datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use kv_lance::sql::datafusion::error::DataFusionError;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use kv_lance::sql::{Encoding, Json, KvTable, Maps, Undecodable, View};
use std::io::{BufRead, IsTerminal, Read, Write};
use std::sync::Arc;

/// So many values say what fields a view has.
const SAMPLE: usize = 1000;

pub(crate) async fn sql(store: Store<'_>, args: &Sql, out: &mut Output) -> Outcome {
    with_store(store, async |store| {
        let session = session(store, args).await?;
        let mut queries = Queries { session, shape: args.format.unwrap_or(default_shape(out)), out };
        match &args.query {
            Some(query) => queries.run_all(query).await?,
            None if std::io::stdin().is_terminal() => queries.ask().await?,
            None => {
                let mut text = String::new();
                std::io::stdin().lock().read_to_string(&mut text).map_err(reading_input)?;
                queries.run_all(&text).await?;
            }
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
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

fn default_shape(out: &Output) -> SqlFormat {
    if out.format.json { SqlFormat::Json } else { SqlFormat::Table }
}

fn reading_input(error: std::io::Error) -> Failure {
    Failure::File(format!("reading queries from the standard input: {error}"))
}

struct Queries<'o> {
    session: SessionContext,
    shape: SqlFormat,
    out: &'o mut Output,
}

impl Queries<'_> {
    /// Runs queries that end with semicolons, the last one also without, until one fails.
    async fn run_all(&mut self, text: &str) -> Outcome {
        let mut text = text;
        while let Some((query, rest)) = next_query(text) {
            self.run(query).await?;
            text = rest;
        }
        Ok(())
    }

    /// Runs what is typed, and goes on after what fails.
    async fn ask(&mut self) -> Outcome {
        let mut typed = String::new();
        loop {
            write!(std::io::stderr(), "{}", if typed.is_empty() { "kv> " } else { "  > " })?;
            if std::io::stdin().lock().read_line(&mut typed).map_err(reading_input)? == 0 {
                return self.run_all(&typed).await;
            }
            if typed.trim().is_empty() {
                typed.clear();
            } else if ends_query(&typed) {
                match self.run_all(&std::mem::take(&mut typed)).await {
                    Err(failure) if !failure.is_quiet() => failure.say(),
                    done => done?,
                }
                self.out.flush()?;
            }
        }
    }

    async fn run(&mut self, query: &str) -> Outcome {
        let mut batches = self.session.sql(query).await.map_err(failed)?.execute_stream().await.map_err(failed)?;
        let schema = batches.schema();
        if self.shape == SqlFormat::Arrow {
            let mut writer = StreamWriter::try_new(self.out.bytes(), &schema)?;
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                writer.write(&batch)?;
            }
            return Ok(writer.finish()?);
        }
        let text = text_schema(&schema);
        let mut table = Vec::new();
        let mut first = true;
        while let Some(batch) = batches.try_next().await.map_err(failed)? {
            let batch = as_text(&batch, &text, self.out.format)?;
            match self.shape {
                SqlFormat::Csv => self.csv(&batch, first)?,
                SqlFormat::Json => {
                    let mut writer = LineDelimitedWriter::new(self.out.bytes());
                    writer.write(&batch).and_then(|()| writer.finish())?;
                }
                SqlFormat::Table | SqlFormat::Arrow => table.push(batch),
            }
            first = false;
        }
        match self.shape {
            SqlFormat::Table => {
                let table = pretty_format_batches_with_schema(text, &table)?;
                Ok(self.out.line(table.to_string())?)
            }
            SqlFormat::Csv if first => self.csv(&RecordBatch::new_empty(text), true),
            _ => Ok(()),
        }
    }

    fn csv(&mut self, batch: &RecordBatch, with_names: bool) -> Outcome {
        let options = FormatOptions::default();
        let columns: Result<Vec<_>, _> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
        let columns = columns?;
        let mut writer = csv::Writer::from_writer(self.out.bytes());
        let written = |error: csv::Error| Failure::Output(error.into());
        if with_names {
            writer.write_record(batch.schema().fields().iter().map(|field| field.name())).map_err(written)?;
        }
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            writer.write_record(cells).map_err(written)?;
        }
        Ok(writer.flush()?)
    }
}

/// The first query of a text that is not empty, and what comes after its semicolon; those in quotes end nothing.
fn next_query(text: &str) -> Option<(&str, &str)> {
    let mut text = text;
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        let (query, rest) = text.split_at_checked(end_of_query(text).unwrap_or(text.len()))?;
        let rest = rest.strip_prefix(';').unwrap_or(rest);
        if !query.trim().is_empty() {
            return Some((query, rest));
        }
        text = rest;
    }
}

fn ends_query(text: &str) -> bool {
    let mut rest = text;
    while let Some(end) = end_of_query(rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        if rest.trim().is_empty() {
            return true;
        }
    }
    false
}

/// Where the first semicolon is that is not within quotes or a comment.
fn end_of_query(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut comment = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (None, '\'' | '"') => quote = Some(c),
            (None, '-') if before == '-' => comment = true,
            (None, ';') => return Some(at),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    None
}

/// Bytes as text, as the other commands print them.
fn text_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Binary => Field::new(field.name(), DataType::Utf8, field.is_nullable()),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn as_text(batch: &RecordBatch, schema: &SchemaRef, format: Format) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| match column.as_binary_opt::<i32>() {
        Some(bytes) => {
            let text: StringArray =
                (0..bytes.len()).map(|row| bytes.is_valid(row).then(|| format.line(bytes.value(row)))).collect();
            Arc::new(text) as ArrayRef
        }
        None => column.clone(),
    });
    let options = kv_lance::sql::datafusion::arrow::array::RecordBatchOptions::new();
    RecordBatch::try_new_with_options(
        schema.clone(),
        columns.collect(),
        &options.with_row_count(Some(batch.num_rows())),
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_end_with_semicolons_that_are_not_quoted() {
        let text = "SELECT ';' ; -- not; this\n SELECT \"a;b\";;\n ; select 3";
        let mut queries = Vec::new();
        let mut rest = text;
        while let Some((query, more)) = next_query(rest) {
            queries.push(query.trim());
            rest = more;
        }
        assert_eq!(queries, ["SELECT ';'", "-- not; this\n SELECT \"a;b\"", "select 3"]);
        assert!(ends_query("select 1;\n") && ends_query("select ';'; "));
        assert!(!ends_query("select 1") && !ends_query("select ';") && !ends_query("select 1; select 2"));
    }
}
