//! Rows of a view, made of keys and values.

use super::View;
use super::decoder::{Decoded, Decoder, Undecodable};
use super::pattern::Pattern;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::SchemaRef;
use datafusion::arrow::compute::take;
use datafusion::common::{exec_datafusion_err, internal_datafusion_err};
use datafusion::error::Result;
use std::sync::Arc;

/// Where a column comes from, and which of those there it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Part(usize),
    Value(usize),
}

/// What a query makes of keys and values.
#[derive(Debug)]
pub(super) struct Mapping {
    pattern: Pattern,
    decoder: Arc<dyn Decoder>,
    undecodable: Undecodable,
    sources: Vec<Source>,
    pub(super) schema: SchemaRef,
    /// The columns that are decoded, by their places in the decoder's schema.
    decoded: Vec<usize>,
}

impl Mapping {
    pub(super) fn new(view: &View, sources: Vec<Source>, schema: SchemaRef) -> Self {
        let asked = sources.iter().filter_map(|source| match source {
            Source::Value(place) => Some(*place),
            Source::Part(_) => None,
        });
        let decoded = match view.undecodable {
            Undecodable::Skip => (0..view.decoder.schema().fields().len()).collect(),
            Undecodable::Error | Undecodable::Null => asked.collect(),
        };
        let View { pattern, decoder, undecodable } = view.clone();
        Self { pattern, decoder, undecodable, sources, schema, decoded }
    }

    /// The columns of the store's table that it needs.
    pub(super) fn reads(&self) -> Vec<usize> {
        if self.decoded.is_empty() { vec![0] } else { vec![0, 1] }
    }

    /// The rows of the view among those of the store.
    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let binary = |column: &ArrayRef| column.as_binary_opt::<i32>().cloned();
        let missing = || internal_datafusion_err!("a scan for a view has a column 'key' of bytes, and 'val' after it");
        let keys = batch.columns().first().and_then(binary).ok_or_else(missing)?;
        let (mut parts, mut rows) = self.pattern.split(&keys);
        let mut values = Vec::new();
        if !self.decoded.is_empty() {
            let all = batch.columns().get(1).ok_or_else(missing)?;
            let matched = take(all, &UInt32Array::from(rows.clone()), None)?;
            let matched = matched.as_binary_opt::<i32>().ok_or_else(missing)?;
            let (columns, kept) = self.decode(&keys, &rows, matched)?;
            if kept.len() < rows.len() {
                let places = UInt32Array::from(kept.clone());
                for part in &mut parts {
                    *part = take(part, &places, None)?;
                }
                rows = kept;
            }
            values = columns;
        }
        let column = |source: &Source| match source {
            Source::Part(place) => parts.get(*place).cloned(),
            Source::Value(place) => {
                let at = self.decoded.iter().position(|decoded| decoded == place)?;
                values.get(at).cloned()
            }
        };
        let columns: Option<Vec<_>> = self.sources.iter().map(column).collect();
        let columns = columns.ok_or_else(|| internal_datafusion_err!("a view has decoded too few columns"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }

    /// The decoded columns of values, and which of them are kept.
    fn decode(&self, keys: &BinaryArray, rows: &[u32], values: &BinaryArray) -> Result<(Vec<ArrayRef>, Vec<u32>)> {
        let schema = Arc::new(self.decoder.schema().project(&self.decoded)?);
        let decoded = Decoded::of(&*self.decoder, &schema, values, &self.decoded);
        let columns = decoded.batch(&schema)?.columns().to_vec();
        let all = || (0..).take(values.len());
        match (decoded.bad.first(), self.undecodable) {
            (None, _) => Ok((columns, all().collect())),
            (Some((row, why)), Undecodable::Error) => {
                let key = rows.get(*row).and_then(|row| keys.iter().nth(*row as usize).flatten()).unwrap_or_default();
                Err(exec_datafusion_err!("the value of the key '{}' cannot be decoded: {why}", key.escape_ascii()))
            }
            (Some(_), Undecodable::Skip) => Ok((columns, decoded.good)),
            (Some(_), Undecodable::Null) => {
                let place =
                    |row: u32| decoded.good.binary_search(&row).ok().and_then(|place| u32::try_from(place).ok());
                let places: UInt32Array = all().map(place).collect();
                let columns: std::result::Result<Vec<_>, _> =
                    columns.iter().map(|column| take(column, &places, None)).collect();
                Ok((columns?, all().collect()))
            }
        }
    }
}
