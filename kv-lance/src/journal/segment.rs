//! Segment files: numbered, append-only, extended ahead of the writes with zeros.
//!
//! A write into space that exists already, zeros and all, leaves the file system nothing to record
//! but the data, which makes its fdatasync a third cheaper than one that grows the file.

use super::head::{Head, HeadFile};
use super::mark::Mark;
use super::record::{HEADER, MAX_PAYLOAD, Record, RecordBuilder};
use super::{JournalDir, JournalError};
use crate::files::{self, FileHandle, OpenMode};
use crate::write::Writes;
use bytes::Bytes;
use kv_api::{Error, Result};
use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The first bytes of a segment: `magic | format u32 | CRC-32C of magic, format and number u32 |
/// number u64`.
pub(super) const SEGMENT_HEADER: usize = 24;
pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"kvlanceJ";

/// Space is made ahead in steps that double from the first to the last of these, in bytes.
pub(super) const FIRST_STEP: u64 = 64 << 10;
const LAST_STEP: u64 = 4 << 20;

/// No segment is longer: a memtable takes twice its budget, which is 4 GiB at most, and then one more commit.
const MOST_BYTES: u64 = (8 << 30) + MAX_PAYLOAD as u64 + 2 * LAST_STEP;

/// The bytes of a segment.
pub(super) fn read(dir: &JournalDir, path: &Path) -> Result<Bytes> {
    match files::read(&*dir.files, path, MOST_BYTES) {
        Ok(bytes) => Ok(bytes.into()),
        Err(e) if e.kind() == ErrorKind::FileTooLarge => {
            Err(Error::corruption(path, format!("it is longer than any segment: {e}")))
        }
        Err(e) => Err(Error::io("reading", path, e)),
    }
}

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
    head: HeadFile,
    segment: u64,
    file: Arc<SegmentFile>,
    /// Where the next record goes.
    end: u64,
    /// Up to here the file has space.
    space: u64,
    step: u64,
    /// Where the last seal ends.
    sealed: u64,
}

/// The file being written, shared with whoever syncs it at intervals.
pub(crate) struct SegmentFile {
    file: Arc<dyn FileHandle>,
    path: PathBuf,
    segment: u64,
    head: HeadFile,
    written: AtomicU64,
    synced: AtomicU64,
    /// Whether the mark can be written.
    marks: AtomicBool,
}

impl SegmentFile {
    /// A new file, in the place of one that is not in use. It and its directory are durable when
    /// this returns.
    fn create(dir: &JournalDir, head: &HeadFile, segment: u64) -> std::io::Result<Self> {
        let path = dir.segment(segment);
        let file = dir.files.open(&path, OpenMode::Replace)?;
        let header = header(segment, crate::table::FORMAT_VERSION);
        file.write_all_at(&header, 0)?;
        zero(&*file, header.len() as u64, FIRST_STEP)?;
        file.sync_all()?;
        dir.files.sync_dir(&dir.path)?;
        let end = SEGMENT_HEADER as u64;
        let (written, synced) = (AtomicU64::new(end), AtomicU64::new(end));
        Ok(Self { file, path, segment, head: head.clone(), written, synced, marks: AtomicBool::new(true) })
    }

    /// Makes everything written so far durable; does nothing where it is.
    pub(crate) fn sync(&self) -> Result<bool> {
        let written = self.written.load(Ordering::Acquire);
        if self.synced.load(Ordering::Acquire) >= written {
            return Ok(false);
        }
        self.file.sync_data().map_err(|e| Error::io("syncing", &self.path, e))?;
        if self.synced.fetch_max(written, Ordering::AcqRel) < written {
            self.mark(written);
        }
        Ok(true)
    }

    /// Notes how far the segment is durable. Where that fails, what was noted before is still true.
    fn mark(&self, synced: u64) {
        if self.marks.load(Ordering::Relaxed)
            && let Err(e) = (Mark { segment: self.segment, synced }).write(&self.head)
        {
            self.marks.store(false, Ordering::Relaxed);
            tracing::warn!(error = %e, "damage to the end of this segment would pass for a torn write after a crash");
        }
    }
}

impl Journal {
    /// Starts segment `segment` in `dir`, in the place of an empty one if there is one. The file,
    /// its directory and `HEAD` are durable when this returns.
    pub(crate) fn create(dir: &JournalDir, segment: u64) -> Result<Self> {
        let path = dir.segment(segment);
        let head = HeadFile::open(dir)?;
        if dir.files.exists(&path).map_err(|e| Error::io("opening", &path, e))? {
            // Written anew it is short for a moment, which would else be taken for damage.
            dir.files.sync_dir(&dir.path).map_err(|e| Error::io("syncing", &dir.path, e))?;
            Mark { segment, synced: SEGMENT_HEADER as u64 }.write(&head)?;
            head.write(Head { segment, end: Some(SEGMENT_HEADER as u64) })?;
        }
        // What there is of a segment after a failure counts as torn at its creation when the store
        // opens.
        let file = SegmentFile::create(dir, &head, segment).map_err(|e| Error::io("creating", &path, e))?;
        head.write(Head { segment, end: None })?;
        Ok(Self::new(dir.clone(), head, segment, file))
    }

    fn new(dir: JournalDir, head: HeadFile, segment: u64, file: SegmentFile) -> Self {
        let end = SEGMENT_HEADER as u64;
        Self { dir, head, segment, file: Arc::new(file), end, space: FIRST_STEP, step: FIRST_STEP, sealed: 0 }
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
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let len: u64 = records.iter().map(|record| record.as_bytes().len() as u64).sum();
        let failed = |e| Error::io("writing", &self.file.path, e);
        if self.end + len + HEADER as u64 > self.space {
            // What this write fills needs no zeros.
            let step = (self.step * 2).min(LAST_STEP);
            let space = (self.end + len).next_multiple_of(step) + step;
            zero(&*self.file.file, self.end + len, space).map_err(|e| JournalError::Unchanged(failed(e)))?;
            (self.step, self.space) = (step, space);
        }
        let written = match records {
            [one] => self.file.file.write_all_at(one.as_bytes(), self.end),
            all => {
                let mut slices: Vec<IoSlice<'_>> = all.iter().map(|record| IoSlice::new(record.as_bytes())).collect();
                self.file.file.write_vectored_at(&mut slices, self.end)
            }
        };
        written.map_err(|e| JournalError::Failed(failed(e)))?;
        self.end += len;
        self.file.written.store(self.end, Ordering::Release);
        Ok(())
    }

    /// Makes what has been written durable.
    pub(crate) fn sync(&self) -> Result<bool> {
        self.file.sync()
    }

    /// Goes on in a new segment. The old one is durable then, and so is the new one.
    pub(crate) fn rotate(&mut self) -> Result<(), JournalError> {
        self.seal()?;
        self.sync().map_err(JournalError::Failed)?;
        let segment = self.segment + 1;
        let file = match SegmentFile::create(&self.dir, &self.head, segment) {
            Ok(file) => file,
            Err(e) => {
                let path = self.dir.segment(segment);
                // Where it stays, what goes into the old segment would be taken for damage when the
                // store opens.
                let discarded = self.discard(segment).map_err(|e| Error::io("removing", &path, e));
                discarded.map_err(JournalError::Failed)?;
                return Err(JournalError::Unchanged(Error::io("creating", &path, e)));
            }
        };
        // From here on the new segment must exist.
        self.head.write(Head { segment, end: None }).map_err(JournalError::Failed)?;
        *self = Self::new(self.dir.clone(), self.head.clone(), segment, file);
        Ok(())
    }

    /// Removes a segment that was not finished.
    fn discard(&self, segment: u64) -> std::io::Result<()> {
        let path = self.dir.segment(segment);
        if !self.dir.files.exists(&path)? {
            return Ok(());
        }
        self.dir.files.remove(&path)?;
        self.dir.files.sync_dir(&self.dir.path)
    }

    /// Ends with an empty record: without one, a segment that another follows has been cut.
    pub(super) fn seal(&mut self) -> Result<(), JournalError> {
        if self.sealed != self.end {
            self.append(&[seal(self.segment, self.synced())])?;
            self.sealed = self.end;
        }
        Ok(())
    }

    /// Makes everything durable, ends with an empty record that says so, notes the end, and cuts the
    /// space that was made ahead: the store closes. Damage to any record is then told from a torn
    /// write.
    pub(crate) fn close(&mut self) -> Result<()> {
        if !self.is_empty() {
            self.sync()?;
            self.seal()?;
            self.sync()?;
        }
        // First, or a crash between the two would leave a file that is shorter than one in use can
        // be. What is not cut is zeros.
        self.head.write(Head { segment: self.segment, end: Some(self.end) })?;
        self.file.file.set_len(self.end).map_err(|e| Error::io("closing", &self.file.path, e))?;
        self.space = self.end;
        Ok(())
    }
}

/// The empty record at the end of a segment.
pub(super) fn seal(segment: u64, synced: u64) -> Record {
    let none = Writes::new();
    RecordBuilder::new(none.iter(), 0).finish(0, segment, synced)
}

pub(super) fn zero(file: &dyn FileHandle, from: u64, to: u64) -> std::io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 << 10];
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROS.len() as u64) as usize;
        file.write_all_at(ZEROS.get(..len).unwrap_or(ZEROS), at)?;
        at += len as u64;
    }
    Ok(())
}
