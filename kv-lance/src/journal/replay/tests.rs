use super::super::head::Head;
use super::super::intact::is_seal;
use super::super::mark::Mark;
use super::super::segment::{FIRST_STEP, SEGMENT_HEADER};
use super::super::{Journal, RecordBuilder};
use super::*;
use crate::files::LocalFiles;
use crate::write::Write;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

type Outcome = std::result::Result<Vec<u64>, Error>;

fn journal_dir(dir: &tempfile::TempDir) -> JournalDir {
    JournalDir::new(Arc::new(LocalFiles), dir.path())
}

fn replayed(dir: &JournalDir, covered: u64) -> Outcome {
    let mut versions = vec![];
    replay(dir, covered, |segment| {
        versions.extend(segment.records.iter().filter(|r| !is_seal(r)).map(|r| r.version));
        Ok(())
    })?;
    Ok(versions)
}

fn append(journal: &mut Journal, versions: std::ops::RangeInclusive<u64>) -> Result<()> {
    for version in versions {
        append_unsynced(journal, version)?;
        journal.sync()?;
    }
    Ok(())
}

fn append_unsynced(journal: &mut Journal, version: u64) -> Result<()> {
    let writes = [(Bytes::from(format!("key {version}")), Write::set("val".into()))];
    let each = || writes.iter().map(|(k, v)| (k, v));
    let builder = RecordBuilder::new(each(), RecordBuilder::size_of(each()));
    let record = builder.finish(version, journal.segment(), journal.synced());
    Ok(journal.append(&[record])?)
}

fn edit(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
    let mut bytes = std::fs::read(path)?;
    edit(&mut bytes);
    std::fs::write(path, bytes)
}

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
}

const RECORD: usize = 40 + 4 + 9 + 5 + 3 + 3;

#[test]
fn segments_are_read_in_order_from_the_first_uncovered() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut journal = Journal::create(&journal_dir(&dir), 1)?;
    append(&mut journal, 1..=3)?;
    journal.rotate().map_err(Error::from)?;
    append(&mut journal, 4..=5)?;
    assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2, 3, 4, 5]);
    assert_eq!(replayed(&journal_dir(&dir), 1)?, [4, 5]);
    journal_dir(&dir).remove_through(1)?;
    assert_eq!(replayed(&journal_dir(&dir), 1)?, [4, 5]);
    assert!(matches!(replayed(&journal_dir(&dir), 0), Err(Error::Corruption { .. })), "segment 1 is missing");
    assert!(matches!(replayed(&journal_dir(&dir), 9), Err(Error::Corruption { .. })), "the table is ahead");
    Ok(())
}

#[test]
fn a_torn_tail_is_cut_wherever_it_is_torn() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // The last bytes of a record pad it.
    for torn in 1..RECORD - 3 {
        let dir = tempfile::tempdir()?;
        let mut journal = Journal::create(&journal_dir(&dir), 1)?;
        append(&mut journal, 1..=2)?;
        append_unsynced(&mut journal, 3)?;
        let path = dir.path().join("0000000001.log");
        edit(&path, |bytes| {
            bytes.iter_mut().skip(SEGMENT_HEADER + 2 * RECORD + torn).for_each(|byte| *byte = 0);
        })?;
        assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2], "torn after {torn} bytes");
        assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2], "a second time");
        Journal::create(&journal_dir(&dir), 2)?;
        assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2], "with another segment behind");
    }
    Ok(())
}

/// After a crash the last record, or all of them, could be damaged or gone, and the store opened without them.
#[test]
fn a_tail_that_was_durable_is_no_torn_write() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for kept in 0..3 {
        for durable in [true, false] {
            let dir = tempfile::tempdir()?;
            let mut journal = Journal::create(&journal_dir(&dir), 1)?;
            append(&mut journal, 1..=3)?;
            let start = SEGMENT_HEADER + kept * RECORD;
            edit(&dir.path().join("0000000001.log"), |bytes| bytes.iter_mut().skip(start).for_each(|byte| *byte = 0))?;
            if !durable {
                // As a loss of power may leave it.
                edit(&dir.path().join("HEAD"), |bytes| bytes.truncate(512))?;
            }
            match replayed(&journal_dir(&dir), 0) {
                Err(Error::Corruption { .. }) if durable => {}
                Ok(found) if !durable => assert_eq!(found.len(), kept),
                other => return Err(format!("{kept} kept, durable: {durable}: {other:?}").into()),
            }
        }
    }
    Ok(())
}

/// A newest segment of zeros was taken for one that was torn at its creation.
#[test]
fn a_segment_in_use_has_a_header() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    append(&mut Journal::create(&journal_dir(&dir), 1)?, 1..=3)?;
    edit(&dir.path().join("0000000001.log"), |bytes| bytes.fill(0))?;
    edit(&dir.path().join("HEAD"), |bytes| bytes.truncate(512))?;
    assert!(matches!(replayed(&journal_dir(&dir), 0), Err(Error::Corruption { .. })));
    Ok(())
}

#[test]
fn head_and_mark_do_not_touch_each_other() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let journal_dir = journal_dir(&dir);
    append(&mut Journal::create(&journal_dir, 7)?, 1..=2)?;
    let synced = (SEGMENT_HEADER + 2 * RECORD) as u64;
    assert_eq!(Head::read(&journal_dir)?, Some(Head { segment: 7, end: None }));
    assert_eq!(Mark::read(&journal_dir)?, Some(Mark { segment: 7, synced }));
    for at in 512..512 + 28 {
        edit(&dir.path().join("HEAD"), |bytes| flip(bytes, at))?;
        assert_eq!(Mark::read(&journal_dir)?, None, "byte {at}");
        assert!(Head::read(&journal_dir)?.is_some());
        edit(&dir.path().join("HEAD"), |bytes| flip(bytes, at))?;
    }
    // Begun anew it is empty again.
    Journal::create(&journal_dir, 7)?;
    assert_eq!(Mark::read(&journal_dir)?, Some(Mark { segment: 7, synced: SEGMENT_HEADER as u64 }));
    Ok(())
}

#[test]
fn damage_before_the_tail_is_corruption() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for at in SEGMENT_HEADER..SEGMENT_HEADER + 2 * RECORD - 3 {
        let dir = tempfile::tempdir()?;
        let mut journal = Journal::create(&journal_dir(&dir), 1)?;
        append(&mut journal, 1..=3)?;
        edit(&dir.path().join("0000000001.log"), |bytes| flip(bytes, at))?;
        match replayed(&journal_dir(&dir), 0) {
            Err(Error::Corruption { .. }) => {}
            // The padding between records carries nothing.
            Ok(versions) => assert!(versions == [1, 2, 3], "byte {at} lost {versions:?}"),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[test]
fn damage_in_a_segment_that_is_not_the_last_is_corruption() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut journal = Journal::create(&journal_dir(&dir), 1)?;
    append(&mut journal, 1..=1)?;
    journal.rotate().map_err(Error::from)?;
    append(&mut journal, 2..=2)?;
    edit(&dir.path().join("0000000001.log"), |bytes| flip(bytes, SEGMENT_HEADER + 20))?;
    assert!(matches!(replayed(&journal_dir(&dir), 0), Err(Error::Corruption { .. })));
    Ok(())
}

#[test]
fn another_format_is_refused_by_its_number() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("0000000001.log"), segment::header(1, 99))?;
    let refused = replayed(&journal_dir(&dir), 0);
    assert!(matches!(&refused, Err(Error::UnsupportedFormat { found, .. }) if found == "99"), "{refused:?}");
    Ok(())
}

#[test]
fn a_segment_torn_at_its_creation_is_as_if_it_were_not_there() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut journal = Journal::create(&journal_dir(&dir), 1)?;
    append(&mut journal, 1..=2)?;
    journal.seal().map_err(Error::from)?;
    std::fs::write(dir.path().join("0000000002.log"), b"kvlan")?;
    assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2]);
    assert_eq!(replay(&journal_dir(&dir), 0, |_| Ok(()))?, 2, "and is written anew");
    Ok(())
}

#[test]
fn a_damaged_header_before_records_is_corruption() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for at in 0..SEGMENT_HEADER {
        let dir = tempfile::tempdir()?;
        let mut journal = Journal::create(&journal_dir(&dir), 1)?;
        append(&mut journal, 1..=2)?;
        edit(&dir.path().join("0000000001.log"), |bytes| flip(bytes, at))?;
        let refused = replayed(&journal_dir(&dir), 0);
        assert!(matches!(refused, Err(Error::Corruption { .. })), "byte {at}: {refused:?}");
    }
    Ok(())
}

#[test]
fn after_a_close_no_record_passes_for_a_torn_write() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut journal = Journal::create(&journal_dir(&dir), 1)?;
    append(&mut journal, 1..=1)?;
    journal.close()?;
    assert_eq!(replayed(&journal_dir(&dir), 0)?.first(), Some(&1));
    edit(&dir.path().join("0000000001.log"), |bytes| flip(bytes, SEGMENT_HEADER + 30))?;
    assert!(matches!(replayed(&journal_dir(&dir), 0), Err(Error::Corruption { .. })));
    Ok(())
}

#[test]
fn an_empty_segment_is_used_again() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    Journal::create(&journal_dir(&dir), 1)?.close()?;
    assert_eq!(replay(&journal_dir(&dir), 0, |_| Ok(()))?, 1);
    append(&mut Journal::create(&journal_dir(&dir), 1)?, 1..=1)?;
    assert_eq!(replay(&journal_dir(&dir), 0, |_| Ok(()))?, 2);
    Ok(())
}

/// A close that was cut off before the file was.
#[test]
fn a_closed_segment_may_have_space_behind_its_end_and_no_records() -> std::result::Result<(), Box<dyn std::error::Error>>
{
    let dir = tempfile::tempdir()?;
    let mut journal = Journal::create(&journal_dir(&dir), 1)?;
    append(&mut journal, 1..=2)?;
    let path = dir.path().join("0000000001.log");
    let open = std::fs::read(dir.path().join("HEAD"))?;
    journal.close()?;
    edit(&path, |bytes| bytes.resize(FIRST_STEP as usize, 0))?;
    assert_eq!(replayed(&journal_dir(&dir), 0)?, [1, 2]);
    let closed = std::fs::read(dir.path().join("HEAD"))?;
    // One more than `HEAD` says.
    std::fs::write(dir.path().join("HEAD"), open)?;
    append(&mut journal, 3..=3)?;
    std::fs::write(dir.path().join("HEAD"), closed)?;
    assert!(matches!(replayed(&journal_dir(&dir), 0), Err(Error::Corruption { .. })));
    Ok(())
}
