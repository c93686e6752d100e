//! A run whose file has been opened, before it is known what its index says.

use super::cache::BlockCache;
use super::column_reader::ColumnReader;
use super::data_file::DataFile;
use super::index::RunIndex;
use super::reader::Run;
use super::writer::{FILE_NAME, INDEX_BUFFER};
use crate::files::OpenFiles;
use crate::table::error::decoded;
use crate::table::schema;
use bytes::Bytes;
use kv_api::{Error, Result};
use lance_file::reader::{CachedFileMetadata, FileReader};
use lance_io::scheduler::ScanScheduler;
use lance_io::utils::CachedFileSize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A data file, and what Lance says of it.
pub(super) struct Opening {
    path: PathBuf,
    name: String,
    id: u64,
    pub(super) file: Arc<DataFile>,
    metadata: CachedFileMetadata,
    /// The number of the buffer that the index is in.
    index: usize,
}

impl Opening {
    pub(super) async fn read(
        path: PathBuf,
        name: String,
        scheduler: &Arc<ScanScheduler>,
        files: &Arc<OpenFiles>,
    ) -> Result<Self> {
        let id = xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_encoded_bytes());
        let file = Arc::new(DataFile::open(files, id, &path).map_err(|e| Error::io("opening", &path, e))?);
        let read = async {
            let place = object_store::path::Path::from_absolute_path(&path)?;
            let scheduler = scheduler.open_file(&place, &CachedFileSize::new(file.len())).await?;
            FileReader::read_all_metadata(&scheduler).await
        };
        let metadata = decoded("opening", &path, || "the file's metadata cannot be decoded".into(), read).await?;
        let index = metadata.file_schema.metadata.get(INDEX_BUFFER).and_then(|index| index.parse().ok());
        let opening = |index| Self { path, name, id, file, metadata, index };
        match index {
            Some(index) => opening(index).check_name(),
            None => Err(opening(0).not_a_run()),
        }
    }

    fn check_name(self) -> Result<Self> {
        // Runs from before have no name in them.
        match self.metadata.file_schema.metadata.get(FILE_NAME).filter(|other| **other != self.name) {
            Some(other) => Err(self.damaged(&format!("it has the bytes of another run, {other}"))),
            None => Ok(self),
        }
    }

    /// The index, as it is in the file.
    pub(super) fn read_index(&self) -> Result<Bytes> {
        let place = self.buffer(self.index).ok_or_else(|| self.not_a_run())?;
        self.file.read(place).map_err(|e| Error::io("reading", &self.path, e))
    }

    /// Where the parts of the index are, each behind the row meta of its blocks.
    pub(super) fn parts(&self) -> Vec<Range<u64>> {
        // The first is Lance's own.
        (1..self.index).map_while(|number| self.buffer(number)).collect()
    }

    fn buffer(&self, number: usize) -> Option<Range<u64>> {
        let buffer = self.metadata.file_buffers.get(number)?;
        Some(buffer.position..buffer.position.checked_add(buffer.size)?)
    }

    /// How many rows Lance finds in the file.
    pub(super) fn rows(&self) -> u64 {
        self.metadata.num_rows
    }

    pub(super) fn damaged(&self, what: &str) -> Error {
        Error::corruption(&self.path, what)
    }

    fn not_a_run(&self) -> Error {
        Error::NotAStore {
            path: self.path.clone(),
            reason: "the table holds a file that kv-lance did not write; remove its rows with the tool that added them"
                .into(),
        }
    }

    pub(super) async fn finish(self, index: RunIndex, cache: Arc<BlockCache>) -> Result<Run> {
        let column = |name, position: usize| {
            let pages = self.metadata.column_infos.get(position)?.clone();
            let field = self.metadata.file_schema.field(name)?;
            Some(ColumnReader::new(field, pages, self.file.clone(), cache.indexes().clone()))
        };
        let columns = async { Ok(column("key", schema::KEY).zip(column("val", schema::VAL))) };
        let columns = decoded("opening", &self.path, || "its columns are of no type".into(), columns).await?;
        let (keys, vals) = columns.ok_or_else(|| self.not_a_run())?;
        let Self { path, name, id, file, .. } = self;
        Ok(Run { name, id, path, file, keys, vals, index, cache })
    }
}
