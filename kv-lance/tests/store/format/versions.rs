//! Other versions of the format are refused by name.

use super::super::*;
use super::bytes::index_of;
use super::fixture::copy;
use kv_api::Error;
use std::path::PathBuf;

/// A file of the store whose path ends, or begins, like this.
fn file(dir: &Path, is: impl Fn(&str) -> bool) -> PathBuf {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| is(path.file_name().unwrap().to_str().unwrap())).collect();
    paths.sort();
    paths.pop().unwrap()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Gives the record another format.
fn of_the_record(dir: &Path, format: u8) -> PathBuf {
    let path = dir.join("runs/RECORD");
    let record = std::fs::read_to_string(&path).unwrap();
    let record = record.replace("kv-lance:format=4", &format!("kv-lance:format={format}"));
    let lines = &record[..record.trim_end().rfind('\n').unwrap() + 1];
    std::fs::write(&path, format!("{lines}{}\n", crc32c::crc32c(lines.as_bytes()))).unwrap();
    path
}

/// The same of the table: Lance counts its manifests down from the greatest number.
fn of_the_table(dir: &Path, format: u8) -> PathBuf {
    let table = dir.join("kv.lance");
    for entry in std::fs::read_dir(table.join("_versions")).unwrap() {
        change(&entry.unwrap().path(), |bytes| {
            let key = b"kv-lance:format";
            let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len();
            // The value: its tag, its length, and one digit.
            assert_eq!(bytes[at + 1..at + 3], [1, b'4']);
            bytes[at + 2] = b'0' + format;
        });
    }
    table
}

fn of_a_segment(dir: &Path, format: u8) -> PathBuf {
    let path = file(&dir.join("journal"), |name| name.ends_with(".log"));
    change(&path, |bytes| {
        bytes[8] = format;
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..24]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    });
    path
}

fn of_a_run(dir: &Path, format: u8) -> PathBuf {
    let path = file(&dir.join("runs"), |name| name.ends_with(".lance"));
    change(&path, |bytes| {
        let range = index_of(bytes);
        let index = &mut bytes[range];
        index[8] = format;
        let (body, checksum) = index.split_at_mut(index.len() - 4);
        checksum.copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
    });
    path
}

#[tokio::test]
async fn other_versions_are_refused_by_name() {
    for other in [3, 5] {
        for of in [of_the_record, of_the_table, of_a_segment, of_a_run] {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().canonicalize().unwrap();
            copy(&dir);
            let changed = of(&dir, other);
            match open(LanceConfig::new(&dir).create(false)).await {
                Err(Error::UnsupportedFormat { path, found, supported }) => {
                    assert_eq!((path, found, supported), (changed, other.to_string(), "4".to_owned()));
                }
                Err(e) => panic!("{}: {e}", changed.display()),
                Ok(_) => panic!("{}: the store opened", changed.display()),
            }
        }
    }
}
