//! What of a segment's bytes is intact.
//!
//! A segment ends at its first record that is not. In the last segment that is where the last write
//! was torn, or the zeros ahead of it begin; but if an intact record behind says that the damaged
//! place was durable, acknowledged data is gone and the store refuses to open. In any other segment
//! it is damage if anything but zeros follows.

use super::record::{ALIGNMENT, Record};
use super::segment::{self, SEGMENT_HEADER, SEGMENT_MAGIC};
use crate::codec::Reader;
use crate::table::FORMAT_VERSION;
use bytes::Bytes;
use kv_api::{Error, Result};
use std::path::Path;

/// Whether there is a whole record anywhere.
pub(super) fn holds_records(bytes: &Bytes, number: u64) -> bool {
    (0..bytes.len()).step_by(ALIGNMENT).any(|at| Record::at(bytes, at, number).is_some())
}

/// Whether this is the empty record at the end of a segment.
pub(super) fn is_seal(record: &Record) -> bool {
    record.writes().next().is_none()
}

/// Whether the header is intact.
pub(super) fn check_header(bytes: &Bytes, number: u64, path: &Path) -> Result<bool> {
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
pub(super) fn read_records(bytes: &Bytes, number: u64, path: &Path, last: bool) -> Result<(Vec<Record>, usize)> {
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
