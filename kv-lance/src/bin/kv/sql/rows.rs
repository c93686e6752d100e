//! What becomes of a query's rows: a table, or one of the formats for a program.

use super::parquet::ParquetRows;
use super::text::AsText;
use crate::args::SqlFormat;
use crate::failure::{Failure, Outcome};
use crate::format::Format;
use kv_lance::sql::datafusion::arrow::array::RecordBatch;
use kv_lance::sql::datafusion::arrow::datatypes::SchemaRef;
use kv_lance::sql::datafusion::arrow::ipc::writer::StreamWriter;
use kv_lance::sql::datafusion::arrow::json::LineDelimitedWriter;
use kv_lance::sql::datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use kv_lance::sql::datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use std::io::Write;

/// Writes the rows of one query.
pub(super) trait Rows {
    fn write(&mut self, batch: &RecordBatch) -> Outcome;

    /// After the last of them.
    fn finish(self: Box<Self>) -> Outcome;
}

/// Writes rows of a schema to `out`; `format` says how bytes become text where they do.
pub(super) fn rows<'o>(
    shape: SqlFormat,
    schema: &SchemaRef,
    format: Format,
    out: &'o mut dyn Write,
) -> Outcome<Box<dyn Rows + 'o>> {
    let text = AsText::new(schema, format);
    Ok(match shape {
        SqlFormat::Table => Box::new(Table { text, batches: Vec::new(), out }),
        SqlFormat::Csv => Box::new(Csv { text, named: false, out }),
        SqlFormat::Json => Box::new(Json { text, out }),
        SqlFormat::Arrow => Box::new(Arrow(StreamWriter::try_new(out, schema)?)),
        SqlFormat::Parquet => Box::new(ParquetRows::new(schema.clone(), out)?),
    })
}

/// Held until all of it is there, which says how wide its columns are.
struct Table<'o> {
    text: AsText,
    batches: Vec<RecordBatch>,
    out: &'o mut dyn Write,
}

impl Rows for Table<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Outcome {
        self.batches.push(self.text.batch(batch)?);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Outcome {
        let table = pretty_format_batches_with_schema(self.text.schema, &self.batches)?;
        Ok(writeln!(self.out, "{table}")?)
    }
}

struct Csv<'o> {
    text: AsText,
    /// Whether the line of names is there.
    named: bool,
    out: &'o mut dyn Write,
}

impl Rows for Csv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Outcome {
        let batch = self.text.batch(batch)?;
        let options = FormatOptions::default();
        let columns: Result<Vec<_>, _> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
        let columns = columns?;
        let mut writer = csv::Writer::from_writer(&mut *self.out);
        let written = |error: csv::Error| Failure::Output(error.into());
        if !std::mem::replace(&mut self.named, true) {
            writer.write_record(batch.schema().fields().iter().map(|field| field.name())).map_err(written)?;
        }
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            writer.write_record(cells).map_err(written)?;
        }
        Ok(writer.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        if self.named { Ok(()) } else { self.write(&RecordBatch::new_empty(self.text.source.clone())) }
    }
}

struct Json<'o> {
    text: AsText,
    out: &'o mut dyn Write,
}

impl Rows for Json<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Outcome {
        let mut writer = LineDelimitedWriter::new(&mut *self.out);
        writer.write(&self.text.batch(batch)?)?;
        Ok(writer.finish()?)
    }

    fn finish(self: Box<Self>) -> Outcome {
        Ok(())
    }
}

struct Arrow<W: Write>(StreamWriter<W>);

impl<W: Write> Rows for Arrow<W> {
    fn write(&mut self, batch: &RecordBatch) -> Outcome {
        Ok(self.0.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Outcome {
        Ok(self.0.finish()?)
    }
}
