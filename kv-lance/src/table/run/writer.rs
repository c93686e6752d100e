//! Writes a run: rows in order, one Lance file, synced when it is finished.

use super::column::checksum;
use super::index::{BlockInfo, RunIndexBuilder};
use super::row_meta::RowMetaBuilder;
use super::runs_writer::RunExtent;
use super::synced_writer::SyncedWriter;
use crate::files::Files;
use crate::table::error::from_lance;
use crate::table::{RunLayout, schema};
use arrow_array::builder::{BinaryBuilder, BooleanBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use kv_api::{Error, Result, Version};
use lance_core::datatypes::Schema;
use lance_file::version::ConcreteFileVersion;
use lance_file::writer::{FileWriter, FileWriterOptions};
use std::path::PathBuf;
use std::sync::Arc;

/// The file format of runs.
pub(in crate::table) const FILE_VERSION: ConcreteFileVersion = ConcreteFileVersion::V2_2;

/// Schema metadata of a file: which of the global buffers is its index.
pub(super) const INDEX_BUFFER: &str = "kv-lance:index";

/// Row meta is written in global buffers of this many bytes.
const ROW_META_BYTES: usize = 256 << 10;

/// Rows are handed to Lance in batches of this many bytes.
const BATCH_BYTES: usize = 2 << 20;

/// More rows than this in a block cost more to decode than their read saves.
const MAX_BLOCK_ROWS: usize = 512;

/// Where runs are written, and what they are to be like.
pub(in crate::table) struct RunPlace {
    pub(in crate::table) files: Arc<dyn Files>,
    /// The dataset's data directory.
    pub(in crate::table) dir: PathBuf,
    pub(in crate::table) schema: Schema,
    pub(in crate::table) layout: RunLayout,
    /// 0 for a flushed memtable, more for each compaction.
    pub(in crate::table) level: u32,
    pub(in crate::table) journal_through: u64,
}

/// A file under way. Dropped unfinished, it removes what it wrote.
pub(super) struct RunWriter {
    writer: FileWriter,
    files: Arc<dyn Files>,
    path: PathBuf,
    name: String,
    layout: RunLayout,
    /// Keys and values so far.
    bytes: u64,
    rows: PendingRows,
    index: RunIndexBuilder,
    row_meta: Vec<u8>,
    block: Block,
    finished: bool,
}

/// A finished file that no commit refers to yet.
#[derive(Debug)]
pub(crate) struct WrittenRun {
    pub(in crate::table) name: String,
}

/// Rows that Lance does not have yet.
#[derive(Default)]
struct PendingRows {
    key: BinaryBuilder,
    version: UInt64Builder,
    tombstone: BooleanBuilder,
    val: BinaryBuilder,
    bytes: usize,
}

/// The block that rows are being added to.
#[derive(Default)]
struct Block {
    first_key: Vec<u8>,
    continues: bool,
    meta: RowMetaBuilder,
    bytes: usize,
}

impl RunWriter {
    /// Starts a file.
    pub(super) fn create(place: &RunPlace) -> Result<Self> {
        let name = format!("{}.lance", uuid::Uuid::new_v4().simple());
        let path = place.dir.join(&name);
        let file = SyncedWriter::create(&*place.files, &path).map_err(|e| Error::io("creating", &path, e))?;
        let writer = lance_file::versions::create_writer(
            FILE_VERSION,
            Box::new(file),
            place.schema.clone(),
            FileWriterOptions::default(),
        )
        .map_err(|e| from_lance("creating", &path, e))?;
        Ok(Self {
            writer,
            files: place.files.clone(),
            path,
            name,
            layout: place.layout,
            bytes: 0,
            rows: PendingRows::default(),
            index: RunIndexBuilder::new(place.level, place.journal_through),
            row_meta: Vec::new(),
            block: Block::default(),
            finished: false,
        })
    }

    /// What the run holds so far.
    fn extent(&self) -> RunExtent {
        let fence_bytes = self.index.fence_bytes() + self.block.first_key.len() as u64;
        RunExtent { rows: self.index.statistics.rows, bytes: self.bytes, fence_bytes }
    }

    /// Whether it is time for another run, after all rows of the key that this one is at.
    pub(super) fn is_full(&self) -> bool {
        self.extent().reaches(&self.layout.cut)
    }

    /// The key of the last row.
    pub(super) fn last_key(&self) -> &[u8] {
        &self.index.last_key
    }

    /// Adds a row: keys ascending, versions of a key descending; no value is a tombstone.
    pub(super) async fn push(&mut self, key: &[u8], version: Version, val: Option<&[u8]>, erases: bool) -> Result<()> {
        self.push_row(key, version, val, erases);
        if self.extent().exceeds(&self.layout.most) {
            return Err(self.too_large());
        }
        // Between blocks: the checksums of one are taken from the rows that are waiting.
        if self.rows.bytes >= BATCH_BYTES && self.block.meta.versions.is_empty() {
            self.write_batch().await?;
        }
        if self.row_meta.len() >= ROW_META_BYTES {
            self.write_row_meta().await?;
        }
        Ok(())
    }

    /// A run is cut between keys, so that this much is in one.
    fn too_large(&self) -> Error {
        let RunExtent { rows, fence_bytes, .. } = self.layout.most;
        let what = format!(
            "the versions of one key of {} bytes are more than a run can hold: {rows} rows and {fence_bytes} bytes of \
             first keys of blocks are allowed; drop history or make blocks larger",
            self.last_key().len()
        );
        Error::backend(format!("writing {}", self.path.display()), what)
    }

    fn push_row(&mut self, key: &[u8], version: Version, val: Option<&[u8]>, erases: bool) {
        let stats = &mut self.index.statistics;
        let same_key = stats.rows > 0 && self.index.last_key == key;
        stats.min_version = if stats.rows == 0 { version } else { stats.min_version.min(version) };
        stats.max_version = stats.max_version.max(version);
        stats.rows += 1;
        stats.tombstones += u64::from(val.is_none());
        if erases {
            stats.max_erasing = stats.max_erasing.max(version);
        }
        if !same_key {
            self.index.push_key(key);
        }
        let block = &mut self.block;
        if block.meta.versions.is_empty() {
            block.first_key = key.to_vec();
            block.continues = same_key;
        }
        block.meta.push(version, val.is_none(), erases);
        let bytes = key.len() + val.map_or(0, <[u8]>::len);
        block.bytes += bytes;
        self.bytes += bytes as u64;
        self.rows.key.append_value(key);
        self.rows.version.append_value(version);
        self.rows.tombstone.append_value(val.is_none());
        self.rows.val.append_option(val);
        self.rows.bytes += bytes + 16;
        if self.block.bytes >= self.layout.block_bytes || self.block.meta.versions.len() >= MAX_BLOCK_ROWS {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let Some(first_version) = block.meta.versions.first().copied() else { return };
        let start = self.row_meta.len();
        block.meta.encode(&mut self.row_meta);
        let encoded = self.row_meta.get(start..).unwrap_or_default();
        let info = BlockInfo {
            rows: block.meta.versions.len() as u32,
            first_version,
            meta_position: start as u64,
            meta_len: encoded.len() as u32,
            keys_checksum: last_rows_checksum(&self.rows.key, block.meta.versions.len()),
            vals_checksum: last_rows_checksum(&self.rows.val, block.meta.versions.len()),
            meta_checksum: crc32c::crc32c(encoded),
            continues: block.continues,
            // Follows from the rows before.
            ..BlockInfo::default()
        };
        self.index.push_block(info, block.first_key);
    }

    async fn write_batch(&mut self) -> Result<()> {
        let rows = &mut self.rows;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.key.finish()),
            Arc::new(rows.version.finish()),
            Arc::new(rows.tombstone.finish()),
            Arc::new(rows.val.finish()),
        ];
        rows.bytes = 0;
        let batch = RecordBatch::try_new(schema::arrow(), columns)
            .map_err(|e| Error::backend(format!("writing {}", self.path.display()), e))?;
        if batch.num_rows() > 0 {
            self.writer.write_batch(&batch).await.map_err(|e| from_lance("writing", &self.path, e))?;
        }
        Ok(())
    }

    async fn write_row_meta(&mut self) -> Result<()> {
        if !self.row_meta.is_empty() {
            let position = self.writer.tell().await.map_err(|e| from_lance("writing", &self.path, e))?;
            let row_meta = std::mem::take(&mut self.row_meta);
            self.add_buffer(row_meta).await?;
            self.index.place_row_meta(position);
        }
        Ok(())
    }

    async fn add_buffer(&mut self, bytes: Vec<u8>) -> Result<u32> {
        self.writer.add_global_buffer(bytes.into()).await.map_err(|e| from_lance("writing", &self.path, e))
    }

    /// Ends and syncs the file.
    pub(super) async fn finish(mut self) -> Result<WrittenRun> {
        self.end_block();
        self.write_batch().await?;
        self.write_row_meta().await?;
        let index = self.add_buffer(self.index.encode()).await?;
        self.writer.add_schema_metadata(INDEX_BUFFER, index.to_string());
        self.writer.finish().await.map_err(|e| from_lance("writing", &self.path, e))?;
        self.finished = true;
        Ok(WrittenRun { name: self.name.clone() })
    }
}

/// The checksum of the last `count` rows; what is `null` has no bytes.
fn last_rows_checksum(rows: &BinaryBuilder, count: usize) -> u32 {
    let offsets = rows.offsets_slice();
    let offsets = offsets.get(offsets.len().saturating_sub(count + 1)..).unwrap_or_default();
    let first = offsets.first().map_or(0, |first| *first as usize);
    let lengths = offsets.iter().zip(offsets.iter().skip(1)).map(|(start, end)| (end - start) as usize);
    checksum(rows.values_slice().get(first..).unwrap_or_default(), lengths)
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        if !self.finished
            && let Err(e) = self.files.remove(&self.path)
        {
            // Cleaning up at the next open removes it.
            tracing::warn!(path = %self.path.display(), error = %e, "an unfinished run is left behind");
        }
    }
}
