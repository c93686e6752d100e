//! Reads a run: block by block, through the cache.

use super::block::{KeyBlock, ValBlock};
use super::cache::BlockCache;
use super::column_reader::ColumnReader;
use super::data_file::DataFile;
use super::index::RunIndex;
use super::load::ReadAhead;
use super::opening::Opening;
use super::statistics::RunStatistics;
use crate::files::OpenFiles;
use kv_api::{KeyRange, Result, Version};
use lance_io::scheduler::ScanScheduler;
use std::path::PathBuf;
use std::sync::Arc;

/// One sorted run, open for reading.
pub(crate) struct Run {
    /// The name of its file, by which the table knows it.
    pub(in crate::table) name: String,
    /// Distinguishes this run's blocks in the cache.
    pub(super) id: u64,
    pub(in crate::table) path: PathBuf,
    pub(super) file: Arc<DataFile>,
    pub(super) keys: ColumnReader,
    pub(super) vals: ColumnReader,
    pub(super) index: RunIndex,
    pub(super) cache: Arc<BlockCache>,
}

impl Run {
    /// Opens a data file. Of its index only a little is read.
    pub(in crate::table) async fn open(
        path: PathBuf,
        name: String,
        scheduler: &Arc<ScanScheduler>,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
    ) -> Result<Self> {
        let opening = Opening::read(path, name, scheduler, &files).await?;
        let index = opening.read_index()?;
        let index = RunIndex::decode(&index, opening.file.clone(), cache.indexes().clone())?;
        if index.statistics.rows != opening.rows() {
            return Err(opening.damaged("the run's index and the file disagree on the number of rows"));
        }
        opening.finish(index, cache).await
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn statistics(&self) -> &RunStatistics {
        &self.index.statistics
    }

    /// Bytes of the file.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.file.len()
    }

    /// Bytes of memory that stay for as long as the run is open. Fences, bloom filters and the
    /// places of chunks and values are in memory while they are used; the
    /// [cache](BlockCache::index_bytes) counts those of all runs.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let columns = self.keys.resident_bytes() + self.vals.resident_bytes();
        (size_of::<Self>() + self.index.resident_bytes() + columns) as u64
    }

    pub(crate) fn blocks(&self) -> usize {
        self.index.blocks()
    }

    /// The first and the last key.
    pub(crate) fn key_bounds(&self) -> (&[u8], &[u8]) {
        (&self.index.first_key, &self.index.last_key)
    }

    /// Whether it can have a key from `first` to `last`.
    pub(crate) fn overlaps(&self, (first, last): (&[u8], &[u8])) -> bool {
        let (own_first, own_last) = self.key_bounds();
        own_first <= last && first <= own_last
    }

    /// Whether it can have a key in a range.
    pub(crate) fn has_keys_in(&self, range: &KeyRange) -> bool {
        let (first, last) = self.key_bounds();
        last >= range.start.as_ref() && range.end.as_ref().is_none_or(|end| first < end.as_ref())
    }

    /// A key at or before the first of a block, and after the last of the one before.
    pub(super) fn fence(&self, block: usize) -> Result<Vec<u8>> {
        self.index.fence(block)
    }

    /// The last block that begins at or before the place of `(key, version)`, or the first. The
    /// rows at and after that place are in it, or in those behind it.
    ///
    /// # Errors
    /// As this, and what says where a block is, may have to be read.
    pub(crate) fn block_at(&self, key: &[u8], version: Version) -> Result<usize> {
        self.index.block_at(key, version)
    }

    /// How many rows lie before a block; before the one after the last, all.
    pub(crate) fn first_row(&self, block: usize) -> Result<u64> {
        Ok(self.index.block(block)?.map_or(self.index.statistics.rows, |b| b.first_row.into()))
    }

    /// The keys, versions and tombstones of a block.
    pub(crate) async fn keys(&self, block: usize) -> Result<Arc<KeyBlock>> {
        match self.cache.keys(self.id, block as u32) {
            Some(keys) => Ok(keys),
            None => self.load_keys(block).await,
        }
    }

    /// The same for somebody who looks for a single row.
    pub(super) async fn keys_alone(&self, block: usize) -> Result<Arc<KeyBlock>> {
        match self.cache.keys(self.id, block as u32) {
            Some(keys) => Ok(keys),
            None => self.load_keys_alone(block).await,
        }
    }

    /// The values of a block.
    pub(crate) async fn vals(&self, block: usize) -> Result<Arc<ValBlock>> {
        match self.cache.vals(self.id, block as u32) {
            Some(vals) => Ok(vals),
            None => self.load_vals(block, block..=block).await,
        }
    }

    /// The same for somebody who goes on from block to block.
    pub(crate) async fn vals_ahead(&self, block: usize, ahead: &mut ReadAhead) -> Result<Arc<ValBlock>> {
        match self.cache.vals(self.id, block as u32) {
            Some(vals) => Ok(vals),
            None => self.load_vals(block, ahead.next(block)).await,
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("path", &self.path).field("statistics", self.statistics()).finish_non_exhaustive()
    }
}
