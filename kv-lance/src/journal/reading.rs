//! What a journal holds, and what is wrong with it. Nothing is changed here.

use super::JournalDir;
use super::head::Head;
use super::intact::{check_header, holds_records, is_seal, read_records};
use super::mark::Mark;
use super::record::Record;
use super::segment::{self, FIRST_STEP, SEGMENT_HEADER};
use bytes::Bytes;
use kv_api::{Error, Result};
use std::path::{Path, PathBuf};

/// The segments that the table does not cover, and what is known of the newest one.
pub(super) struct Uncovered {
    pub(super) segments: Vec<(u64, PathBuf)>,
    /// The number of the newest.
    pub(super) last: u64,
    pub(super) head: Option<Head>,
    pub(super) mark: Option<Mark>,
}

/// What a segment holds.
pub(super) struct Segment {
    pub(super) bytes: Bytes,
    pub(super) records: Vec<Record>,
    /// Where they end.
    pub(super) end: u64,
    pub(super) sealed: bool,
}

impl Uncovered {
    /// Looks for the segments after `covered`.
    pub(super) fn find(dir: &JournalDir, covered: u64) -> Result<Self> {
        let (head, mark) = (Head::read(dir)?, Mark::read(dir)?);
        let mut segments = dir.segments()?;
        let last = segments.last().map_or(0, |(number, _)| *number);
        segments.retain(|(number, _)| *number > covered);
        Ok(Self { segments, last, head, mark })
    }

    /// Whether there is an intact `HEAD`.
    pub(super) fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// # Errors
    /// `Corruption` where the newest segment is missing.
    pub(super) fn check_newest(&self, dir: &JournalDir, covered: u64) -> Result<()> {
        if self.last <= covered {
            let why = format!("the table covers the journal up to segment {covered} only");
            return Err(missing(dir, covered + 1, &why));
        }
        match self.head.filter(|head| head.segment > self.last) {
            Some(head) => Err(missing(dir, head.segment, "it was the newest segment")),
            None => Ok(()),
        }
    }

    /// Reads a segment; `None` where nothing has been written to it.
    ///
    /// # Errors
    /// `Corruption`, `UnsupportedFormat`, `Io`.
    pub(super) fn read(&self, dir: &JournalDir, number: u64, path: &Path) -> Result<Option<Segment>> {
        let bytes = segment::read(dir, path)?;
        let is_last = number == self.last;
        let intact = check_header(&bytes, number, path)?;
        let closed_at = self.check_length(number, &bytes, path)?;
        if !intact {
            // Torn while it was being created: it is synced before the first record goes in, and before `HEAD` says
            // that it is in use.
            if is_last && !self.is_in_use(number) && !holds_records(&bytes, number) {
                return Ok(None);
            }
            return Err(Error::corruption(path, "the segment's header does not match its checksum"));
        }
        let (records, end) = read_records(&bytes, number, path, is_last)?;
        let synced = self.mark.filter(|mark| mark.segment == number).map_or(0, |mark| mark.synced);
        if closed_at.is_some_and(|closed_at| closed_at != end as u64) || synced > end as u64 {
            return Err(Error::corruption(path, format!("the record at byte {end} is damaged, and it was durable")));
        }
        if is_last && records.iter().all(is_seal) {
            return Ok(None);
        }
        let sealed = records.last().is_some_and(is_seal);
        if !is_last && self.head.is_some() && !sealed {
            return Err(Error::corruption(path, format!("it has been cut at byte {end} or before")));
        }
        Ok(Some(Segment { bytes, records, end: end as u64, sealed }))
    }

    /// So far a segment is known to have been written; `None` where nothing says.
    pub(super) fn known_end(&self, number: u64) -> Option<u64> {
        let closed_at = self.head.filter(|head| head.segment == number).and_then(|head| head.end);
        let synced = self.mark.filter(|mark| mark.segment == number).map(|mark| mark.synced);
        closed_at.max(synced)
    }

    /// Whether `HEAD` says that records are being written to it.
    fn is_in_use(&self, number: u64) -> bool {
        self.head == Some(Head { segment: number, end: None })
    }

    /// Refuses a segment that is shorter than `HEAD` says; where its records end if it was closed. A crash may have come
    /// before it was cut there.
    fn check_length(&self, number: u64, bytes: &Bytes, path: &Path) -> Result<Option<u64>> {
        let len = bytes.len() as u64;
        match self.head.filter(|head| head.segment == number).map(|head| head.end) {
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
}

/// The error of a segment that should be there.
pub(super) fn missing(dir: &JournalDir, number: u64, why: &str) -> Error {
    Error::corruption(dir.segment(number), format!("it is missing; {why}"))
}
