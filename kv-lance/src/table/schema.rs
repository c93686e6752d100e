//! The columns of the two tables: of what is current, and of history.

use super::FORMAT_VERSION;
use crate::config::Compression;
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use lance_core::datatypes::Schema;
use lance_encoding::constants::{COMPRESSION_META_KEY, DICT_DIVISOR_META_KEY};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Schema metadata that tells a table of ours from any other, with the format's version.
pub(super) const FORMAT_KEY: &str = "kv-lance:format";

/// Positions of the columns, in the schema and in every file.
pub(super) const KEY: usize = 0;
pub(super) const VAL: usize = 3;

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    /// `key, version, tombstone, val`.
    Current,
    /// `key, version, superseded, val`: a row was what reads found from its version up to the one before that at which it was
    /// superseded. Without a value it is a deletion, of which reads may do without; feeds do not.
    History,
}

/// What any reader of Lance sees.
pub(super) fn arrow(columns: Columns) -> Arc<ArrowSchema> {
    static SCHEMAS: LazyLock<[Arc<ArrowSchema>; 2]> = LazyLock::new(|| {
        [Field::new("tombstone", DataType::Boolean, false), Field::new("superseded", DataType::UInt64, false)].map(
            |third| {
                Arc::new(ArrowSchema::new(vec![
                    Field::new("key", DataType::Binary, false),
                    Field::new("version", DataType::UInt64, false),
                    third,
                    Field::new("val", DataType::Binary, true),
                ]))
            },
        )
    });
    let [current, history] = &*SCHEMAS;
    match columns {
        Columns::Current => current.clone(),
        Columns::History => history.clone(),
    }
}

/// The ids of the fields, and the columns in which a run's file has them.
pub(super) fn field_ids() -> (Vec<i32>, Vec<i32>) {
    let positions = || (0..arrow(Columns::Current).fields().len() as i32).collect();
    (positions(), positions())
}

/// Whether a table's schema is the store's: the columns, and the mark of the format.
pub(super) fn is_own(schema: &Schema, columns: Columns) -> bool {
    let expected = arrow(columns);
    let marked = schema.metadata.get(FORMAT_KEY).is_some_and(|format| *format == FORMAT_VERSION.to_string());
    let (ids, _) = field_ids();
    marked
        && schema.fields.len() == ids.len()
        && schema.fields.iter().zip(&ids).zip(expected.fields()).all(|((field, id), expected)| {
            field.id == *id
                && field.name == *expected.name()
                && field.data_type() == *expected.data_type()
                && field.nullable == expected.is_nullable()
        })
}

/// The schema of a file in which keys and values are compressed, without dictionaries.
pub(super) fn of_files(columns: Columns, compression: Compression) -> lance::Result<Schema> {
    let mut schema = lance(columns, FORMAT_VERSION)?;
    for field in &mut schema.fields {
        if field.name == "key" || field.name == "val" {
            field.metadata.insert(COMPRESSION_META_KEY.to_owned(), compression.name().to_owned());
        }
        // Lance hashes rows to find out whether a dictionary would be smaller: a tenth of what encoding costs. Who reads one
        // row would have to read the whole of it.
        field.metadata.insert(DICT_DIVISOR_META_KEY.to_owned(), u64::MAX.to_string());
    }
    Ok(schema)
}

/// The same as Lance's schema, marked as a store of `format`.
pub(super) fn lance(columns: Columns, format: u32) -> lance::Result<Schema> {
    let metadata = HashMap::from([(FORMAT_KEY.to_owned(), format.to_string())]);
    Schema::try_from(&arrow(columns).as_ref().clone().with_metadata(metadata))
}
