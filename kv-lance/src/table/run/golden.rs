//! Files that an older build has written, read by this one: a change of the format, or of Lance's
//! decoders, cannot go unnoticed. A new format needs new files:
//! `cargo test --lib golden -- --ignored` writes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::testing::{Row, open, rows, write};
use super::*;
use crate::table::FORMAT_VERSION;
use kv_api::Version;
use std::path::PathBuf;

const BLOCK_BYTES: usize = 256;

/// Short rows, which Lance lays out in chunks of many; long ones, which it lays out one by one; and history.
const NAMES: [&str; 3] = ["short", "long", "history"];

/// A file of the first build with this format, which did not write a run's name into it.
fn first(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/run-{FORMAT_VERSION}-{name}.lance"))
}

/// The folder of a file of the last build that wrote other ones.
fn folder(name: &str) -> PathBuf {
    first(name).with_extension("")
}

fn last(name: &str) -> PathBuf {
    std::fs::read_dir(folder(name)).unwrap().next().unwrap().unwrap().path()
}

fn val(n: u64, length: usize) -> Vec<u8> {
    format!("value {n} ").into_bytes().into_iter().cycle().take(length).collect()
}

fn golden(name: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![(vec![], 7, Some(b"of the empty key".to_vec()), false, None)];
    let (prefix, length, keys) = match name {
        "short" | "history" => ("key/".to_owned(), 20, 400),
        _ => ("key/".repeat(100), 700, 60),
    };
    for n in 0..keys {
        let key = format!("{prefix}{n:04}").into_bytes();
        // Some keys have versions that fill several blocks.
        let versions = if n % 37 == 5 { 30 } else { 1 + n % 3 };
        for version in (0..versions).rev() {
            let val =
                (n % 7 != 3 || version > 0).then(|| val(n + version, (length + n as usize) * usize::from(n % 5 > 0)));
            rows.push((key.clone(), 1_000_000 + n + 1000 * version, val, n % 11 == 4 && version == 1, None));
        }
    }
    rows.push((vec![0xff; 3], 1, None, true, None));
    if name == "history" {
        rows.iter_mut().for_each(|row| (row.3, row.4) = (false, Some(row.1 + 1000)));
    }
    rows
}

#[tokio::test]
async fn files_of_an_older_build_are_read_row_by_row() {
    for name in NAMES {
        let expected = golden(name);
        for (path, budget) in [(first(name), 0), (first(name), 1 << 20), (last(name), 0), (last(name), 1 << 20)] {
            let run = open(&path, budget).await.unwrap();
            assert!(rows(&run).await.unwrap() == expected, "{name}");
            let s = run.statistics();
            assert_eq!((s.rows, s.level, s.journal_through), (expected.len() as u64, 2, 3));
            assert_eq!((s.min_version, s.max_version), (1, expected.iter().map(|row| row.1).max().unwrap()));
            assert_eq!(s.tombstones, expected.iter().filter(|row| row.2.is_none()).count() as u64);
            assert_eq!(run.key_bounds(), (&b""[..], &[0xff; 3][..]));
            let superseded = |s: Option<Version>| s.unwrap_or(0);
            assert_eq!(s.min_superseded, expected.iter().map(|row| superseded(row.4)).min().unwrap());
            assert_eq!(s.max_superseded, expected.iter().map(|row| superseded(row.4)).max().unwrap());
            for (key, version, val, ..) in &expected {
                let found = run.get(key, *version, hash(key)).await.unwrap();
                assert_eq!(found.map(|val| val.map(|val| val.to_vec())), Some(val.clone()));
            }
            for absent in [&b"key"[..], b"key/00000", b"z"] {
                assert_eq!(run.get(absent, Version::MAX, hash(absent)).await.unwrap(), None);
            }
        }
    }
}

/// What the engine itself writes of a run, beside Lance's columns.
#[tokio::test]
async fn the_same_rows_give_the_same_index() {
    for name in NAMES {
        let dir = tempfile::tempdir().unwrap();
        let written = open(&write(dir.path(), BLOCK_BYTES, &golden(name)).await, 0).await.unwrap();
        let golden = open(&last(name), 0).await.unwrap();
        assert_eq!(written.statistics(), golden.statistics());
        let (written, golden) = (written.index.encoded_parts().unwrap(), golden.index.encoded_parts().unwrap());
        assert!(golden.len() > 1, "{name} is to have several parts");
        assert!(written == golden, "{name}");
    }
}

#[tokio::test]
#[ignore = "writes the files that the others read"]
async fn write_the_files_of_this_format() {
    for name in NAMES {
        let folder = folder(name);
        // It is not there before a new format's first files.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        write(&folder, BLOCK_BYTES, &golden(name)).await;
    }
}
