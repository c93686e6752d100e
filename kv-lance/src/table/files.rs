//! The local files under a run: written once and synced, then read with `pread`.

use crate::files::{FileHandle, Files, OpenFiles, OpenMode};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use lance_encoding::EncodingsIo;
use lance_io::object_writer::WriteResult;
use lance_io::traits::Writer;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

const BUFFER: usize = 1 << 20;

/// Writes a new file in place, on the calling thread, and syncs it when it is finished: Lance itself never syncs.
pub(super) struct SyncedWriter {
    file: Arc<dyn FileHandle>,
    buffer: Vec<u8>,
    /// Bytes in the file.
    written: u64,
}

impl SyncedWriter {
    pub(super) fn create(files: &dyn Files, path: &Path) -> std::io::Result<Self> {
        let file = files.open(path, OpenMode::New)?;
        Ok(Self { file, buffer: Vec::with_capacity(BUFFER), written: 0 })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.flush()?;
        self.file.sync_all()
    }
}

impl AsyncWrite for SyncedWriter {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.buffer.len() + buf.len() > BUFFER
            && let Err(e) = self.flush()
        {
            return Poll::Ready(Err(e));
        }
        let taken = buf.get(..BUFFER).unwrap_or(buf);
        self.buffer.extend_from_slice(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        // Lance flushes after every batch; only the end of the file matters here.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.finish())
    }
}

#[async_trait::async_trait]
impl Writer for SyncedWriter {
    async fn tell(&mut self) -> lance::Result<usize> {
        Ok(self.written as usize + self.buffer.len())
    }

    async fn shutdown(&mut self) -> lance::Result<WriteResult> {
        self.finish()?;
        Ok(WriteResult { size: self.written as usize, e_tag: None })
    }
}

/// A data file and its length. Its handle is opened when it is read and may be closed between two reads: the file must
/// stay where it is for as long as this is used.
#[derive(Debug)]
pub(super) struct DataFile {
    files: Arc<OpenFiles>,
    id: u64,
    path: PathBuf,
    len: u64,
}

impl DataFile {
    /// The file at `path`, which no other file of the store has the `id` of.
    pub(super) fn open(files: &Arc<OpenFiles>, id: u64, path: &Path) -> std::io::Result<Self> {
        let len = files.handle(id, path)?.len()?;
        Ok(Self { files: files.clone(), id, path: path.into(), len })
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
        self.files.handle(self.id, &self.path)?.read_exact_at(&mut buf, range.start)?;
        Ok(buf.into())
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        // A handle that nobody asks for any more would keep the space of a file that has been removed.
        self.files.close(self.id);
    }
}

/// Reads ranges of one file when the future is polled, on that thread: a cached `pread` takes 1 µs where a hop to another thread takes 40.
#[derive(Debug)]
pub(super) struct PreadIo(pub(super) Arc<DataFile>);

impl EncodingsIo for PreadIo {
    fn submit_request(&self, ranges: Vec<Range<u64>>, _: u64) -> BoxFuture<'static, lance::Result<Vec<Bytes>>> {
        let file = self.0.clone();
        async move {
            let read: std::io::Result<Vec<Bytes>> = ranges.into_iter().map(|range| file.read(range)).collect();
            read.map_err(lance::Error::from)
        }
        .boxed()
    }
}
