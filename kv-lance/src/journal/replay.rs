//! Reading the journal back when a store opens.
//!
//! All segments must be there that the table does not cover, each but the last sealed, and what
//! `HEAD` says of the last one must be so. What a torn write left at the end of the last one is
//! cleared.

use super::JournalDir;
use super::head::Head;
use super::intact::{check_header, holds_records, is_seal, read_records};
use super::record::Record;
use super::segment::{self, FIRST_STEP, SEGMENT_HEADER};
use crate::files::OpenMode;
use bytes::Bytes;
use kv_api::{Error, Result};
use std::path::Path;

/// A segment's records.
pub(crate) struct Replayed {
    pub(crate) segment: u64,
    pub(crate) records: Vec<Record>,
}

/// Reads the segments after `covered`, hands each to `take` in order, seals the last one, and
/// returns the number of the segment to go on in: the one after the last, or the last if it is
/// empty.
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
        let bytes = segment::read(dir, &path)?;
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

/// Refuses a segment that is shorter than `HEAD` says; where its records end if it was closed. A crash may have come before it
/// was cut there.
fn check_length(head: Option<Head>, number: u64, bytes: &Bytes, path: &Path) -> Result<Option<u64>> {
    let len = bytes.len() as u64;
    match head.filter(|head| head.segment == number).map(|head| head.end) {
        None => Ok(None),
        // Nothing was in it; it may have been begun anew.
        Some(Some(end)) if end == SEGMENT_HEADER as u64 => Ok(None),
        Some(Some(end)) if end > len => {
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
mod tests;
