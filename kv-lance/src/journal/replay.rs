//! Reading the journal back when a store opens.
//!
//! A segment ends at its first record that is not intact. In the last segment that is where the last write was torn, or the
//! zeros ahead of it begin, and the rest is cleared; but if an intact record behind says that the damaged place was durable, acknowledged
//! data is gone and the store refuses to open. In any other segment it is damage if anything but zeros follows, or if
//! the segment is not sealed. What `HEAD` says of the last segment must be so.

use super::JournalDir;
use super::head::Head;
use super::record::{ALIGNMENT, Record};
use super::segment::{self, FIRST_STEP, SEGMENT_HEADER, SEGMENT_MAGIC};
use crate::codec::Reader;
use crate::files::{self, OpenMode};
use crate::table::FORMAT_VERSION;
use bytes::Bytes;
use kv_api::{Error, Result};
use std::path::Path;

/// A segment's records.
pub(crate) struct Replayed {
    pub(crate) segment: u64,
    pub(crate) records: Vec<Record>,
}

/// Reads the segments after `covered`, hands each to `take` in order, seals the last one, and returns the number of the
/// segment to go on in: the one after the last, or the last if it is empty.
pub(crate) fn replay(dir: &JournalDir, covered: u64, mut take: impl FnMut(Replayed) -> Result<()>) -> Result<u64> {
    let head = Head::read(dir)?;
    let segments = dir.segments()?;
    let last = segments.last().map_or(0, |(number, _)| *number);
    let missing = |number: u64, why: &str| Error::corruption(dir.segment(number), format!("it is missing; {why}"));
    if last <= covered {
        return Err(missing(covered + 1, &format!("the table covers the journal up to segment {covered} only")));
    }
    if let Some(head) = head.filter(|head| head.segment > last) {
        return Err(missing(head.segment, "it was the newest segment"));
    }
    let uncovered = segments.into_iter().filter(|(number, _)| *number > covered);
    for (expected, (number, path)) in (covered + 1..).zip(uncovered) {
        if number != expected {
            return Err(missing(expected, &format!("segment {number} follows")));
        }
        let bytes: Bytes = files::read(&*dir.files, &path).map_err(|e| Error::io("reading", &path, e))?.into();
        let intact = check_header(&bytes, number, &path)?;
        let closed_at = check_length(head, number, &bytes, &path)?;
        if !intact {
            // Torn while it was being created: it is synced before the first record goes in.
            if number == last && !holds_records(&bytes, number) {
                return Ok(number);
            }
            return Err(Error::corruption(&path, "the segment's header does not match its checksum"));
        }
        let (records, end) = read_records(&bytes, number, &path, number == last)?;
        if closed_at.is_some_and(|closed_at| closed_at != end as u64) {
            return Err(Error::corruption(&path, format!("the record at byte {end} is damaged, and it was durable")));
        }
        if number == last && records.iter().all(is_seal) {
            return Ok(number);
        }
        let sealed = records.last().is_some_and(is_seal);
        if number != last && head.is_some() && !sealed {
            return Err(Error::corruption(&path, format!("it has been cut at byte {end} or before")));
        }
        tidy(dir, number, &bytes, end as u64, sealed).map_err(|e| Error::io("tidying the end of", &path, e))?;
        take(Replayed { segment: number, records })?;
    }
    Ok(last + 1)
}

/// Whether there is a whole record anywhere.
pub(super) fn holds_records(bytes: &Bytes, number: u64) -> bool {
    (0..bytes.len()).step_by(ALIGNMENT).any(|at| Record::at(bytes, at, number).is_some())
}

fn is_seal(record: &Record) -> bool {
    record.writes().next().is_none()
}

/// Refuses a segment that is shorter than `HEAD` says; where it ends if it was closed.
fn check_length(head: Option<Head>, number: u64, bytes: &Bytes, path: &Path) -> Result<Option<u64>> {
    let len = bytes.len() as u64;
    match head.filter(|head| head.segment == number).map(|head| head.end) {
        None => Ok(None),
        // Nothing was in it; it may have been begun anew.
        Some(Some(end)) if end == SEGMENT_HEADER as u64 => Ok(None),
        Some(Some(end)) if end != len => {
            Err(Error::corruption(path, format!("it has {len} bytes; when the store was closed it had {end}")))
        }
        Some(Some(end)) => Ok(Some(end)),
        Some(None) if len < FIRST_STEP => Err(Error::corruption(
            path,
            format!("it has been cut: it has {len} bytes instead of at least {FIRST_STEP}"),
        )),
        Some(None) => Ok(None),
    }
}

/// Whether the header is intact.
fn check_header(bytes: &Bytes, number: u64, path: &Path) -> Result<bool> {
    let Some(found) = bytes.get(..SEGMENT_HEADER) else { return Ok(false) };
    let mut r = Reader::new(found);
    let (magic, format) = (r.bytes(SEGMENT_MAGIC.len()), r.u32().unwrap_or(0));
    if found != segment::header(number, format) || magic != Some(SEGMENT_MAGIC) {
        return Ok(false);
    }
    if format != FORMAT_VERSION {
        return Err(Error::UnsupportedFormat {
            path: path.into(),
            found: format.to_string(),
            supported: FORMAT_VERSION.to_string(),
        });
    }
    Ok(true)
}

/// The intact records from the beginning, and where they end.
fn read_records(bytes: &Bytes, number: u64, path: &Path, last: bool) -> Result<(Vec<Record>, usize)> {
    let mut records = Vec::new();
    let mut at = SEGMENT_HEADER;
    while let Some(record) = Record::at(bytes, at, number) {
        at += record.as_bytes().len();
        if record.writes().any(|write| write.is_none()) {
            return Err(Error::corruption(path, format!("the record that ends at byte {at} is malformed")));
        }
        records.push(record);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let damaged = if last { durable_beyond(bytes, at, number) } else { rest.iter().any(|b| *b != 0) };
    if damaged {
        return Err(Error::corruption(path, format!("the record at byte {at} is damaged, and it was durable")));
    }
    Ok((records, at))
}

/// Whether an intact record after `at` says that `at` was durable when it was written.
fn durable_beyond(bytes: &Bytes, at: usize, number: u64) -> bool {
    (at..bytes.len())
        .step_by(ALIGNMENT)
        .filter_map(|offset| Record::at(bytes, offset, number))
        .any(|record| record.synced > at as u64)
}

/// Clears what a torn write left behind `end`, and seals the segment, since another will follow it.
fn tidy(dir: &JournalDir, number: u64, bytes: &Bytes, end: u64, sealed: bool) -> std::io::Result<()> {
    let torn = bytes.get(end as usize..).is_some_and(|rest| rest.iter().any(|byte| *byte != 0));
    if sealed && !torn {
        return Ok(());
    }
    let file = dir.files.open(&dir.segment(number), OpenMode::Write)?;
    if torn {
        segment::zero(&*file, end, bytes.len() as u64)?;
        file.sync_all()?;
    }
    if !sealed {
        file.write_all_at(segment::seal(number, end).as_bytes(), end)?;
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Journal, RecordBuilder};
    use super::*;
    use crate::files::LocalFiles;
    use crate::write::Write;
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
            let writes = [(Bytes::from(format!("key {version}")), Write::set("val".into()))];
            let each = || writes.iter().map(|(k, v)| (k, v));
            let builder = RecordBuilder::new(each(), RecordBuilder::size_of(each()));
            let record = builder.finish(version, journal.segment(), journal.synced());
            journal.append([&record].into_iter())?;
            journal.sync()?;
        }
        Ok(())
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
            append(&mut journal, 1..=3)?;
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
    fn a_segment_torn_at_its_creation_is_as_if_it_were_not_there() -> std::result::Result<(), Box<dyn std::error::Error>>
    {
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
}
