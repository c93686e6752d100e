//! Segment files: numbered, append-only, extended ahead of the writes with zeros.
//!
//! A write into space that exists already, zeros and all, leaves the file system nothing to record but the data, which makes its
//! fdatasync a third cheaper than one that grows the file.

use super::JournalDir;
use super::record::{HEADER, Record, RecordBuilder};
use crate::files::{FileHandle, OpenMode};
use kv_api::{Error, Result};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The first bytes of a segment: `magic | format u32 | CRC-32C of magic, format and number u32 | number u64`.
pub(super) const SEGMENT_HEADER: usize = 24;
pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"kvlanceJ";

/// Space is made ahead in steps that double from the first to the last of these, in bytes.
const FIRST_STEP: u64 = 64 << 10;
const LAST_STEP: u64 = 4 << 20;

pub(super) fn header(segment: u64, format: u32) -> Vec<u8> {
    let mut bytes = SEGMENT_MAGIC.to_vec();
    bytes.extend(format.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &segment.to_le_bytes());
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(segment.to_le_bytes());
    bytes
}

/// The journal open for writing. One writer at a time.
pub(crate) struct Journal {
    dir: JournalDir,
    segment: u64,
    file: Arc<SegmentFile>,
    /// Where the next record goes.
    end: u64,
    /// Up to here the file has space.
    space: u64,
    step: u64,
}

/// The file being written, shared with whoever syncs it at intervals.
pub(crate) struct SegmentFile {
    file: Arc<dyn FileHandle>,
    path: PathBuf,
    written: AtomicU64,
    synced: AtomicU64,
}

impl SegmentFile {
    /// Makes everything written so far durable; does nothing where it is.
    pub(crate) fn sync(&self) -> Result<bool> {
        let written = self.written.load(Ordering::Acquire);
        if self.synced.load(Ordering::Acquire) >= written {
            return Ok(false);
        }
        self.file.sync_data().map_err(|e| Error::io("syncing", &self.path, e))?;
        self.synced.fetch_max(written, Ordering::AcqRel);
        Ok(true)
    }
}

impl Journal {
    /// Starts segment `segment` in `dir`, in the place of an empty one if there is one. The file and its directory are
    /// durable when this returns.
    pub(crate) fn create(dir: &JournalDir, segment: u64) -> Result<Self> {
        let path = dir.segment(segment);
        let create = || {
            let file = dir.files.open(&path, OpenMode::Replace)?;
            let header = header(segment, crate::table::FORMAT_VERSION);
            file.write_all_at(&header, 0)?;
            zero(&*file, header.len() as u64, FIRST_STEP)?;
            file.sync_all()?;
            dir.files.sync_dir(&dir.path)?;
            Ok(file)
        };
        // What there is of a segment after a failure counts as torn at its creation when the store opens.
        let file = create().map_err(|e: std::io::Error| Error::io("creating", &path, e))?;
        let end = SEGMENT_HEADER as u64;
        let file = SegmentFile { file, path, written: AtomicU64::new(end), synced: AtomicU64::new(end) };
        Ok(Self { dir: dir.clone(), segment, file: Arc::new(file), end, space: FIRST_STEP, step: FIRST_STEP })
    }

    pub(crate) fn segment(&self) -> u64 {
        self.segment
    }

    /// Bytes of the current segment that are durable.
    pub(crate) fn synced(&self) -> u64 {
        self.file.synced.load(Ordering::Acquire)
    }

    /// The file that is being written, for syncing it from elsewhere.
    pub(crate) fn file(&self) -> Arc<SegmentFile> {
        self.file.clone()
    }

    /// Whether nothing has been written to the current segment.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == SEGMENT_HEADER as u64
    }

    /// Writes a group of records with one system call.
    pub(crate) fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<()> {
        let records: Vec<&[u8]> = records.map(Record::as_bytes).collect();
        let len: u64 = records.iter().map(|r| r.len() as u64).sum();
        let mut write = || {
            if self.end + len + HEADER as u64 > self.space {
                // What this write fills needs no zeros.
                self.step = (self.step * 2).min(LAST_STEP);
                let space = (self.end + len).next_multiple_of(self.step) + self.step;
                zero(&*self.file.file, self.end + len, space)?;
                self.space = space;
            }
            match records.as_slice() {
                [one] => self.file.file.write_all_at(one, self.end),
                all => {
                    let mut slices: Vec<IoSlice<'_>> = all.iter().map(|record| IoSlice::new(record)).collect();
                    self.file.file.write_vectored_at(&mut slices, self.end)
                }
            }
        };
        write().map_err(|e: std::io::Error| Error::io("writing", &self.file.path, e))?;
        self.end += len;
        self.file.written.store(self.end, Ordering::Release);
        Ok(())
    }

    /// Makes what has been written durable.
    pub(crate) fn sync(&self) -> Result<bool> {
        self.file.sync()
    }

    /// Goes on in a new segment. The old one is durable when this returns.
    pub(crate) fn rotate(&mut self) -> Result<()> {
        self.sync()?;
        *self = Self::create(&self.dir, self.segment + 1)?;
        Ok(())
    }

    /// Makes everything durable, ends with an empty record that says so, and cuts the space that was made ahead: the
    /// store closes. Damage to any record is then told from a torn write.
    pub(crate) fn close(&mut self) -> Result<()> {
        if !self.is_empty() {
            self.sync()?;
            let none: [(&bytes::Bytes, &Option<bytes::Bytes>); 0] = [];
            let end = RecordBuilder::new(none.into_iter(), 0).finish(0, self.segment, self.synced());
            self.append([&end].into_iter())?;
        }
        let close = || {
            self.file.file.set_len(self.end)?;
            self.file.file.sync_all()
        };
        close().map_err(|e| Error::io("closing", &self.file.path, e))?;
        self.space = self.end;
        self.file.synced.fetch_max(self.end, Ordering::AcqRel);
        Ok(())
    }
}

fn zero(file: &dyn FileHandle, from: u64, to: u64) -> std::io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 << 10];
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROS.len() as u64) as usize;
        file.write_all_at(ZEROS.get(..len).unwrap_or(ZEROS), at)?;
        at += len as u64;
    }
    Ok(())
}
