//! `HEAD`: which segment is the newest, and where the journal ends once the store is closed.
//!
//! A segment that was removed, or cut between two records, looks like one that never was. `HEAD` is
//! written when a segment is durable and before a record goes into it, and when the store closes.
//! One sector, in place: torn by a power loss, or not there as in stores made before there was one,
//! only the check is lost.
//!
//! `magic | segment u64 | end u64, 0 where the segment is open | CRC-32C of all before u32`

use super::JournalDir;
use super::sector::{self, Magic};
use crate::files::{FileHandle, Files, OpenMode};
use kv_api::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &Magic = b"kvlanceH";

/// What `HEAD` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The newest segment.
    pub(super) segment: u64,
    /// Its length, where nothing more is written to it.
    pub(super) end: Option<u64>,
}

impl Head {
    /// `None` where there is none that is intact.
    pub(super) fn read(dir: &JournalDir) -> Result<Option<Self>> {
        let path = dir.head();
        let bytes = match read_part(&*dir.files, &path, 0, sector::LEN) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), "not there: whether the journal's end is missing is not checked");
                return Ok(None);
            }
            Err(e) => return Err(Error::io("reading", &path, e)),
        };
        let head = Self::decode(&bytes);
        if head.is_none() {
            tracing::warn!(path = %path.display(), "damaged: whether the journal's end is missing is not checked");
        }
        Ok(head)
    }

    fn encode(self) -> Vec<u8> {
        sector::encode(MAGIC, [self.segment, self.end.unwrap_or(0)])
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let [segment, end] = sector::decode(MAGIC, bytes)?;
        Some(Self { segment, end: (end > 0).then_some(end) })
    }
}

/// As much of a file as counts: up to `most` bytes from a place on.
pub(super) fn read_part(files: &dyn Files, path: &Path, from: u64, most: u64) -> std::io::Result<Vec<u8>> {
    let file = files.open(path, OpenMode::Read)?;
    let mut bytes = vec![0; file.len()?.saturating_sub(from).min(most) as usize];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// `HEAD`, kept open, so that a new segment needs one file handle and no more.
#[derive(Debug, Clone)]
pub(super) struct HeadFile {
    file: Arc<dyn FileHandle>,
    path: PathBuf,
}

impl HeadFile {
    pub(super) fn open(dir: &JournalDir) -> Result<Self> {
        let path = dir.head();
        let file = match dir.files.open(&path, OpenMode::Write) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                dir.files.open(&path, OpenMode::New).and_then(|file| dir.files.sync_dir(&dir.path).map(|()| file))
            }
            opened => opened,
        };
        let file = file.map_err(|e| Error::io("opening", &path, e))?;
        Ok(Self { file, path })
    }

    /// Durable when this returns.
    pub(super) fn write(&self, head: Head) -> Result<()> {
        self.write_at(&head.encode(), 0)?;
        self.file.sync_data().map_err(|e| Error::io("writing", &self.path, e))
    }

    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|e| Error::io("writing", &self.path, e))
    }
}
