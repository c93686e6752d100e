//! Values that are JSON objects.

use super::decoder::Decoder;
use crate::LanceTransaction;
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{Schema, SchemaRef};
use kv_api::{Error, KeyRange, Result, Transactable};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Decodes JSON objects, a column for each field of a schema. A field that an object does not have is null, one that the
/// schema does not have is passed over, and a number or a boolean where text is wanted becomes text.
#[derive(Debug, Clone)]
pub struct Json {
    schema: SchemaRef,
}

impl Json {
    /// Decodes the fields of `schema`, each of which can be null then.
    pub fn new(schema: &Schema) -> Self {
        Self { schema: nullable(schema) }
    }

    /// Finds out the fields from the first values, at most `sample` of them, of keys with `prefix`. Values that are no objects
    /// are passed over.
    ///
    /// # Errors
    /// `Backend` where none of these values is an object, or where they do not agree on what a field is; those of the read.
    pub async fn inferred(tx: &LanceTransaction, prefix: &str, sample: usize) -> Result<Self> {
        let object = |val: &[u8]| serde_json::from_slice(val).ok().filter(serde_json::Value::is_object);
        let schema = sampled(tx, prefix, sample, object, ("JSON objects", "a JSON object")).await?;
        Ok(Self::new(&schema))
    }
}

impl Decoder for Json {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, values: &BinaryArray, columns: &[usize]) -> std::result::Result<Vec<ArrayRef>, String> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = self.schema.project(columns).map_err(|e| e.to_string())?;
        let mut decoder = ReaderBuilder::new(Arc::new(wanted))
            .with_coerce_primitive(true)
            // Room for one more, so that a second object in the last value is noticed.
            .with_batch_size(values.len() + 1)
            .build_decoder()
            .map_err(|e| e.to_string())?;
        for (row, value) in values.iter().map(Option::unwrap_or_default).enumerate() {
            decoder.decode(value).map_err(|e| e.to_string())?;
            if decoder.has_partial_record() || decoder.len() != row + 1 {
                return Err("it is not one JSON object".into());
            }
        }
        let batch = decoder.flush().map_err(|e| e.to_string())?;
        Ok(batch.map(|batch| batch.columns().to_vec()).unwrap_or_default())
    }
}

/// The same fields, each of which can be null.
pub(super) fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}

/// The fields of the first values, at most `sample` of them, of keys with `prefix`, that `decode` makes objects of. The `names`, of many
/// and of one, are for errors.
pub(super) async fn sampled(
    tx: &LanceTransaction,
    prefix: &str,
    sample: usize,
    decode: impl Fn(&[u8]) -> Option<serde_json::Value> + Send + Sync,
    (many, one): (&str, &str),
) -> Result<Schema> {
    let mut objects: Vec<serde_json::Value> = Vec::new();
    let mut seen = 0;
    let mut look = |_: &[u8], val: &[u8]| {
        objects.extend(decode(val));
        seen += 1;
        if seen < sample { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    tx.visit(KeyRange::prefix(prefix.to_owned()), kv_api::Direction::Forward, None, true, &mut look).await?;
    let doing = || format!("finding out the fields of the {many} under '{prefix}'");
    if objects.is_empty() {
        return Err(Error::backend(doing(), format!("of {seen} values none is {one}")));
    }
    infer_json_schema_from_iterator(objects.iter().map(Ok)).map_err(|e| Error::backend(doing(), e))
}
