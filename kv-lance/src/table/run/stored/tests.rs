#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::super::column_reader::ColumnReader;
use super::super::testing::{Row, open, write, write_compressed};
use crate::config::Compression;

/// Rows of keys and values of such lengths; of some there is no value.
fn rows(count: u64, length: impl Fn(u64) -> usize) -> Vec<Row> {
    let val = |n: u64| format!("value {} of {n}, ", n * n).into_bytes().into_iter().cycle().take(length(n)).collect();
    let row = |n: u64| (format!("key/{n:010}").into_bytes(), 7, (n % 11 != 3).then(|| val(n)), false, None);
    (0..count).map(row).collect()
}

/// Reads rows of many places and lengths, and has Lance read them too; which shapes the pages have.
async fn check(column: &ColumnReader, expected: &[&[u8]]) -> Vec<&'static str> {
    let count = expected.len() as u64;
    let chunks = [1, 7, 63, 64, 65, 500];
    let ranges = chunks
        .iter()
        .flat_map(|step| (0..count).step_by(*step as usize * 97 + 1).map(move |row| row..(row + step).min(count)));
    for range in ranges.chain([0..count, 0..0, count - 1..count]) {
        let (read, of_lance) =
            (column.read(range.clone()).await.unwrap(), column.read_all_by_lance(range.clone()).await.unwrap());
        assert_eq!(read.len() as u64, range.end - range.start);
        for (row, at) in range.clone().zip(0..) {
            let place = read.offsets().get(at..at + 2).map(|ends| ends[0] as usize..ends[1] as usize).unwrap();
            assert_eq!(read.data().get(place).unwrap(), expected[row as usize], "row {row} of {range:?}");
            assert_eq!(of_lance.value(at), expected[row as usize], "row {row} of {range:?}, by Lance");
        }
    }
    column.shapes()
}

#[tokio::test]
async fn rows_are_what_lance_reads() {
    // Those that are alike, short and empty, growing until Lance lays them out one by one, and all in one chunk.
    let kinds: [(&str, Vec<Row>, &str); 5] = [
        ("alike", rows(20_000, |_| 100), "chunks"),
        ("of any length", rows(20_000, |n| (n * 7919 % 61) as usize), "chunks"),
        ("few", rows(3, |n| 12 + n as usize), "chunks"),
        ("long", rows(300, |n| 3000 + n as usize), "zipped"),
        ("some long", rows(3000, |n| if n % 100 == 7 { 5000 } else { 20 }), "zipped"),
    ];
    for (name, rows, shape) in &kinds {
        for compression in [Compression::None, Compression::Fsst] {
            let dir = tempfile::tempdir().unwrap();
            let run = open(&write_compressed(dir.path(), 8 << 10, rows, compression).await, 1 << 20).await.unwrap();
            let keys: Vec<_> = rows.iter().map(|row| row.0.as_slice()).collect();
            let vals: Vec<_> = rows.iter().map(|row| row.2.as_deref().unwrap_or_default()).collect();
            assert!(check(&run.keys, &keys).await.iter().all(|shape| *shape == "chunks"), "{name} {compression:?}");
            assert_eq!(check(&run.vals, &vals).await, [*shape], "{name} {compression:?}");
        }
    }
}

#[tokio::test]
async fn other_compressions_are_left_to_lance() {
    for compression in [Compression::Lz4, Compression::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let rows = rows(5000, |_| 100);
        let run = open(&write_compressed(dir.path(), 8 << 10, &rows, compression).await, 1 << 20).await.unwrap();
        let vals: Vec<_> = rows.iter().map(|row| row.2.as_deref().unwrap_or_default()).collect();
        assert_eq!(check(&run.vals, &vals).await, ["of Lance"]);
    }
}

#[tokio::test]
async fn rows_of_several_pages_are_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // Lance begins a page every 8 MiB, and every batch of 2 MiB with rows that it lays out one by one.
    let rows = rows(110_000, |n| if n < 2000 { 5000 } else { 100 + n as usize % 50 });
    let run = open(&write_compressed(dir.path(), 8 << 10, &rows, Compression::Fsst).await, 1 << 20).await.unwrap();
    let vals: Vec<_> = rows.iter().map(|row| row.2.as_deref().unwrap_or_default()).collect();
    let shapes = check(&run.vals, &vals).await;
    assert_eq!(shapes, ["zipped", "zipped", "chunks"]);
}

/// Where the bytes of a page are changed, reads fail, or give other rows, which checksums tell.
#[tokio::test]
async fn damage_is_an_error_or_other_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), 8 << 10, &rows(2000, |n| (n % 90) as usize)).await;
    let whole = std::fs::read(&path).unwrap();
    let places: Vec<_> = open(&path, 0).await.unwrap().vals.buffers().collect();
    let mut refused = 0;
    for (place, flip) in places.into_iter().flat_map(|(start, len)| {
        let step = (len / 200).max(1) as usize;
        (start..start + len).step_by(step).flat_map(|at| [1u8, 0x80, 0xff].map(|flip| (at as usize, flip)))
    }) {
        let mut bytes = whole.clone();
        *bytes.get_mut(place).unwrap() ^= flip;
        std::fs::write(&path, bytes).unwrap();
        let run = open(&path, 0).await.unwrap();
        for block in 0..run.blocks() {
            refused += usize::from(run.vals_uncached(block).await.is_err());
        }
    }
    assert!(refused > 300, "{refused}");
}
