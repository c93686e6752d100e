//! Lengths and numbers that are not so, under checksums that are right: an error, or the right answer.

use super::super::recovery::crash_copy;
use super::names::change_record;
use super::*;

/// What is done to the bytes of a file.
type Change = fn(&mut Vec<u8>);

fn put(bytes: &mut [u8], at: usize, number: &[u8]) {
    bytes[at..at + number.len()].copy_from_slice(number);
}

/// Makes the header's checksum, and the payload's, of the record at byte 24 right.
fn seal_record(bytes: &mut [u8], len: usize) {
    let payload = crc32c::crc32c(&bytes[64..64 + len]);
    put(bytes, 36, &payload.to_le_bytes());
    let header = crc32c::crc32c(&bytes[32..64]);
    put(bytes, 28, &header.to_le_bytes());
}

fn record(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[32..36].try_into().unwrap()) as usize
}

const RECORDS: [(&str, Change); 4] = [
    ("payload", |bytes| {
        let len = record(bytes);
        put(bytes, 32, &u32::MAX.to_le_bytes());
        seal_record(bytes, len);
    }),
    ("number of writes", |bytes| {
        let len = record(bytes);
        put(bytes, 64, &u32::MAX.to_le_bytes());
        seal_record(bytes, len);
    }),
    ("key", |bytes| {
        let len = record(bytes);
        put(bytes, 69, &u32::MAX.to_le_bytes());
        seal_record(bytes, len);
    }),
    ("value", |bytes| {
        let len = record(bytes);
        put(bytes, 73, &u32::MAX.to_le_bytes());
        seal_record(bytes, len);
    }),
];

/// Changes the index of a run, and makes its checksum right.
fn index(bytes: &mut [u8], change: impl FnOnce(&mut [u8])) {
    let start = bytes.windows(8).position(|window| window == b"kvlanceR").unwrap();
    let ends = |end: &usize| bytes[*end..*end + 4] == crc32c::crc32c(&bytes[start..*end]).to_le_bytes();
    let end = (start + 100..).find(ends).unwrap();
    change(&mut bytes[start..end]);
    let checksum = crc32c::crc32c(&bytes[start..end]);
    put(bytes, end, &checksum.to_le_bytes());
}

/// The index of a run ends with its one part, of 37 bytes, and that behind one fence, of 5.
const RUNS: [(&str, Change); 9] = [
    ("rows", |bytes| index(bytes, |index| put(index, 12, &u64::MAX.to_le_bytes()))),
    ("first key", |bytes| index(bytes, |index| put(index, 88, &u32::MAX.to_le_bytes()))),
    ("fences", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 37 - 5 - 4;
            put(index, at, &u32::MAX.to_le_bytes());
        })
    }),
    ("blocks of a part", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 37;
            put(index, at, &u32::MAX.to_le_bytes());
        })
    }),
    ("rows of a part", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 33;
            put(index, 12, &u64::from(u32::MAX).to_le_bytes());
            put(index, at, &u32::MAX.to_le_bytes());
        })
    }),
    ("position of a part", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 29;
            put(index, at, &u64::MAX.to_le_bytes());
        })
    }),
    ("row meta of a part", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 21;
            put(index, at, &u32::MAX.to_le_bytes());
        })
    }),
    ("length of a part", |bytes| {
        index(bytes, |index| {
            let at = index.len() - 17;
            put(index, at, &u32::MAX.to_le_bytes());
        })
    }),
    ("Lance's footer", |bytes| {
        let at = bytes.len() - 40;
        put(bytes, at, &[0xff; 28]);
    }),
];

/// An error, or the right answer. What is not believed is not asked for: where memory is, the process ends.
async fn check(store: &Path, expected: &Rows, case: &str) {
    match use_it(store).await {
        Ok(found) => assert!(found == *expected, "{case}: {found:?}"),
        // Any version may have been issued, so that the last of all is believed, and there is no next one.
        Err(e) if case == "last-version" => assert!(e.to_string().contains("that 64 bits can hold"), "{e}"),
        Err(e) => assert!(e.to_string().contains(store.to_str().unwrap()), "{case}: {e}"),
    }
}

#[tokio::test]
async fn lengths_are_not_believed() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let expected = make(&good).await?;
    let changes = RECORDS.iter().map(|change| ("journal", ".log", change));
    for (folder, suffix, (what, change)) in changes.chain(RUNS.iter().map(|change| ("runs", ".lance", change))) {
        let store = dir.path().join("store");
        crash_copy(&good, &store);
        let path = file(&store.join(folder), suffix);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        check(&store, &expected, what).await;
        std::fs::remove_dir_all(&store).unwrap();
    }
    Ok(())
}

/// A file of holes is as long as one likes.
#[tokio::test]
async fn files_of_a_tebibyte_are_not_read_into_memory() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let expected = make(&good).await?;
    for (name, opens) in [("journal/HEAD", true), ("runs/RECORD", true), ("journal", false), ("runs", false)] {
        let store = dir.path().join("store");
        crash_copy(&good, &store);
        let path = match name {
            "journal" => file(&store.join(name), ".log"),
            "runs" => file(&store.join(name), ".lance"),
            _ => store.join(name),
        };
        std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        match use_it(&store).await {
            Ok(found) => assert!(opens && found == expected, "{name}"),
            Err(e) => assert!(!opens && e.to_string().contains(path.to_str().unwrap()), "{name}: {e}"),
        }
        std::fs::remove_dir_all(&store).unwrap();
    }
    Ok(())
}

/// Counting on from the greatest number ended in a panic.
#[tokio::test]
async fn numbers_that_cannot_be_counted_on_are_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let expected = make(&good).await?;
    for key in ["journal-through", "last-version", "history-floor", "changes-floor", "sequence", "table-version"] {
        for number in [u64::MAX, u64::MAX - 1] {
            let store = dir.path().join("store");
            crash_copy(&good, &store);
            change_record(&store, &format!("kv-lance:{key}"), &number.to_string());
            check(&store, &expected, key).await;
            std::fs::remove_dir_all(&store).unwrap();
        }
    }
    for name in ["18446744073709551615.log", "9.log", "+000000009.log"] {
        let store = dir.path().join("store");
        crash_copy(&good, &store);
        std::fs::write(store.join("journal").join(name), []).unwrap();
        let text = use_it(&store).await.unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
        std::fs::remove_dir_all(&store).unwrap();
    }
    Ok(())
}
