//! Reads a run: block by block, through the cache.

use super::block::{KeyBlock, ValBlock};
use super::cache::BlockCache;
use super::column::Column;
use super::column_reader::ColumnReader;
use super::data_file::{DataFile, PreadIo};
use super::index::{BlockInfo, RunIndex, RunStatistics};
use super::row_meta::RowMeta;
use super::writer::INDEX_BUFFER;
use crate::files::OpenFiles;
use crate::table::error::decoded;
use crate::table::schema;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use kv_api::{Error, Result, Val, Version};
use lance_file::reader::CachedFileMetadata;
use std::path::PathBuf;
use std::sync::Arc;

/// One sorted run, open for reading.
pub(crate) struct Run {
    /// The name of its file, by which the table knows it.
    pub(in crate::table) name: String,
    /// Distinguishes this run's blocks in the cache.
    id: u64,
    path: PathBuf,
    file: Arc<DataFile>,
    keys: ColumnReader,
    vals: ColumnReader,
    index: RunIndex,
    cache: Arc<BlockCache>,
}

/// Where a row was found.
pub(crate) struct RowPlace {
    pub(crate) block: usize,
    pub(crate) row: usize,
    pub(crate) keys: Arc<KeyBlock>,
}

/// What a search finds in a block.
enum Look {
    Found(usize),
    Absent,
    /// Where it is anywhere, it is the first row of the next.
    InNextBlock,
}

impl Run {
    /// Opens a data file whose metadata Lance has read.
    pub(in crate::table) async fn open(
        path: PathBuf,
        name: String,
        metadata: CachedFileMetadata,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
    ) -> Result<Self> {
        let id = xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_encoded_bytes());
        let file = Arc::new(DataFile::open(&files, id, &path).map_err(|e| Error::io("opening", &path, e))?);
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
        let io = Arc::new(PreadIo(file.clone()));
        let column = |name, position: usize| {
            let pages = metadata.column_infos.get(position)?.clone();
            Some(ColumnReader::open(metadata.file_schema.field(name)?, pages, io.clone()))
        };
        let (keys, vals) = column("key", schema::KEY).zip(column("val", schema::VAL)).ok_or_else(not_a_run)?;
        let pages = async { Ok((keys.await?, vals.await?)) };
        let (keys, vals) = decoded("opening", &path, || "the file's pages cannot be decoded".into(), pages).await?;
        Ok(Self { name, id, path, file, keys, vals, index, cache })
    }

    pub(crate) fn statistics(&self) -> &RunStatistics {
        &self.index.statistics
    }

    /// Bytes of the file.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.file.len()
    }

    /// Bytes of memory that fences, bloom filter and the places of chunks and values take.
    pub(crate) fn index_bytes(&self) -> u64 {
        self.index.bytes() as u64 + self.keys.index_bytes() + self.vals.index_bytes()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.index.blocks.len()
    }

    /// The first and the last key.
    pub(crate) fn key_bounds(&self) -> (&[u8], &[u8]) {
        (self.index.fence(0), self.index.last_key())
    }

    /// A key at or before the first of a block, and after the last of the one before.
    pub(super) fn fence(&self, block: usize) -> &[u8] {
        self.index.fence(block)
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

    /// The newest row of `key` up to `version`.
    pub(super) async fn find(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<RowPlace>> {
        if !self.index.may_contain(key, hash) {
            return Ok(None);
        }
        self.seek(key, version).await
    }

    /// The same, past the filter: for a key that the run is known to have.
    pub(crate) async fn seek(&self, key: &[u8], version: Version) -> Result<Option<RowPlace>> {
        let mut block = self.block_at(key, version);
        loop {
            let keys = self.keys(block).await?;
            match self.look(&keys, block, key, version) {
                Look::Found(row) => return Ok(Some(RowPlace { block, row, keys })),
                Look::Absent => return Ok(None),
                Look::InNextBlock => block += 1,
            }
        }
    }

    /// As [`find`](Self::find), from memory alone; `None` where a block has to be read.
    fn find_cached(&self, key: &[u8], version: Version, hash: u64) -> Option<Option<RowPlace>> {
        if !self.index.may_contain(key, hash) {
            return Some(None);
        }
        let mut block = self.block_at(key, version);
        loop {
            let keys = self.cache.keys(self.id, block as u32)?;
            match self.look(&keys, block, key, version) {
                Look::Found(row) => return Some(Some(RowPlace { block, row, keys })),
                Look::Absent => return Some(None),
                Look::InNextBlock => block += 1,
            }
        }
    }

    /// Looks for a row in the block in which the search begins, or in the one behind it.
    fn look(&self, keys: &KeyBlock, block: usize, key: &[u8], version: Version) -> Look {
        let row = keys.lower_bound(key, version);
        if row < keys.len() {
            return if keys.key(row) == key { Look::Found(row) } else { Look::Absent };
        }
        let next = block + 1;
        match next < self.blocks() && self.index.fence(next) == key {
            true => Look::InNextBlock,
            false => Look::Absent,
        }
    }

    /// As [`get`](Self::get), from memory alone; `None` where a block has to be read.
    pub(crate) fn get_cached(&self, key: &[u8], version: Version, hash: u64) -> Option<Option<Option<Val>>> {
        match self.find_cached(key, version, hash)? {
            None => Some(None),
            Some(found) if found.keys.is_tombstone(found.row) => Some(Some(None)),
            Some(RowPlace { block, row, .. }) => {
                self.cache.vals(self.id, block as u32).map(|vals| Some(Some(vals.slice(row))))
            }
        }
    }

    /// The value of `key` at `version`: `None` where the run has no row for it, `Some(None)` for a tombstone.
    pub(crate) async fn get(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<Option<Val>>> {
        match self.find(key, version, hash).await? {
            None => Ok(None),
            Some(found) if found.keys.is_tombstone(found.row) => Ok(Some(None)),
            Some(RowPlace { block, row, .. }) => Ok(Some(Some(self.vals(block).await?.slice(row)))),
        }
    }

    /// As [`get`](Self::get), without reading the value: whether there is one.
    pub(crate) async fn exists(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<bool>> {
        Ok(self.find(key, version, hash).await?.map(|found| !found.keys.is_tombstone(found.row)))
    }

    /// The version of the newest row of `key`.
    pub(crate) async fn newest(&self, key: &[u8], hash: u64) -> Result<Option<Version>> {
        Ok(self.find(key, Version::MAX, hash).await?.map(|found| found.keys.version(found.row)))
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

    /// Reads and checks keys, versions and tombstones of a block, past the cache.
    pub(crate) async fn keys_uncached(&self, block: usize) -> Result<Arc<KeyBlock>> {
        let info = self.info(block)?;
        let end = info.meta_position.saturating_add(info.meta_len.into());
        let meta = self.file.read(info.meta_position..end).map_err(|e| Error::io("reading", &self.path, e))?;
        if crc32c::crc32c(&meta) != info.meta_checksum {
            return Err(self.damaged(block, "has versions that do not match their checksum"));
        }
        let meta = RowMeta::decode(meta, info.rows as usize).ok_or_else(|| self.damaged(block, "has no versions"))?;
        let keys = self.read(block, info, &self.keys).await?;
        if keys.checksum() != info.keys_checksum {
            return Err(self.damaged(block, "has keys that do not match their checksum"));
        }
        Ok(Arc::new(KeyBlock::new(keys, meta)))
    }

    /// Reads and checks the values of a block, past the cache.
    pub(crate) async fn vals_uncached(&self, block: usize) -> Result<Arc<ValBlock>> {
        let info = self.info(block)?;
        let vals = self.read(block, info, &self.vals).await?;
        if vals.checksum() != info.vals_checksum {
            return Err(self.damaged(block, "has values that do not match their checksum"));
        }
        Ok(Arc::new(ValBlock::new(vals)))
    }

    async fn read(&self, block: usize, info: &BlockInfo, column: &ColumnReader) -> Result<Column> {
        let rows = u64::from(info.first_row)..u64::from(info.first_row) + u64::from(info.rows);
        let undecodable = || format!("block {block} cannot be decoded");
        let array = decoded("reading", &self.path, undecodable, column.read(rows)).await?;
        let array = array.as_binary_opt::<i32>().ok_or_else(|| self.damaged(block, "is of another type"))?;
        if array.len() != info.rows as usize {
            return Err(self.damaged(block, "has another number of rows"));
        }
        Column::new(array.values(), array.offsets())
            .ok_or_else(|| self.damaged(block, "has rows that end before they begin"))
    }

    fn info(&self, block: usize) -> Result<&BlockInfo> {
        self.index.block(block).ok_or_else(|| self.damaged(block, "is not in the index"))
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
