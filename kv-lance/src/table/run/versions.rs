//! The versions of the rows of a run, without keys and values: for who looks for the rows of some versions.

use super::Run;
use super::row_meta::RowMeta;
use kv_api::{KeyRange, Result, Version};
use std::ops::Range;

/// So many blocks are read at once, as far as they lie in one part of the index.
const BLOCKS: usize = 128;

/// The versions of a block's rows.
pub(crate) struct BlockVersions {
    pub(crate) block: usize,
    rows: usize,
    meta: RowMeta,
}

impl BlockVersions {
    /// The least and the greatest.
    pub(crate) fn bounds(&self) -> (Version, Version) {
        (self.meta.least(), self.meta.greatest())
    }

    /// Of each row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Version> {
        (0..self.rows).map(|row| self.meta.version(row))
    }
}

impl Run {
    /// The blocks that may have keys of a range.
    ///
    /// # Errors
    /// As this, and what says where a block is, may have to be read.
    pub(crate) fn blocks_in(&self, range: &KeyRange) -> Result<Range<usize>> {
        if range.is_empty() || !self.has_keys_in(range) {
            return Ok(0..0);
        }
        let last = match &range.end {
            Some(end) => self.block_at(end, Version::MAX)?,
            None => self.blocks().saturating_sub(1),
        };
        Ok(self.block_at(&range.start, Version::MAX)?..last + 1)
    }

    /// Reads and checks the versions of the first of some blocks, at least of one where there are any.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn versions(&self, blocks: Range<usize>) -> Result<Vec<BlockVersions>> {
        let infos = self.index.blocks_from(blocks.start, BLOCKS.min(blocks.len()))?;
        let (Some(begin), Some(end)) = (infos.first(), infos.last()) else { return Ok(Vec::new()) };
        let bytes = self.row_meta(begin, end)?;
        let of_block = |(block, info)| {
            let meta = self.meta_of(block, info, self.checked_meta(block, info, &bytes, begin)?)?;
            Ok(BlockVersions { block, rows: info.rows as usize, meta })
        };
        (blocks.start..).zip(&infos).map(of_block).collect()
    }
}
