//! Rows as a Parquet file.

use super::rows::Rows;
use crate::failure::{Failure, Outcome};
use kv_lance::sql::datafusion::arrow::array::RecordBatch;
use kv_lance::sql::datafusion::arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::io::{self, Write};

/// A row group is held in memory until it is complete: this bounds it where values are long.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Its writer takes only what can be sent between threads, which the lock of the standard output cannot be: so it writes
/// to memory, which is emptied after each batch.
pub(super) struct ParquetRows<'o> {
    writer: ArrowWriter<Vec<u8>>,
    out: &'o mut dyn Write,
}

impl<'o> ParquetRows<'o> {
    pub(super) fn new(schema: SchemaRef, out: &'o mut dyn Write) -> Outcome<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        Ok(Self { writer: ArrowWriter::try_new(Vec::new(), schema, Some(properties))?, out })
    }
}

impl Rows for ParquetRows<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Outcome {
        self.writer.write(batch)?;
        let written = std::mem::take(self.writer.inner_mut());
        Ok(self.out.write_all(&written)?)
    }

    fn finish(self: Box<Self>) -> Outcome {
        let rest = self.writer.into_inner()?;
        Ok(self.out.write_all(&rest)?)
    }
}

/// Memory takes all that is written: what is left is a column of a type that Parquet does not have, or a broken writer.
impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::NYI(what) => Self::Usage(format!("--format parquet: {what}")),
            other => Self::Output(io::Error::other(other)),
        }
    }
}
