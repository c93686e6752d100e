//! What is in the stored files is where `docs/format.md` says, read by that page alone.

use super::super::*;
use super::bytes::{Rest, index_of};
use super::document::{Layout, quoted, table};
use super::fixture::{copy, stored};
use super::script::{COMMITS, Change, FLUSHED, changes};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The writes of a record's payload.
fn writes(payload: &[u8]) -> BTreeMap<String, Change> {
    let write = Layout::of("Write");
    let mut rest = Rest(payload);
    let count = rest.number();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut writes = BTreeMap::new();
    for _ in 0..count {
        let header = rest.take(write.len());
        let key = text(rest.take(write.number(header, "length of the key") as usize));
        let val = text(rest.take(write.number(header, "length of the value") as usize));
        writes.insert(
            key,
            match header[0] {
                0 => Change::Delete,
                1 => Change::Set(val),
                2 => Change::Erase,
                kind => panic!("a write of kind {kind}"),
            },
        );
    }
    assert!(rest.0.is_empty());
    writes
}

#[test]
fn the_journal_is_as_its_page_says() {
    let (header, record, head) = (Layout::of("Segment header"), Layout::of("Record"), Layout::of("HEAD"));
    let segments: Vec<_> =
        files(&stored().join("journal")).into_iter().filter(|path| !path.ends_with("HEAD")).collect();
    assert!(segments.len() > 1);
    let (mut version, mut last) = (FLUSHED, 0);
    for path in &segments {
        let bytes = std::fs::read(path).unwrap();
        header.check(&bytes);
        assert_eq!(header.number(&bytes, "format"), 4);
        last = header.number(&bytes, "number");
        assert!(path.ends_with(format!("{last:010}.log")));
        let (mut at, mut sealed) = (header.len(), false);
        while bytes.get(at..at + 4).is_some_and(|magic| magic != [0; 4]) {
            let rest = &bytes[at..];
            record.check(rest);
            assert_eq!(record.number(rest, "number of the segment"), last);
            assert!(record.number(rest, "how many bytes") <= at as u64);
            let payload = &rest[record.len()..][..record.number(rest, "length") as usize];
            assert_eq!(record.number(rest, "checksum of the payload"), u64::from(crc32c::crc32c(payload)));
            let writes = writes(payload);
            sealed = writes.is_empty();
            if !sealed {
                version += 1;
                assert!(writes == changes(version), "commit {version}");
            }
            assert_eq!(record.number(rest, "version"), if sealed { 0 } else { version });
            at += (record.len() + payload.len()).next_multiple_of(8);
        }
        assert!(bytes[at..].iter().all(|byte| *byte == 0));
        assert_eq!(sealed, path != segments.last().unwrap(), "{}", path.display());
    }
    assert_eq!(version, COMMITS);
    let bytes = std::fs::read(stored().join("journal/HEAD")).unwrap();
    head.check(&bytes);
    assert_eq!(
        (bytes.len(), head.number(&bytes, "number"), head.number(&bytes, "where it ends")),
        (head.len(), last, 0)
    );
}

/// Follows the index of a run down to each block; the rows, and the deletions among them.
fn read_index(file: &[u8], journal_through: u64) -> (u64, u64) {
    let (layout, part, block) = (Layout::of("Index of a run"), Layout::of("Part of the index"), Layout::of("Block"));
    let meta = Layout::of("Row meta");
    let index = &file[index_of(file)];
    layout.check(index);
    assert_eq!(layout.number(index, "format"), 4);
    assert!(layout.number(index, "the last journal segment") <= journal_through);
    let mut rest = Rest(&index[layout.len()..index.len() - 4]);
    let (first, last) = (rest.string(), rest.string());
    assert!(first < last);
    let fences = rest.fences();
    assert!(fences.is_sorted() && fences[0].is_empty());
    let (mut rows, mut deletions) = (0, 0);
    for _ in &fences {
        let info = rest.take(part.len());
        let at = part.number(info, "where its buffer") as usize;
        let len = part.number(info, "length of the row meta") as usize;
        let (mut metas, behind) = (Rest(&file[at..at + len]), &file[at + len..]);
        let bytes = &behind[..part.number(info, "length of what is behind") as usize];
        assert_eq!(part.number(info, "checksum"), u64::from(crc32c::crc32c(bytes)));
        let mut bytes = Rest(bytes);
        assert_eq!(bytes.fences().len() as u64, part.number(info, "blocks"));
        let mut in_part = 0;
        for number in 0..part.number(info, "blocks") {
            let info_of_block = bytes.take(block.len());
            let of_block = block.number(info_of_block, "rows") as usize;
            let bytes = metas.take(block.number(info_of_block, "length of its row meta") as usize);
            assert_eq!(block.number(info_of_block, "checksum of its row meta"), u64::from(crc32c::crc32c(bytes)));
            let (flags, width) = (bytes[0], meta.number(bytes, "bytes for each version") as usize);
            let above = bytes[meta.len()..][..width].iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte));
            let version = meta.number(bytes, "least version") + above;
            assert_eq!(block.number(info_of_block, "version"), version);
            assert!(number > 0 || part.number(info, "version") == version);
            if flags & 1 != 0 {
                let bitmaps = of_block.div_ceil(8);
                let from_end = if flags & 2 != 0 { 2 * bitmaps } else { bitmaps };
                let bitmap = &bytes[bytes.len() - from_end..][..bitmaps];
                deletions += bitmap.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
            }
            in_part += of_block as u64;
        }
        assert_eq!(in_part, part.number(info, "rows"));
        assert_eq!(bytes.string().len() % 64, 0);
        assert!(bytes.0.is_empty() && metas.0.is_empty());
        rows += in_part;
    }
    assert!(rest.0.is_empty());
    assert_eq!((rows, deletions), (layout.number(index, "rows"), layout.number(index, "rows that are deletions")));
    (rows, deletions)
}

#[tokio::test]
async fn runs_and_the_record_are_as_their_page_says() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    let record = std::fs::read_to_string(dir.path().join("runs/RECORD")).unwrap();
    let lines = &record[..record.trim_end().rfind('\n').unwrap() + 1];
    assert_eq!(record[lines.len()..].trim_end().parse(), Ok(crc32c::crc32c(lines.as_bytes())));
    let lines: Vec<(&str, &str)> = lines.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert!(lines.is_sorted());
    let record = BTreeMap::from_iter(lines);
    let keys = table("The engine's commits");
    let mut keys: Vec<&str> = keys.iter().map(|row| quoted(&row[0])).collect();
    keys.push("kv-lance:format");
    keys.sort();
    assert_eq!(record.keys().copied().collect::<Vec<_>>(), keys);
    let number = |key: &str| record[key].parse::<u64>().unwrap();
    assert_eq!((number("kv-lance:format"), number("kv-lance:last-version")), (4, FLUSHED));
    let table = lance::Dataset::open(dir.path().join("kv.lance").to_str().unwrap()).await.unwrap();
    for (key, value) in record.iter().filter(|(key, _)| **key != "kv-lance:format") {
        assert_eq!(table.manifest().config.get(*key).map(String::as_str), Some(*value), "{key}");
    }
    assert_eq!(table.manifest().version, number("kv-lance:table-version"));

    let store = open(LanceConfig::new(dir.path()).retention(std::time::Duration::ZERO)).await?;
    let levels = store.levels();
    let named = levels.iter().map(|level| level.runs.iter().map(|run| &*run.file).collect::<Vec<_>>().join(","));
    assert_eq!(named.collect::<Vec<_>>().join(";"), record["kv-lance:runs"]);
    let history = store.history();
    assert_eq!(history.iter().map(|run| &*run.file).collect::<Vec<_>>().join(","), record["kv-lance:history"]);
    for run in levels.iter().flat_map(|level| &level.runs).chain(&history) {
        let file = std::fs::read(dir.path().join("runs").join(&run.file)).unwrap();
        assert_eq!(read_index(&file, number("kv-lance:journal-through")), (run.rows, run.tombstones));
    }
    Ok(())
}
