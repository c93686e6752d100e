//! Writes a run: rows in order, one Lance file, synced when it is finished.

use super::NewRow;
use super::column::checksum;
use super::index_builder::{EncodedPart, RunIndexBuilder};
use super::index_part::BlockInfo;
use super::row_meta::RowMetaBuilder;
use super::runs_writer::RunExtent;
use super::synced_writer::SyncedWriter;
use crate::files::Files;
use crate::table::RunLayout;
use crate::table::error::from_lance;
use crate::table::schema::{self, Columns};
use arrow_array::builder::{BinaryBuilder, BooleanBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use kv_api::{Error, Result};
use lance_file::version::ConcreteFileVersion;
use lance_file::writer::{FileWriter, FileWriterOptions};
use std::path::PathBuf;
use std::sync::Arc;

/// The file format of runs.
pub(in crate::table) const FILE_VERSION: ConcreteFileVersion = ConcreteFileVersion::V2_2;

/// Schema metadata of a file: which of the global buffers is its index.
pub(super) const INDEX_BUFFER: &str = "kv-lance:index";

/// Schema metadata of a file: its name, so that another run's bytes in its place are told from it.
pub(super) const FILE_NAME: &str = "kv-lance:file";

/// Rows are handed to Lance in batches of this many bytes.
const BATCH_BYTES: usize = 2 << 20;

/// More rows than this in a block cost more to decode than their read saves.
const MAX_BLOCK_ROWS: usize = 512;

/// Where runs are written, and what they are to be like.
pub(in crate::table) struct RunPlace {
    pub(in crate::table) files: Arc<dyn Files>,
    pub(in crate::table) dir: PathBuf,
    pub(in crate::table) columns: Columns,
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
    columns: Columns,
    /// Keys and values so far.
    bytes: u64,
    rows: PendingRows,
    index: RunIndexBuilder,
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
    /// In a run of history it stays empty, and the next one in others.
    tombstone: BooleanBuilder,
    superseded: UInt64Builder,
    val: BinaryBuilder,
    bytes: usize,
}

/// The block that rows are being added to.
#[derive(Default)]
struct Block {
    /// What is known of it before its first row.
    begun: bool,
    fence: Vec<u8>,
    continues: bool,
    meta: RowMetaBuilder,
    bytes: usize,
}

impl Block {
    fn is_empty(&self) -> bool {
        self.meta.versions.is_empty()
    }

    /// Whether it ends here. It aims at so many bytes, and at a power of two of rows: Lance compresses so many at a time, and
    /// a block that begins and ends where they do is read and decompressed without the rows around it.
    fn is_full(&self, aim: usize) -> bool {
        let rows = self.meta.versions.len();
        rows >= MAX_BLOCK_ROWS || self.bytes >= 2 * aim || rows.is_power_of_two() && 3 * self.bytes >= 2 * aim
    }
}

impl RunWriter {
    /// Starts a file.
    pub(super) fn create(place: &RunPlace) -> Result<Self> {
        let name = format!("{}.lance", uuid::Uuid::new_v4().simple());
        let path = place.dir.join(&name);
        let file = SyncedWriter::create(&*place.files, &path).map_err(|e| Error::io("creating", &path, e))?;
        let schema =
            schema::of_files(place.columns, place.layout.compression).map_err(|e| from_lance("creating", &path, e))?;
        let writer =
            lance_file::versions::create_writer(FILE_VERSION, Box::new(file), schema, FileWriterOptions::default())
                .map_err(|e| from_lance("creating", &path, e))?;
        Ok(Self {
            writer,
            files: place.files.clone(),
            path,
            name,
            layout: place.layout,
            columns: place.columns,
            bytes: 0,
            rows: PendingRows::default(),
            index: RunIndexBuilder::new(place.level, place.journal_through),
            block: Block::default(),
            finished: false,
        })
    }

    /// What the run holds so far.
    fn extent(&self) -> RunExtent {
        let fence_bytes = self.index.fence_bytes() + self.block.fence.len() as u64;
        RunExtent { rows: self.index.statistics().rows, bytes: self.bytes, fence_bytes }
    }

    /// Whether it is time for another run, after all rows of the key that this one is at.
    pub(super) fn ends_before(&self, key: &[u8]) -> bool {
        self.extent().reaches(&self.layout.cut) && self.index.last_key() != key
    }

    /// Whether a row can be [added](Self::push) as it is; else what waits is to be [written](Self::write_waiting) before.
    pub(super) fn is_ready_for(&mut self, row: &NewRow<'_>) -> bool {
        // A long row is not to be decoded with those before it.
        if self.block.bytes > 0 && self.block.bytes + row.bytes() > 2 * self.layout.block_bytes {
            self.end_block();
        }
        // The checksums of a block are taken from the rows that are waiting.
        !self.block.is_empty() || self.rows.bytes < BATCH_BYTES && !self.index.is_part_full(row.key)
    }

    /// Writes what waits, before a row that begins a block.
    pub(super) async fn write_waiting(&mut self, row: &NewRow<'_>) -> Result<()> {
        self.begin_block(row.key);
        if self.index.is_part_full(row.key) {
            self.write_part().await?;
        }
        if self.rows.bytes >= BATCH_BYTES {
            self.write_batch().await?;
        }
        Ok(())
    }

    fn begin_block(&mut self, key: &[u8]) {
        if self.block.is_empty() && !self.block.begun {
            (self.block.fence, self.block.continues) = self.index.begin_block(key);
            self.block.begun = true;
        }
    }

    /// Adds a row: keys ascending, versions of a key descending. It has to be [ready](Self::is_ready_for) for it.
    ///
    /// # Errors
    /// Where the run is too large, or the row does not follow the last one: nobody would find its rows.
    pub(super) fn push(&mut self, row: NewRow<'_>) -> Result<()> {
        self.begin_block(row.key);
        let follows = self.index.push_row(&row);
        #[cfg(test)]
        let follows = follows || self.layout.in_any_order;
        if !follows {
            let what = format!("a row of a key of {} bytes does not follow the one before", row.key.len());
            return Err(Error::backend(format!("writing {}", self.path.display()), what));
        }
        self.push_row(row);
        if self.extent().exceeds(&self.layout.most) {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// A run is cut between keys, so that this much is in one.
    fn too_large(&self) -> Error {
        let RunExtent { rows, fence_bytes, .. } = self.layout.most;
        let what = format!(
            "the versions of one key of {} bytes are more than a run can hold: {rows} rows and {fence_bytes} bytes of \
             keys that separate blocks are allowed; drop history or make blocks larger",
            self.index.last_key().len()
        );
        Error::backend(format!("writing {}", self.path.display()), what)
    }

    fn push_row(&mut self, row: NewRow<'_>) {
        let NewRow { key, version, val, erases, superseded } = row;
        self.block.meta.push(version, val.is_none(), erases, superseded);
        let bytes = row.bytes();
        self.block.bytes += bytes;
        self.bytes += bytes as u64;
        self.rows.key.append_value(key);
        self.rows.version.append_value(version);
        match superseded {
            Some(superseded) => self.rows.superseded.append_value(superseded),
            None => self.rows.tombstone.append_value(val.is_none()),
        }
        self.rows.val.append_option(val);
        self.rows.bytes += bytes + 16;
        if self.block.is_full(self.layout.block_bytes) {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let Some(first_version) = block.meta.versions.first().copied() else { return };
        let mut row_meta = Vec::new();
        block.meta.encode(&mut row_meta);
        let info = BlockInfo {
            rows: block.meta.versions.len() as u32,
            first_version,
            meta_len: row_meta.len() as u32,
            keys_checksum: last_rows_checksum(&self.rows.key, block.meta.versions.len()),
            vals_checksum: last_rows_checksum(&self.rows.val, block.meta.versions.len()),
            meta_checksum: crc32c::crc32c(&row_meta),
            continues: block.continues,
            // Follows from the rows before.
            ..BlockInfo::default()
        };
        self.index.push_block(info, block.fence, &row_meta);
    }

    async fn write_batch(&mut self) -> Result<()> {
        let rows = &mut self.rows;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.key.finish()),
            Arc::new(rows.version.finish()),
            match self.columns {
                Columns::Current => Arc::new(rows.tombstone.finish()),
                Columns::History => Arc::new(rows.superseded.finish()),
            },
            Arc::new(rows.val.finish()),
        ];
        rows.bytes = 0;
        let batch = RecordBatch::try_new(schema::arrow(self.columns), columns)
            .map_err(|e| Error::backend(format!("writing {}", self.path.display()), e))?;
        if batch.num_rows() > 0 {
            self.writer.write_batch(&batch).await.map_err(|e| from_lance("writing", &self.path, e))?;
        }
        Ok(())
    }

    async fn write_part(&mut self) -> Result<()> {
        let EncodedPart { bytes, info, fence } = self.index.take_part().ok_or_else(|| self.too_large())?;
        let position = self.writer.tell().await.map_err(|e| from_lance("writing", &self.path, e))?;
        self.add_buffer(bytes).await?;
        self.index.place(info, fence, position);
        Ok(())
    }

    async fn add_buffer(&mut self, bytes: Vec<u8>) -> Result<u32> {
        self.writer.add_global_buffer(bytes.into()).await.map_err(|e| from_lance("writing", &self.path, e))
    }

    /// Ends and syncs the file.
    pub(super) async fn finish(mut self) -> Result<WrittenRun> {
        self.end_block();
        self.write_batch().await?;
        if !self.index.is_part_empty() {
            self.write_part().await?;
        }
        let index = self.index.encode().ok_or_else(|| self.too_large())?;
        let index = self.add_buffer(index).await?;
        self.writer.add_schema_metadata(INDEX_BUFFER, index.to_string());
        self.writer.add_schema_metadata(FILE_NAME, self.name.clone());
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
