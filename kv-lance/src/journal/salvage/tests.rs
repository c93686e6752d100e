use super::super::{Journal, RecordBuilder};
use super::*;
use crate::files::LocalFiles;
use crate::write::Write;
use std::sync::Arc;

const RECORD: usize = 40 + 4 + 9 + 5 + 3 + 3;

/// A closed journal: three segments with three commits each.
fn make(path: &Path) -> Result<JournalDir> {
    let dir = JournalDir::new(Arc::new(LocalFiles), path);
    let mut journal = Journal::create(&dir, 1)?;
    for version in 1..=9 {
        let writes = [(Bytes::from(format!("key {version}")), Write::set("val".into()))];
        let each = || writes.iter().map(|(k, v)| (k, v));
        let builder = RecordBuilder::new(each(), RecordBuilder::size_of(each()));
        journal.append(&[builder.finish(version, journal.segment(), journal.synced())])?;
        journal.sync()?;
        if version % 3 == 0 && version < 9 {
            journal.rotate()?;
        }
    }
    journal.close()?;
    Ok(dir)
}

/// The versions of commits; `G` for a gap and `N` for a note.
fn pieces(dir: &JournalDir, covered: Option<(u64, Version)>) -> Result<String> {
    let piece = |piece: &Piece| match piece {
        Piece::Commit(record) => record.version.to_string(),
        Piece::Gap(_) => "G".into(),
        Piece::Note(_) => "N".into(),
    };
    Ok(salvage(dir, covered)?.iter().map(piece).collect())
}

#[test]
fn what_is_intact_is_found_around_what_is_not() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (first, second) = (SEGMENT_HEADER, SEGMENT_HEADER + RECORD);
    let seal = SEGMENT_HEADER + 3 * RECORD;
    for (segment, flips, expected) in [
        // The payload of a record, and its header.
        (1, vec![first + 44], "G23456789"),
        (1, vec![second + 44], "1G3456789"),
        (1, vec![second + 17], "1G3456789"),
        (2, vec![second + 44], "1234G6789"),
        (3, vec![second], "1234567G9"),
        // Several in a row are one gap where their headers are damaged.
        (1, vec![first, second], "G3456789"),
        (1, vec![first + 44, second + 44], "GG3456789"),
        (1, vec![first, second + 44], "GG3456789"),
        // The header of a segment costs no commit, nor does its end where that can still be read.
        (1, vec![3], "123N456789"),
        (1, vec![17], "123N456789"),
        (3, vec![3], "123456789N"),
        (2, vec![seal + 44 - 3], "123456N789"),
        (2, vec![seal + 9], "123456G789"),
    ] {
        let tempdir = tempfile::tempdir()?;
        let dir = make(tempdir.path())?;
        assert_eq!(pieces(&dir, None)?, "123456789");
        let path = dir.segment(segment);
        let mut bytes = std::fs::read(&path)?;
        for at in &flips {
            if let Some(byte) = bytes.get_mut(*at) {
                *byte ^= 1;
            }
        }
        std::fs::write(&path, &bytes)?;
        assert_eq!(pieces(&dir, None)?, expected, "{segment}: {flips:?}");
        assert_eq!(std::fs::read(&path)?, bytes);
    }
    Ok(())
}

#[test]
fn segments_that_are_missing_are_gaps() -> std::result::Result<(), Box<dyn std::error::Error>> {
    for (segment, expected) in [(1, "456789"), (2, "123G789"), (3, "123456G")] {
        let tempdir = tempfile::tempdir()?;
        let dir = make(tempdir.path())?;
        std::fs::remove_file(dir.segment(segment))?;
        assert_eq!(pieces(&dir, None)?, expected, "{segment}");
        if segment == 1 {
            assert_eq!(pieces(&dir, Some((0, 0)))?, "G456789");
            assert_eq!(pieces(&dir, Some((1, 3)))?, "456789");
        }
    }
    // Cut short, or with nothing in it.
    for len in [0, 10, SEGMENT_HEADER, SEGMENT_HEADER + RECORD] {
        let tempdir = tempfile::tempdir()?;
        let dir = make(tempdir.path())?;
        let bytes = std::fs::read(dir.segment(3))?;
        std::fs::write(dir.segment(3), bytes.get(..len).unwrap_or_default())?;
        let expected = if len > SEGMENT_HEADER { "1234567G" } else { "123456G" };
        assert_eq!(pieces(&dir, None)?, expected, "cut to {len}");
    }
    Ok(())
}

#[test]
fn what_is_no_segment_and_a_missing_head_are_noted() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let tempdir = tempfile::tempdir()?;
    let dir = make(tempdir.path())?;
    std::fs::write(tempdir.path().join("notes.txt"), "mine")?;
    assert_eq!(pieces(&dir, None)?, "N123456789");
    std::fs::remove_file(dir.head())?;
    assert_eq!(pieces(&dir, None)?, "NN123456789");
    Ok(())
}

#[test]
fn commits_that_are_covered_or_out_of_order_are_not_taken() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let tempdir = tempfile::tempdir()?;
    let dir = make(tempdir.path())?;
    assert_eq!(pieces(&dir, Some((1, 3)))?, "456789");
    assert_eq!(pieces(&dir, Some((1, 5)))?, "GG6789");
    // Another segment in the place of one has records of another number.
    std::fs::copy(dir.segment(1), dir.segment(2))?;
    assert_eq!(pieces(&dir, None)?, "123G789");
    Ok(())
}
