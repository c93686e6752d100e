//! The file of a run, read with `pread`.

use crate::files::{FileHandle, OpenFiles};
use bytes::Bytes;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data file and its length. Its handle is opened when it is read and may be closed between two
/// reads: the file must stay where it is for as long as this is used, unless its handle is held.
#[derive(Debug)]
pub(super) struct DataFile {
    files: Arc<OpenFiles>,
    id: u64,
    path: PathBuf,
    len: u64,
    held: Option<Arc<dyn FileHandle>>,
}

impl DataFile {
    /// The file at `path`, which no other file of the store has the `id` of.
    pub(super) fn open(files: &Arc<OpenFiles>, id: u64, path: &Path) -> std::io::Result<Self> {
        let held = files.hold(path)?;
        let mut file = Self { files: files.clone(), id, path: path.into(), len: 0, held };
        file.len = file.handle()?.len()?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Reads exactly this range.
    pub(super) fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        // A damaged length must not ask for more memory than the file has bytes.
        if range.start > range.end || range.end > self.len {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("bytes {}..{} of a file of {}", range.start, range.end, self.len),
            ));
        }
        let mut buf = vec![0; (range.end - range.start) as usize];
        self.handle()?.read_exact_at(&mut buf, range.start)?;
        Ok(buf.into())
    }

    fn handle(&self) -> std::io::Result<Arc<dyn FileHandle>> {
        match &self.held {
            Some(held) => Ok(held.clone()),
            None => self.files.handle(self.id, &self.path),
        }
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        match self.held {
            Some(_) => self.files.let_go(),
            // A handle that nobody asks for any more would keep the space of a file that has been
            // removed.
            None => self.files.close(self.id),
        }
    }
}
