//! Reads a run: block by block, through the cache.

use super::block::{Column, KeyBlock, ValBlock};
use super::cache::BlockCache;
use super::files::{DataFile, PreadIo};
use super::index::{RunIndex, RunStatistics};
use super::row_meta::RowMeta;
use super::run_writer::INDEX_BUFFER;
use super::schema;
use crate::error::from_lance;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, UInt32Array};
use futures::{FutureExt, StreamExt};
use kv_api::{Error, Result, Val, Version};
use lance_core::cache::LanceCache;
use lance_encoding::decoder::{DecoderConfig, DecoderPlugins, FilterExpression};
use lance_file::reader::{CachedFileMetadata, FileReader, FileReaderOptions, ReaderProjection};
use lance_io::ReadBatchParams;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

/// One sorted run, open for reading.
pub(crate) struct Run {
    /// The fragment of the dataset.
    pub(super) fragment: u64,
    /// Distinguishes this run's blocks in the cache.
    id: u64,
    path: PathBuf,
    file: Arc<DataFile>,
    reader: FileReader,
    keys: ReaderProjection,
    vals: ReaderProjection,
    /// Both.
    rows: ReaderProjection,
    index: RunIndex,
    cache: Arc<BlockCache>,
}

/// Where a row was found; its values, where they were read with the keys.
struct Found {
    block: usize,
    row: usize,
    keys: Arc<KeyBlock>,
    vals: Option<Arc<ValBlock>>,
}

impl Run {
    /// Opens a data file whose metadata Lance has read.
    pub(super) fn open(
        path: PathBuf,
        fragment: u64,
        metadata: Arc<CachedFileMetadata>,
        pages: &LanceCache,
        cache: Arc<BlockCache>,
    ) -> Result<Self> {
        let file = Arc::new(DataFile::open(&path).map_err(|e| Error::io("opening", &path, e))?);
        let index = || {
            let position: usize = metadata.file_schema.metadata.get(INDEX_BUFFER)?.parse().ok()?;
            let buffer = metadata.file_buffers.get(position)?;
            Some(buffer.position..buffer.position.checked_add(buffer.size)?)
        };
        let not_a_run = || Error::NotAStore {
            path: path.clone(),
            reason: "the table holds a file that kv-lance did not write; remove its rows with the tool that added them"
                .into(),
        };
        let index = index().ok_or_else(not_a_run)?;
        let index = file.read(index).map_err(|e| Error::io("reading", &path, e))?;
        let index = RunIndex::decode(&index).map_err(|e| Error::corruption(&path, e))?;
        if index.statistics.rows != metadata.num_rows {
            return Err(Error::corruption(&path, "the run's index and the file disagree on the number of rows"));
        }
        let projection = |names: &[&str], columns: &[u32]| {
            let schema = metadata.file_schema.project(names).map_err(|e| from_lance("opening", &path, e))?;
            Ok::<_, Error>(ReaderProjection { schema: Arc::new(schema), column_indices: columns.to_vec() })
        };
        let keys = projection(&["key"], &[schema::KEY])?;
        let vals = projection(&["val"], &[schema::VAL])?;
        let rows = projection(&["key", "val"], &[schema::KEY, schema::VAL])?;
        let io = Arc::new(PreadIo(file.clone()));
        let options = FileReaderOptions {
            decoder_config: DecoderConfig { inline_scheduling: Some(true), ..DecoderConfig::default() },
            ..FileReaderOptions::default()
        };
        // The name keeps the pages of different files apart in Lance's cache.
        let name = object_store::path::Path::from(path.to_string_lossy().as_ref());
        let reader = FileReader::try_open_with_file_metadata(
            io,
            name,
            None,
            Arc::<DecoderPlugins>::default(),
            metadata,
            pages,
            options,
        )
        .now_or_never()
        .ok_or_else(|| Error::backend("opening a run", "Lance waited for something"))?
        .map_err(|e| from_lance("opening", &path, e))?;
        Ok(Self {
            fragment,
            id: xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_encoded_bytes()),
            path,
            file,
            reader,
            keys,
            vals,
            rows,
            index,
            cache,
        })
    }

    pub(crate) fn statistics(&self) -> &RunStatistics {
        &self.index.statistics
    }

    /// Bytes of the file.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.file.len()
    }

    /// Bytes of memory that fences and bloom filter take.
    pub(crate) fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.index.blocks.len()
    }

    /// The first and the last key.
    pub(crate) fn key_bounds(&self) -> (&[u8], &[u8]) {
        (self.index.fence(0), self.index.last_key())
    }

    /// The block in which a search for `(key, version)` begins; the first where that is before all rows.
    pub(crate) fn block_at(&self, key: &[u8], version: Version) -> usize {
        self.index.block_at(key, version).unwrap_or(0)
    }

    /// How many rows lie before a block; before the one after the last, all.
    pub(crate) fn first_row(&self, block: usize) -> u64 {
        self.index.block(block).map_or(self.index.statistics.rows, |b| b.first_row.into())
    }

    /// Whether the block begins with the key that the one before ends with.
    pub(crate) fn continues(&self, block: usize) -> bool {
        self.index.block(block).is_some_and(|b| b.continues)
    }

    /// The newest row of `key` up to `version`. `with_val`: whether its value will be wanted.
    async fn find(&self, key: &[u8], version: Version, hash: u64, with_val: bool) -> Result<Option<Found>> {
        if !self.index.may_contain(key, hash) {
            return Ok(None);
        }
        let mut block = self.block_at(key, version);
        loop {
            let (keys, vals) = match self.cache.keys(self.id, block as u32) {
                Some(keys) => (keys, None),
                None if with_val => self.rows(block).await.map(|(keys, vals)| (keys, Some(vals)))?,
                None => (self.keys(block).await?, None),
            };
            let row = keys.lower_bound(key, version);
            if row < keys.len() {
                return Ok((keys.key(row) == key).then_some(Found { block, row, keys, vals }));
            }
            // The row searched for may be the first of the next block.
            block += 1;
            if block >= self.blocks() || self.index.fence(block) != key {
                return Ok(None);
            }
        }
    }

    /// The value of `key` at `version`: `None` where the run has no row for it, `Some(None)` for a tombstone.
    pub(crate) async fn get(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<Option<Val>>> {
        match self.find(key, version, hash, true).await? {
            None => Ok(None),
            Some(found) if found.keys.is_tombstone(found.row) => Ok(Some(None)),
            Some(Found { row, vals: Some(vals), .. }) => Ok(Some(Some(vals.slice(row)))),
            Some(Found { block, row, .. }) => Ok(Some(Some(self.vals(block).await?.slice(row)))),
        }
    }

    /// As [`get`](Self::get), without reading the value: whether there is one.
    pub(crate) async fn exists(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<bool>> {
        Ok(self.find(key, version, hash, false).await?.map(|found| !found.keys.is_tombstone(found.row)))
    }

    /// A whole block; where nothing of it is cached, in one request for both columns.
    pub(crate) async fn rows(&self, block: usize) -> Result<(Arc<KeyBlock>, Arc<ValBlock>)> {
        let cached = (self.cache.keys(self.id, block as u32), self.cache.vals(self.id, block as u32));
        Ok(match cached {
            (Some(keys), Some(vals)) => (keys, vals),
            (Some(keys), None) => (keys, self.vals(block).await?),
            (None, Some(vals)) => (self.keys(block).await?, vals),
            (None, None) => {
                let (keys, vals) = self.rows_uncached(block).await?;
                self.cache.insert_keys(self.id, block as u32, keys.clone());
                self.cache.insert_vals(self.id, block as u32, vals.clone());
                (keys, vals)
            }
        })
    }

    /// The keys, versions and tombstones of a block.
    pub(crate) async fn keys(&self, block: usize) -> Result<Arc<KeyBlock>> {
        match self.cache.keys(self.id, block as u32) {
            Some(keys) => Ok(keys),
            None => {
                let keys = self.keys_uncached(block).await?;
                self.cache.insert_keys(self.id, block as u32, keys.clone());
                Ok(keys)
            }
        }
    }

    /// The values of a block.
    pub(crate) async fn vals(&self, block: usize) -> Result<Arc<ValBlock>> {
        match self.cache.vals(self.id, block as u32) {
            Some(vals) => Ok(vals),
            None => {
                let vals = self.vals_uncached(block).await?;
                self.cache.insert_vals(self.id, block as u32, vals.clone());
                Ok(vals)
            }
        }
    }

    /// Reads and checks a whole block.
    pub(crate) async fn rows_uncached(&self, block: usize) -> Result<(Arc<KeyBlock>, Arc<ValBlock>)> {
        let [keys, vals] = self.read(block, &self.rows).await?;
        Ok((self.key_block(block, keys)?, self.val_block(block, vals)?))
    }

    /// Reads and checks keys, versions and tombstones of a block.
    async fn keys_uncached(&self, block: usize) -> Result<Arc<KeyBlock>> {
        let [keys] = self.read(block, &self.keys).await?;
        self.key_block(block, keys)
    }

    /// Reads and checks the values of a block.
    async fn vals_uncached(&self, block: usize) -> Result<Arc<ValBlock>> {
        let [vals] = self.read(block, &self.vals).await?;
        self.val_block(block, vals)
    }

    fn key_block(&self, block: usize, keys: Column) -> Result<Arc<KeyBlock>> {
        let info = self.index.block(block).ok_or_else(|| self.damaged(block, "is not in the index"))?;
        let end = info.meta_position.saturating_add(info.meta_len.into());
        let meta = self.file.read(info.meta_position..end).map_err(|e| Error::io("reading", &self.path, e))?;
        if crc32c::crc32c(&meta) != info.meta_checksum {
            return Err(self.damaged(block, "has versions that do not match their checksum"));
        }
        let meta = RowMeta::decode(&meta, info.rows as usize).ok_or_else(|| self.damaged(block, "has no versions"))?;
        if keys.checksum() != info.keys_checksum {
            return Err(self.damaged(block, "has keys that do not match their checksum"));
        }
        Ok(Arc::new(KeyBlock::new(keys, meta)))
    }

    fn val_block(&self, block: usize, vals: Column) -> Result<Arc<ValBlock>> {
        if self.index.block(block).is_none_or(|info| vals.checksum() != info.vals_checksum) {
            return Err(self.damaged(block, "has values that do not match their checksum"));
        }
        Ok(Arc::new(ValBlock::new(vals)))
    }

    /// Reads columns of a block. As row indices, not as a range: Lance decodes those inline.
    async fn read<const COLUMNS: usize>(
        &self,
        block: usize,
        projection: &ReaderProjection,
    ) -> Result<[Column; COLUMNS]> {
        let info = self.index.block(block).ok_or_else(|| self.damaged(block, "is not in the index"))?;
        let rows = UInt32Array::from_iter_values(info.first_row..info.first_row + info.rows);
        let read = async {
            let tasks = self
                .reader
                .read_tasks(
                    ReadBatchParams::Indices(rows),
                    info.rows,
                    Some(projection.clone()),
                    FilterExpression::no_filter(),
                )
                .await?;
            let batches: Vec<_> = tasks.then(|task| task.task).collect().await;
            batches.into_iter().collect::<lance::Result<Vec<_>>>()
        };
        // Damaged metadata makes Lance's decoders panic; a reader of ours gets an error.
        let batches = AssertUnwindSafe(read)
            .catch_unwind()
            .await
            .map_err(|_| self.damaged(block, "cannot be decoded"))?
            .map_err(|e| from_lance("reading", &self.path, e))?;
        let columns: Vec<Column> = (0..COLUMNS)
            .map(|column| {
                let parts: Vec<&ArrayRef> = batches.iter().filter_map(|batch| batch.columns().get(column)).collect();
                self.column(block, &parts, info.rows)
            })
            .collect::<Result<_>>()?;
        columns.try_into().map_err(|_| self.damaged(block, "has another number of columns"))
    }

    /// A column of a block from the parts in which Lance read it.
    fn column(&self, block: usize, parts: &[&ArrayRef], rows: u32) -> Result<Column> {
        let column = match parts {
            [one] => ArrayRef::clone(one),
            many => {
                let parts: Vec<_> = many.iter().map(|part| part.as_ref()).collect();
                arrow_select::concat::concat(&parts).map_err(|e| self.damaged(block, &e.to_string()))?
            }
        };
        let column = column.as_binary_opt::<i32>().ok_or_else(|| self.damaged(block, "is of another type"))?;
        if column.offsets().len() != rows as usize + 1 {
            return Err(self.damaged(block, "has another number of rows"));
        }
        Ok(Column::new(column))
    }

    fn damaged(&self, block: usize, what: &str) -> Error {
        Error::corruption(&self.path, format!("block {block} {what}"))
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("path", &self.path).field("statistics", self.statistics()).finish_non_exhaustive()
    }
}
