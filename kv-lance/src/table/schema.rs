//! The columns of the table.

use super::FORMAT_VERSION;
use crate::config::Compression;
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use lance_core::datatypes::Schema;
use lance_encoding::constants::COMPRESSION_META_KEY;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Schema metadata that tells a table of ours from any other, with the format's version.
pub(super) const FORMAT_KEY: &str = "kv-lance:format";

/// Positions of the columns, in the schema and in every file.
pub(super) const KEY: usize = 0;
pub(super) const VAL: usize = 3;

/// `key, version, tombstone, val`: what any reader of Lance sees.
pub(super) fn arrow() -> Arc<ArrowSchema> {
    static SCHEMA: LazyLock<Arc<ArrowSchema>> = LazyLock::new(|| {
        Arc::new(ArrowSchema::new(vec![
            Field::new("key", DataType::Binary, false),
            Field::new("version", DataType::UInt64, false),
            Field::new("tombstone", DataType::Boolean, false),
            Field::new("val", DataType::Binary, true),
        ]))
    });
    SCHEMA.clone()
}

/// The ids of the fields, and the columns in which a run's file has them.
pub(super) fn columns() -> (Vec<i32>, Vec<i32>) {
    let positions = || (0..arrow().fields().len() as i32).collect();
    (positions(), positions())
}

/// Whether a table's schema is the store's: the columns, and the mark of the format.
pub(super) fn is_own(schema: &Schema) -> bool {
    let marked = schema.metadata.get(FORMAT_KEY).is_some_and(|format| *format == FORMAT_VERSION.to_string());
    let (ids, _) = columns();
    marked
        && schema.fields.len() == ids.len()
        && schema.fields.iter().zip(&ids).zip(arrow().fields()).all(|((field, id), expected)| {
            field.id == *id
                && field.name == *expected.name()
                && field.data_type() == *expected.data_type()
                && field.nullable == expected.is_nullable()
        })
}

/// The schema of a file in which keys and values are compressed.
pub(super) fn compressed(schema: &Schema, compression: Compression) -> Schema {
    let mut schema = schema.clone();
    for field in schema.fields.iter_mut().filter(|field| field.name == "key" || field.name == "val") {
        field.metadata.insert(COMPRESSION_META_KEY.to_owned(), compression.name().to_owned());
    }
    schema
}

/// The same as Lance's schema, marked as a store of `format`.
pub(super) fn lance(format: u32) -> lance::Result<Schema> {
    let metadata = HashMap::from([(FORMAT_KEY.to_owned(), format.to_string())]);
    Schema::try_from(&arrow().as_ref().clone().with_metadata(metadata))
}
