//! Reads blocks from the file, past the cache, and checks them.

use super::block::{KeyBlock, ValBlock};
use super::column::Column;
use super::column_reader::ColumnReader;
use super::index_part::BlockInfo;
use super::reader::Run;
use super::row_meta::RowMeta;
use crate::table::error::decoded;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryArray};
use arrow_buffer::Buffer;
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
        let info = self.info(block)?;
        let meta = self.row_meta(&info, &info)?;
        let keys = self.rows_of(block, &self.keys, rows(&info, &info)).await?;
        let meta = self.meta_of(block, &info, meta, &info)?;
        let keys = self.key_block(block, &info, meta, Column::new(keys.values(), keys.offsets()))?;
        Ok(Arc::new(keys.knowing()))
    }

    /// Reads and checks the values of a block.
    pub(crate) async fn vals_uncached(&self, block: usize) -> Result<Arc<ValBlock>> {
        let info = self.info(block)?;
        let vals = self.rows_of(block, &self.vals, rows(&info, &info)).await?;
        self.val_block(block, &info, Column::new(vals.values(), vals.offsets()))
    }

    /// Reads and checks `first` and blocks behind it, at most `most` and no more than some hundred KiB or what a single block
    /// has: a read costs Lance as much as the rows of several blocks.
    pub(crate) async fn stretch(&self, first: usize, most: usize, vals: bool) -> Result<Stretch> {
        let bytes_a_block = (self.disk_bytes() / self.blocks().max(1) as u64).max(1);
        let room = (STRETCH_BYTES / bytes_a_block).clamp(1, STRETCH_BLOCKS as u64) as usize;
        let mut infos = self.index.blocks_from(first, most.min(room))?;
        // A block of one row may be of any length.
        infos.truncate(infos.iter().position(|info| info.rows == 1).unwrap_or(infos.len()).max(1));
        let (Some(begin), Some(end)) = (infos.first(), infos.last()) else {
            return Err(self.damaged(first, "is not in the index"));
        };
        let meta = self.row_meta(begin, end)?;
        let keys = self.rows_of(first, &self.keys, rows(begin, end)).await?;
        let vals = match vals {
            true => Some(self.rows_of(first, &self.vals, rows(begin, end)).await?),
            false => None,
        };
        let (keys, vals) = (Shared::of(&keys), vals.as_ref().map(Shared::of));
        let block = |(block, info): (usize, &BlockInfo)| {
            let meta = self.meta_of(block, info, meta.clone(), begin)?;
            let rows = (info.first_row - begin.first_row) as usize..;
            let rows = rows.start..rows.start + info.rows as usize;
            let keys = Arc::new(self.key_block(block, info, meta, keys.column(rows.clone()))?);
            let vals = vals.as_ref().map(|vals| self.val_block(block, info, vals.column(rows))).transpose()?;
            Ok((keys, vals))
        };
        (first..).zip(&infos).map(block).collect()
    }

    /// The row meta of blocks of one part, which lies as they do.
    pub(super) fn row_meta(&self, begin: &BlockInfo, end: &BlockInfo) -> Result<Bytes> {
        let place = begin.meta_position..end.meta_position.saturating_add(end.meta_len.into());
        self.file.read(place).map_err(|e| Error::io("reading", &self.path, e))
    }

    async fn rows_of(&self, block: usize, column: &ColumnReader, rows: Range<u64>) -> Result<BinaryArray> {
        let count = rows.end - rows.start;
        let undecodable = || format!("block {block} cannot be decoded");
        let array = decoded("reading", &self.path, undecodable, column.read(rows)).await?;
        let array = array.as_binary_opt::<i32>().ok_or_else(|| self.damaged(block, "is of another type"))?;
        if array.len() as u64 != count {
            return Err(self.damaged(block, "has another number of rows"));
        }
        Ok(array.clone())
    }

    /// The row meta of a block, checked, from that of blocks from `begin` on.
    pub(super) fn meta_of(&self, block: usize, info: &BlockInfo, meta: Bytes, begin: &BlockInfo) -> Result<RowMeta> {
        let from = (info.meta_position - begin.meta_position) as usize;
        let meta = meta.slice(from..from + info.meta_len as usize);
        if crc32c::crc32c(&meta) != info.meta_checksum {
            return Err(self.damaged(block, "has versions that do not match their checksum"));
        }
        RowMeta::decode(meta, info.rows as usize).ok_or_else(|| self.damaged(block, "has no versions"))
    }

    fn key_block(&self, block: usize, info: &BlockInfo, meta: RowMeta, keys: Option<Column>) -> Result<KeyBlock> {
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

struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An array whose rows are shared by several columns.
struct Shared<'a> {
    data: Bytes,
    offsets: &'a [i32],
}

impl<'a> Shared<'a> {
    fn of(array: &'a BinaryArray) -> Self {
        Self { data: Bytes::from_owner(Owner(array.values().clone())), offsets: array.offsets() }
    }

    fn column(&self, rows: Range<usize>) -> Option<Column> {
        Column::shared(&self.data, self.offsets.get(rows.start..=rows.end)?)
    }
}
