//! The columns of the table `kv`.

use super::error::external;
use crate::transaction::{Columns, Wanted};
use arrow_array::builder::UInt64Builder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;
use kv_api::Version;
use std::sync::{Arc, LazyLock};

pub(super) const KEY: &str = "key";

pub(super) const VERSION: &str = "version";

/// One of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Key,
    Val,
    Version,
}

/// In the order of the table.
const COLUMNS: [Column; 3] = [Column::Key, Column::Val, Column::Version];

impl Column {
    fn field(self) -> Field {
        match self {
            Self::Key => Field::new(KEY, DataType::Binary, false),
            Self::Val => Field::new("val", DataType::Binary, false),
            Self::Version => Field::new(VERSION, DataType::UInt64, true),
        }
    }
}

/// The table's schema.
pub(super) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Projection::new(None).schema);
    SCHEMA.clone()
}

/// The columns that a query asks for.
#[derive(Debug, Clone)]
pub(super) struct Projection {
    columns: Vec<Column>,
    pub(super) schema: SchemaRef,
}

impl Projection {
    /// By their places in the table; `None` asks for all.
    pub(super) fn new(places: Option<&Vec<usize>>) -> Self {
        let columns: Vec<Column> = match places {
            Some(places) => places.iter().filter_map(|place| COLUMNS.get(*place)).copied().collect(),
            None => COLUMNS.to_vec(),
        };
        let fields: Vec<_> = columns.iter().map(|column| column.field()).collect();
        Self { columns, schema: Arc::new(Schema::new(fields)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Where the key is among them.
    pub(super) fn key(&self) -> Option<usize> {
        self.columns.iter().position(|column| *column == Column::Key)
    }

    pub(super) fn wanted(&self) -> Wanted {
        let has = |column| self.columns.contains(&column);
        Wanted { keys: has(Column::Key), vals: has(Column::Val), versions: has(Column::Version) }
    }

    /// What has been read, as a batch.
    pub(super) fn batch(&self, read: Columns) -> Result<RecordBatch> {
        let rows = read.rows;
        let (keys, vals, versions) = read.finish().map_err(external)?;
        let arrays = self.columns.iter().map(|column| match column {
            Column::Key => keys.clone(),
            Column::Val => vals.clone(),
            Column::Version => version_array(&versions),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect(), &options)?)
    }

    /// A batch of rows without a column.
    pub(super) fn rows(&self, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), Vec::new(), &options)?)
    }
}

/// Null for a write that has not been committed.
fn version_array(versions: &[Version]) -> ArrayRef {
    let mut array = UInt64Builder::with_capacity(versions.len());
    versions.iter().for_each(|version| array.append_option((*version != Version::MAX).then_some(*version)));
    Arc::new(array.finish())
}
