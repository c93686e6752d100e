//! Reading the journal back when a store opens.
//!
//! All segments must be there that the table does not cover, each but the last sealed, and what
//! `HEAD` says of the last one must be so. What a torn write left at the end of the last one is
//! cleared.

use super::JournalDir;
use super::reading::{Segment, Uncovered, missing};
use super::record::Record;
use super::segment;
use crate::files::OpenMode;
use kv_api::{Error, Result};

/// A segment's records.
pub(crate) struct Replayed {
    pub(crate) segment: u64,
    pub(crate) records: Vec<Record>,
}

/// Reads the segments after `covered`, hands each to `take` in order, seals the last one, and
/// returns the number of the segment to go on in: the one after the last, or the last if it is
/// empty.
pub(crate) fn replay(dir: &JournalDir, covered: u64, mut take: impl FnMut(Replayed) -> Result<()>) -> Result<u64> {
    let uncovered = Uncovered::find(dir, covered)?;
    uncovered.check_newest(dir, covered)?;
    for (expected, (number, path)) in (covered + 1..).zip(&uncovered.segments) {
        if *number != expected {
            return Err(missing(dir, expected, &format!("segment {number} follows")));
        }
        let Some(segment) = uncovered.read(dir, *number, path)? else { return Ok(*number) };
        tidy(dir, *number, &segment).map_err(|e| Error::io("tidying the end of", path, e))?;
        take(Replayed { segment: *number, records: segment.records })?;
    }
    Ok(uncovered.last + 1)
}

/// Clears what a torn write left behind `end`, and seals the segment, since another will follow it.
fn tidy(dir: &JournalDir, number: u64, segment: &Segment) -> std::io::Result<()> {
    let Segment { bytes, end, sealed, .. } = segment;
    let (end, sealed) = (*end, *sealed);
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
