//! `sql` to files: Parquet, and `--out`.

use crate::kv::{Kv, names};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

const ROWS: usize = 20_000;

fn filled() -> Kv {
    let kv = Kv::new();
    kv.fill((0..ROWS).map(|row| format!("row/{row:05}")));
    kv.run("--hex set ff00 00ff").ok();
    kv
}

fn batches(file: impl ChunkReader + 'static) -> Vec<RecordBatch> {
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_parquet_file_has_the_rows_with_their_types() {
    let kv = filled();
    let query = ["sql", "--format", "parquet", "--out", "all.parquet", "SELECT * FROM kv ORDER BY key"];
    assert_eq!(kv.run_words(query).ok(), "");
    let path = kv.path("all.parquet");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let read = batches(File::open(path).unwrap());
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS + 1);
    let types: Vec<_> = read[0].schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Binary, DataType::Binary, DataType::UInt64]);
    let rows = read.iter().flat_map(|batch| {
        let (keys, vals) = (batch.column(0).as_binary::<i32>(), batch.column(1).as_binary::<i32>());
        assert_eq!(batch.column(2).as_primitive::<UInt64Type>().null_count(), 0);
        (0..batch.num_rows()).map(|row| (keys.value(row).to_vec(), vals.value(row).to_vec())).collect::<Vec<_>>()
    });
    let expected =
        (0..ROWS).map(|row| format!("row/{row:05}")).map(|key| (key.clone(), format!("{{\"id\":\"{key}\"}}")));
    let expected = expected.map(|(key, val)| (key.into_bytes(), val.into_bytes()));
    assert!(rows.eq(expected.chain([(vec![0xff, 0], vec![0, 0xff])])));
}

#[test]
fn parquet_goes_down_a_pipe_and_may_have_no_rows() {
    let kv = filled();
    let query = ["sql", "--format", "parquet", "SELECT key, 7 AS n FROM kv WHERE key = 'row/00007';"];
    let read = batches(bytes::Bytes::from(kv.run_words(query).out));
    assert_eq!(
        (read.len(), read[0].num_rows(), read[0].column(0).as_binary::<i32>().value(0)),
        (1, 1, &b"row/00007"[..])
    );
    let query = ["sql", "--format", "parquet", "--out", "-", "SELECT key FROM kv WHERE key = 'x'"];
    let ran = kv.run_words(query);
    let none = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(ran.out)).unwrap();
    assert_eq!((none.metadata().file_metadata().num_rows(), none.schema().field(0).name().as_str()), (0, "key"));
}

#[test]
fn a_file_holds_what_would_be_printed() {
    let kv = filled();
    let queries = "SELECT 1 AS one; SELECT key FROM kv WHERE key < 'row/00002'";
    for format in ["csv", "json", "table", "arrow"] {
        let printed = kv.run_words(["sql", "--format", format, queries]).out;
        assert_eq!(kv.run_words(["sql", "--format", format, "--out", format, queries]).ok(), "");
        assert_eq!(fs::read(kv.path(format)).unwrap(), printed, "{format}");
    }
    kv.run_words(["sql", "--format", "csv", "--out", "csv", queries]).fails(3, &["writing csv", "exists"]);
}

#[test]
fn no_file_is_left_of_a_query_that_fails() {
    let kv = filled();
    let before = names(&kv.path(""));
    let parquet = |query| kv.run_words(["sql", "--format", "parquet", "--out", "p", query]);
    parquet("SELECT nope FROM kv").fails(2, &["nope"]);
    parquet("SELECT CAST(key AS VARCHAR) FROM kv").fails(2, &["non UTF-8"]);
    parquet("SELECT 1; SELECT 2").fails(2, &["--format parquet takes one query"]);
    parquet(" ; ").fails(2, &["--format parquet takes one query"]);
    parquet("SELECT INTERVAL '1 year 1 second' AS i").fails(2, &["--format parquet", "interval"]);
    kv.run_words(["sql", "--out", "nowhere/p", "SELECT 1"]).fails(3, &["writing nowhere/p"]);
    assert_eq!(names(&kv.path("")), before);
}
