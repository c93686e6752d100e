//! Reads blocks from the file, past the cache, and checks them.

use super::block::{KeyBlock, ValBlock};
use super::column::Column;
use super::column_reader::ColumnReader;
use super::index_part::BlockInfo;
use super::reader::Run;
use super::row_meta::RowMeta;
use super::rows::Rows;
use crate::table::error::decoded;
use bytes::Bytes;
use kv_api::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// Blocks that are read at once, of a file with small blocks at most so many.
const STRETCH_BLOCKS: usize = 64;

/// Bytes of the file that a stretch is to take.
const STRETCH_BYTES: u64 = 256 << 10;

/// Blocks that lie one after the other, with their values where those were asked for.
type Stretch = Vec<(Arc<KeyBlock>, Option<Arc<ValBlock>>)>;

impl Run {
    /// Reads and checks keys, versions and tombstones of a block.
    pub(crate) async fn keys_uncached(&self, block: usize) -> Result<Arc<KeyBlock>> {
        let read = self.keys_of(block, &[self.info(block)?]).await?;
        read.into_iter().next().ok_or_else(|| self.damaged(block, "is not in the index"))
    }

    /// The same of blocks that lie one after the other in one part of the index.
    pub(super) async fn keys_of(&self, first: usize, infos: &[BlockInfo]) -> Result<Vec<Arc<KeyBlock>>> {
        let (begin, end) = self.ends_of(first, infos)?;
        let meta = self.row_meta(begin, end)?;
        let keys = self.rows_of(first, &self.keys, rows(begin, end)).await?;
        let block = |(block, info): (usize, &BlockInfo)| {
            // They are kept one by one, and none is to keep what was read of others.
            let meta = self.checked_meta(block, info, &meta, begin).map(|meta| Bytes::copy_from_slice(&meta));
            let keys = Column::new(keys.data(), offsets(&keys, begin, info));
            Ok(Arc::new(self.key_block(block, info, meta?, keys)?))
        };
        (first..).zip(infos).map(block).collect()
    }

    /// Reads and checks the values of a block.
    pub(crate) async fn vals_uncached(&self, block: usize) -> Result<Arc<ValBlock>> {
        let read = self.vals_of(block, &[self.info(block)?]).await?;
        read.into_iter().next().ok_or_else(|| self.damaged(block, "is not in the index"))
    }

    /// The same of blocks that lie one after the other.
    pub(super) async fn vals_of(&self, first: usize, infos: &[BlockInfo]) -> Result<Vec<Arc<ValBlock>>> {
        let (begin, end) = self.ends_of(first, infos)?;
        let vals = self.rows_of(first, &self.vals, rows(begin, end)).await?;
        let block = |(block, info): (usize, &BlockInfo)| {
            self.val_block(block, info, Column::new(vals.data(), offsets(&vals, begin, info)))
        };
        (first..).zip(infos).map(block).collect()
    }

    /// Reads and checks `first` and blocks behind it, at most `most` and no more than some hundred KiB or what a single block
    /// has: a read costs Lance as much as the rows of several blocks.
    pub(crate) async fn stretch(&self, first: usize, most: usize, vals: bool) -> Result<Stretch> {
        let infos = self.stretch_from(first, most)?;
        let (begin, end) = self.ends_of(first, &infos)?;
        let meta = self.row_meta(begin, end)?;
        let keys = self.rows_of(first, &self.keys, rows(begin, end)).await?;
        let vals = match vals {
            true => Some(self.rows_of(first, &self.vals, rows(begin, end)).await?),
            false => None,
        };
        let block = |(block, info): (usize, &BlockInfo)| {
            let meta = self.checked_meta(block, info, &meta, begin)?;
            let column = Column::shared(keys.data(), offsets(&keys, begin, info));
            let read = Arc::new(self.key_block(block, info, meta, column)?);
            let column = vals.as_ref().map(|vals| Column::shared(vals.data(), offsets(vals, begin, info)));
            Ok((read, column.map(|column| self.val_block(block, info, column)).transpose()?))
        };
        (first..).zip(&infos).map(block).collect()
    }

    /// Where `first` and blocks behind it are, as many as are to be read at once and at most `most`.
    pub(super) fn stretch_from(&self, first: usize, most: usize) -> Result<Vec<BlockInfo>> {
        let bytes_a_block = (self.disk_bytes() / self.blocks().max(1) as u64).max(1);
        let room = (STRETCH_BYTES / bytes_a_block).clamp(1, STRETCH_BLOCKS as u64) as usize;
        let mut infos = self.index.blocks_from(first, most.min(room))?;
        // A block of one row may be of any length.
        infos.truncate(infos.iter().position(|info| info.rows == 1).unwrap_or(infos.len()).max(1));
        Ok(infos)
    }

    fn ends_of<'a>(&self, first: usize, infos: &'a [BlockInfo]) -> Result<(&'a BlockInfo, &'a BlockInfo)> {
        infos.first().zip(infos.last()).ok_or_else(|| self.damaged(first, "is not in the index"))
    }

    /// The row meta of blocks of one part, which lies as they do.
    pub(super) fn row_meta(&self, begin: &BlockInfo, end: &BlockInfo) -> Result<Bytes> {
        let place = begin.meta_position..end.meta_position.saturating_add(end.meta_len.into());
        self.file.read(place).map_err(|e| Error::io("reading", &self.path, e))
    }

    async fn rows_of(&self, block: usize, column: &ColumnReader, rows: Range<u64>) -> Result<Rows> {
        let count = rows.end - rows.start;
        let undecodable = || format!("block {block} cannot be decoded");
        let read = decoded("reading", &self.path, undecodable, column.read(rows)).await?;
        if read.len() as u64 != count {
            return Err(self.damaged(block, "has another number of rows"));
        }
        Ok(read)
    }

    /// The row meta of a block, from that of blocks from `begin` on.
    pub(super) fn checked_meta(
        &self,
        block: usize,
        info: &BlockInfo,
        meta: &Bytes,
        begin: &BlockInfo,
    ) -> Result<Bytes> {
        let from = (info.meta_position - begin.meta_position) as usize;
        let meta = meta.slice(from..from + info.meta_len as usize);
        match crc32c::crc32c(&meta) == info.meta_checksum {
            true => Ok(meta),
            false => Err(self.damaged(block, "has versions that do not match their checksum")),
        }
    }

    /// Row meta that has been [checked](Self::checked_meta), to be asked for that of a row.
    pub(super) fn meta_of(&self, block: usize, info: &BlockInfo, meta: Bytes) -> Result<RowMeta> {
        RowMeta::decode(meta, info.rows as usize).ok_or_else(|| self.damaged(block, "has no versions"))
    }

    fn key_block(&self, block: usize, info: &BlockInfo, meta: Bytes, keys: Option<Column>) -> Result<KeyBlock> {
        let meta = self.meta_of(block, info, meta)?;
        let keys = keys.ok_or_else(|| self.unordered(block))?;
        if keys.checksum() != info.keys_checksum {
            return Err(self.damaged(block, "has keys that do not match their checksum"));
        }
        Ok(KeyBlock::new(keys, meta, info.continues, info.goes_on))
    }

    fn val_block(&self, block: usize, info: &BlockInfo, vals: Option<Column>) -> Result<Arc<ValBlock>> {
        let vals = vals.ok_or_else(|| self.unordered(block))?;
        if vals.checksum() != info.vals_checksum {
            return Err(self.damaged(block, "has values that do not match their checksum"));
        }
        Ok(Arc::new(ValBlock::new(vals)))
    }

    fn info(&self, block: usize) -> Result<BlockInfo> {
        self.index.block(block)?.ok_or_else(|| self.damaged(block, "is not in the index"))
    }

    fn unordered(&self, block: usize) -> Error {
        self.damaged(block, "has rows that end before they begin")
    }

    pub(super) fn damaged(&self, block: usize, what: &str) -> Error {
        Error::corruption(&self.path, format!("block {block} {what}"))
    }
}

/// The rows from one block to another.
fn rows(begin: &BlockInfo, end: &BlockInfo) -> Range<u64> {
    begin.first_row.into()..u64::from(end.first_row) + u64::from(end.rows)
}

/// Where the rows of a block end among those that begin with another's.
fn offsets<'a>(rows: &'a Rows, begin: &BlockInfo, info: &BlockInfo) -> &'a [i32] {
    let first = (info.first_row - begin.first_row) as usize;
    rows.offsets().get(first..=first + info.rows as usize).unwrap_or_default()
}
