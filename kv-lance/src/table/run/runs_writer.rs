//! Writes rows as one run, or as several that have no key in common where one would grow too large.

use super::NewRow;
use super::writer::{RunPlace, RunWriter, WrittenRun};
use kv_api::{Error, Result};

/// How much a run holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunExtent {
    pub(crate) rows: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
    /// Of the keys that separate blocks.
    pub(crate) fence_bytes: u64,
}

impl RunExtent {
    /// From here on a run ends with the key that it is at. A compaction holds a hash for each key
    /// of a run in memory.
    pub(crate) const CUT: Self = Self { rows: 4 << 20, bytes: 1 << 30, fence_bytes: 256 << 20 };

    /// What the format can count. Only the versions of a single key can come to this much after the
    /// cut.
    pub(crate) const MOST: Self = Self { rows: u32::MAX as u64, bytes: u64::MAX, fence_bytes: u32::MAX as u64 };

    /// Whether it is as much as `limit` in any respect.
    pub(super) fn reaches(&self, limit: &Self) -> bool {
        self.rows >= limit.rows || self.bytes >= limit.bytes || self.fence_bytes >= limit.fence_bytes
    }

    /// Whether it is more than `limit` in any respect.
    pub(super) fn exceeds(&self, limit: &Self) -> bool {
        self.rows > limit.rows || self.bytes > limit.bytes || self.fence_bytes > limit.fence_bytes
    }
}

/// Files under way. Dropped unfinished, it removes what it wrote.
pub(crate) struct RunsWriter {
    place: RunPlace,
    current: Option<RunWriter>,
    /// Removed with this writer, unless it is finished.
    written: Vec<WrittenRun>,
}

impl RunsWriter {
    /// Files that are made when they get their first rows.
    pub(in crate::table) fn new(place: RunPlace) -> Self {
        Self { place, current: None, written: Vec::new() }
    }

    /// Adds a row: keys ascending, versions of a key descending.
    ///
    /// # Errors
    /// Where a single key has more rows than a run can count, besides those of the file.
    pub(crate) async fn push(&mut self, row: NewRow<'_>) -> Result<()> {
        // Most rows: nothing is written for them.
        if let Some(run) = &mut self.current
            && !run.ends_before(row.key)
            && run.is_ready_for(&row)
        {
            return run.push(row);
        }
        self.push_slowly(row).await
    }

    async fn push_slowly(&mut self, row: NewRow<'_>) -> Result<()> {
        if let Some(full) = self.current.take_if(|run| run.ends_before(row.key)) {
            self.written.push(full.finish().await?);
        }
        let run = match &mut self.current {
            Some(run) => run,
            None => self.current.insert(RunWriter::create(&self.place)?),
        };
        if !run.is_ready_for(&row) {
            run.write_waiting(&row).await?;
        }
        run.push(row)
    }

    /// Ends and syncs the files; none where no row was added.
    pub(crate) async fn finish(mut self) -> Result<Vec<WrittenRun>> {
        if let Some(last) = self.current.take() {
            self.written.push(last.finish().await?);
        }
        Ok(std::mem::take(&mut self.written))
    }
}

impl Drop for RunsWriter {
    fn drop(&mut self) {
        for run in &self.written {
            let path = self.place.dir.join(&run.name);
            if let Err(error) = self.place.files.remove(&path).map_err(|e| Error::io("removing", &path, e)) {
                // Cleaning up at the next open removes it.
                tracing::warn!(%error, "a run that nothing refers to is left behind");
            }
        }
    }
}
