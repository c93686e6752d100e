//! What makes columns of values.

use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use datafusion::arrow::compute::concat_batches;
use std::fmt::Debug;

/// Makes columns of the values of a [`View`](super::View).
pub trait Decoder: Debug + Send + Sync + 'static {
    /// The columns; all of them can be null.
    fn schema(&self) -> SchemaRef;

    /// Decodes values into the columns at some places of the schema, a row for each value.
    ///
    /// # Errors
    /// Why not, where a value cannot be decoded. It is called again with fewer values then, to find out which.
    fn decode(&self, values: &BinaryArray, columns: &[usize]) -> Result<Vec<ArrayRef>, String>;
}

/// What becomes of a row whose value cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undecodable {
    /// The query fails with an error that names the key and says why.
    #[default]
    Error,
    /// The columns of its value are null.
    Null,
    /// It is left out. Every query decodes all columns then, or which rows there are would depend on what it asks for.
    Skip,
}

/// Decoded rows, and those that could not be.
#[derive(Default)]
pub(super) struct Decoded {
    /// In the order of the values.
    batches: Vec<RecordBatch>,
    /// Places of values, in their order.
    pub(super) good: Vec<u32>,
    /// Places of values, in their order, and why.
    pub(super) bad: Vec<(usize, String)>,
}

impl Decoded {
    /// Decodes all values that can be: all at once, and by halves where one of them cannot.
    pub(super) fn of(decoder: &dyn Decoder, schema: &SchemaRef, values: &BinaryArray, columns: &[usize]) -> Self {
        let mut decoded = Self::default();
        decoded.decode(decoder, schema, values, columns, 0);
        decoded
    }

    fn decode(
        &mut self,
        decoder: &dyn Decoder,
        schema: &SchemaRef,
        values: &BinaryArray,
        columns: &[usize],
        first: usize,
    ) {
        if values.is_empty() {
            return;
        }
        let rows = values.len();
        let batch = decoder.decode(values, columns).and_then(|arrays| {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(|e| e.to_string())
        });
        match batch {
            Ok(batch) => {
                self.batches.push(batch);
                self.good.extend((first..first + rows).filter_map(|row| u32::try_from(row).ok()));
            }
            Err(why) if rows == 1 => self.bad.push((first, why)),
            Err(_) => {
                let half = rows / 2;
                self.decode(decoder, schema, &values.slice(0, half), columns, first);
                self.decode(decoder, schema, &values.slice(half, rows - half), columns, first + half);
            }
        }
    }

    /// The rows that could be decoded.
    pub(super) fn batch(&self, schema: &SchemaRef) -> datafusion::error::Result<RecordBatch> {
        Ok(concat_batches(schema, &self.batches)?)
    }
}
