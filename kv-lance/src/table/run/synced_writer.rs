//! Writing the file of a run: once, in order, and synced.

use crate::files::{FileHandle, Files, OpenMode};
use lance_io::object_writer::WriteResult;
use lance_io::traits::Writer;
use std::path::Path;
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
