//! Another tool's rows as JSON lines that `kv import` reads.

use crate::failure::{Failure, Outcome};
use crate::format::Format;
use crate::output::Output;
use crate::target::Target;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_json::writer::{LineDelimited, NullableEncoder, Writer, WriterBuilder};
use arrow_json::{Encoder, EncoderFactory, EncoderOptions};
use arrow_schema::{ArrowError, DataType, FieldRef};
use futures::TryStreamExt;
use kv_lance::ChangedTable;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// The rows that another tool changed, on their way to a target.
pub(crate) struct Export<'a> {
    path: &'a Path,
    target: Target<'a>,
}

impl<'a> Export<'a> {
    pub(crate) fn create(path: &'a Path, out: &'a mut Output) -> Outcome<Self> {
        Ok(Self { path, target: Target::create(path, out).map_err(|e| failed(path, e))? })
    }

    /// Writes the rows, durably where that is a file, and says how many.
    pub(crate) async fn all(mut self, changed: &ChangedTable) -> Outcome<u64> {
        let mut written = 0;
        let mut lines = writer(&mut self.target);
        let mut batches = changed.foreign_rows().await?;
        while let Some(batch) = batches.try_next().await? {
            lines.write(&batch).map_err(|e| failed(self.path, e))?;
            written += batch.num_rows() as u64;
        }
        lines.finish().map_err(|e| failed(self.path, e))?;
        drop(lines);
        self.target.end().map_err(|e| failed(self.path, e))?;
        Ok(written)
    }
}

/// Not as [`Failure::Output`], which is quiet where the reader has left: the rows are then not
/// where they were to go.
fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::File(format!("exporting to {}: {error}; nothing has been restored", path.display()))
}

fn writer<W: Write>(target: W) -> Writer<W, LineDelimited> {
    WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(BytesAsText)).build(target)
}

/// Bytes as [`Format::json`] has them.
#[derive(Debug)]
struct BytesAsText;

struct BytesEncoder<F>(F);

impl<'a, F: Fn(usize) -> &'a [u8]> Encoder for BytesEncoder<F> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let format = Format { hex: false, json: true };
        out.extend_from_slice(format.json(self.0(row)).to_string().as_bytes());
    }
}

impl EncoderFactory for BytesAsText {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Binary => Box::new(BytesEncoder(|row| array.as_binary::<i32>().value(row))),
            DataType::LargeBinary => Box::new(BytesEncoder(|row| array.as_binary::<i64>().value(row))),
            DataType::BinaryView => Box::new(BytesEncoder(|row| array.as_binary_view().value(row))),
            DataType::FixedSizeBinary(_) => Box::new(BytesEncoder(|row| array.as_fixed_size_binary().value(row))),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, LargeBinaryArray, ListArray};
    use arrow_array::{RecordBatch, UInt64Array};

    #[test]
    fn rows_become_lines_that_lose_nothing() {
        let columns: [(&str, ArrayRef); 5] = [
            ("key", Arc::new(BinaryArray::from_vec(vec![b"a\"\n", b"\xff"]))),
            ("version", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("val", Arc::new(LargeBinaryArray::from_opt_vec(vec![None, Some(b"")]))),
            ("id", Arc::new(FixedSizeBinaryArray::try_from_iter([b"\x00\x80", b"ab"].into_iter()).unwrap())),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]))),
        ];
        let mut lines = writer(Vec::new());
        lines.write(&RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap()).unwrap();
        lines.finish().unwrap();
        let expected = r#"{"key":"a\"\n","version":18446744073709551615,"val":null,"id":{"hex":"0080"},"list":[1,null]}
{"key":{"hex":"ff"},"version":0,"val":"","id":"ab","list":null}
"#;
        assert_eq!(String::from_utf8(lines.into_inner()).unwrap(), expected);
    }
}
