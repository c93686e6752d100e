//! Rows whose bytes are text, as the other commands print them.

use crate::format::Format;
use kv_lance::sql::datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use kv_lance::sql::datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use kv_lance::sql::datafusion::arrow::error::ArrowError;
use std::sync::Arc;

/// Turns bytes into text.
pub(super) struct AsText {
    /// What it is made of.
    pub(super) source: SchemaRef,
    pub(super) schema: SchemaRef,
    format: Format,
}

impl AsText {
    /// Of rows of a schema.
    pub(super) fn new(schema: &SchemaRef, format: Format) -> Self {
        let fields = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Binary => Field::new(field.name(), DataType::Utf8, field.is_nullable()),
            _ => field.as_ref().clone(),
        });
        Self { source: schema.clone(), schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), format }
    }

    pub(super) fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch.columns().iter().map(|column| match column.as_binary_opt::<i32>() {
            Some(bytes) => {
                let text = (0..bytes.len()).map(|row| bytes.is_valid(row).then(|| self.format.line(bytes.value(row))));
                Arc::new(text.collect::<StringArray>()) as ArrayRef
            }
            None => column.clone(),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)
    }
}
