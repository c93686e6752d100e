//! A part of a run's index: of some of its blocks the fences, the checksums and a bloom filter. It
//! is read and kept in memory as one.
//!
//! Layout, integers little-endian:
//!
//! ```text
//! fences |
//! blocks × (rows u32, first version u64, length of the row meta u32,
//!           checksums of keys, values and row meta u32 each, flags u8) |
//! length of the bloom filter u32, bloom filter
//! ```
//!
//! The row meta of the blocks lies before it, one after the other.

use super::block::partition_point;
use super::bloom::Bloom;
use super::fences::Fences;
use crate::codec::{Reader, put_block};
use kv_api::Version;
use std::cmp::Ordering;
use std::ops::Range;

/// The block begins with the key that the one before ends with.
pub(super) const CONTINUES: u8 = 1;

/// The block behind it begins with the key that this one ends with.
const GOES_ON: u8 = 2;

/// A part has this many blocks, which makes it some 20 KiB with small keys.
const BLOCKS: usize = 128;

/// Or fences of this many bytes.
const FENCE_BYTES: usize = 1 << 20;

/// It is longer before it ends within the versions of a key: that key would be a fence of the whole
/// run, and stay in memory.
const MOST_BLOCKS: usize = 4 * BLOCKS;

/// One block: a short range of rows that is read, checked and cached as one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct BlockInfo {
    pub(super) first_row: u32,
    pub(super) rows: u32,
    pub(super) first_version: Version,
    /// Where the row meta is in the file.
    pub(super) meta_position: u64,
    pub(super) meta_len: u32,
    pub(super) keys_checksum: u32,
    pub(super) vals_checksum: u32,
    pub(super) meta_checksum: u32,
    pub(super) continues: bool,
    pub(super) goes_on: bool,
}

/// Where a block, or a part, begins in the order of a run: keys ascend, and the versions of one
/// descend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) version: Version,
    pub(super) continues: bool,
}

impl Beginning {
    /// Whether it is at or before the place of a key at `version`, where the fence compares with
    /// the key as in `fence`. A fence that separates two keys is before all versions of the second.
    pub(super) fn is_reached(self, fence: Ordering, version: Version) -> bool {
        match fence {
            Ordering::Less => true,
            Ordering::Equal => !self.continues || version <= self.version,
            Ordering::Greater => false,
        }
    }
}

/// Where a part begins in the run, which its own bytes do not say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PartPlace {
    pub(super) first_block: usize,
    pub(super) first_row: u32,
    /// Where the row meta of its first block is in the file.
    pub(super) meta_position: u64,
}

/// A part in memory.
#[derive(Debug)]
pub(super) struct IndexPart {
    first_block: usize,
    blocks: Box<[BlockInfo]>,
    fences: Fences,
    bloom: Bloom,
}

impl IndexPart {
    /// Reads what [`IndexPartBuilder::encode`] wrote; `None` where it is not that.
    pub(super) fn decode(bytes: &[u8], place: PartPlace) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let fences = Fences::decode(&mut r)?;
        let PartPlace { first_block, mut first_row, mut meta_position } = place;
        let mut blocks = Vec::with_capacity(fences.len());
        for _ in 0..fences.len() {
            let mut block = BlockInfo {
                first_row,
                rows: r.u32()?,
                first_version: r.u64()?,
                meta_position,
                meta_len: r.u32()?,
                keys_checksum: r.u32()?,
                vals_checksum: r.u32()?,
                meta_checksum: r.u32()?,
                ..BlockInfo::default()
            };
            let flags = r.u8()?;
            (block.continues, block.goes_on) = (flags & CONTINUES != 0, flags & GOES_ON != 0);
            first_row = first_row.checked_add(block.rows)?;
            meta_position = meta_position.checked_add(block.meta_len.into())?;
            blocks.push(block);
        }
        let bloom = Bloom::from_bytes(r.block()?.to_vec())?;
        let whole = r.is_empty() && !blocks.is_empty();
        whole.then(|| Self { first_block, blocks: blocks.into(), fences, bloom })
    }

    /// How many blocks and rows it is of.
    pub(super) fn extent(&self) -> (usize, u64) {
        (self.blocks.len(), self.blocks.iter().map(|block| u64::from(block.rows)).sum())
    }

    /// A block, by its number in the run.
    pub(super) fn block(&self, block: usize) -> Option<BlockInfo> {
        self.blocks.get(block.checked_sub(self.first_block)?).copied()
    }

    /// A block, by its number in the run, and those behind it.
    pub(super) fn blocks_from(&self, block: usize) -> &[BlockInfo] {
        block.checked_sub(self.first_block).and_then(|block| self.blocks.get(block..)).unwrap_or_default()
    }

    /// The blocks that begin in a range of rows, and the number of the first in the run.
    pub(super) fn blocks_in(&self, rows: Range<u64>) -> (usize, &[BlockInfo]) {
        let before = |row: u64| self.blocks.partition_point(|block| u64::from(block.first_row) < row);
        let first = before(rows.start);
        (self.first_block + first, self.blocks.get(first..before(rows.end)).unwrap_or_default())
    }

    /// The fence of a block, by its number in the run.
    pub(super) fn fence(&self, block: usize) -> Vec<u8> {
        block.checked_sub(self.first_block).map_or_else(Vec::new, |block| self.fences.fence(block))
    }

    /// False only where none of the blocks has a row of the key with this hash.
    pub(super) fn may_contain(&self, hash: u64) -> bool {
        self.bloom.may_contain(hash)
    }

    /// The last block that begins at or before the place of `(key, version)`; the first where none
    /// does.
    pub(super) fn block_at(&self, key: &[u8], version: Version) -> usize {
        let search = self.fences.search(key);
        let behind = partition_point(0..self.blocks.len(), |block| {
            let begins = self.blocks.get(block).map(BlockInfo::beginning);
            begins.is_some_and(|begins| begins.is_reached(search.fence(block), version))
        });
        self.first_block + behind.saturating_sub(1)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.blocks) + self.fences.bytes() + self.bloom.as_bytes().len()
    }
}

impl BlockInfo {
    fn beginning(&self) -> Beginning {
        Beginning { version: self.first_version, continues: self.continues }
    }
}

/// Collects a part while a run is written.
#[derive(Debug, Default)]
pub(super) struct IndexPartBuilder {
    blocks: Vec<BlockInfo>,
    fences: Vec<Vec<u8>>,
    fence_bytes: usize,
    /// Of the keys: how large the filter is to be is known at the end.
    hashes: Vec<u64>,
}

impl IndexPartBuilder {
    /// Adds a key, by its hash.
    pub(super) fn push_key(&mut self, hash: u64) {
        self.hashes.push(hash);
    }

    /// Whether no key has been added.
    pub(super) fn has_no_key(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Adds a block; how many bytes its fence takes: none where it is the same as that of the block
    /// before.
    pub(super) fn push_block(&mut self, block: BlockInfo, fence: Vec<u8>) -> usize {
        let bytes = if self.fences.last() == Some(&fence) { 0 } else { fence.len() };
        self.fence_bytes += bytes;
        self.blocks.push(block);
        self.fences.push(fence);
        bytes
    }

    /// Says that the next block begins with the key that the last one ends with.
    pub(super) fn goes_on(&mut self) {
        if let Some(last) = self.blocks.last_mut() {
            last.goes_on = true;
        }
    }

    /// Whether the next block is to begin a part of its own.
    pub(super) fn is_full(&self, next_continues: bool) -> bool {
        let full = self.blocks.len() >= BLOCKS || self.fence_bytes >= FENCE_BYTES;
        full && (!next_continues || self.blocks.len() >= MOST_BLOCKS)
    }

    /// The first block and its fence.
    pub(super) fn first(&self) -> Option<(Beginning, &[u8])> {
        Some((self.blocks.first()?.beginning(), self.fences.first()?))
    }

    pub(super) fn blocks(&self) -> u32 {
        self.blocks.len() as u32
    }

    pub(super) fn rows(&self) -> u32 {
        self.blocks.iter().map(|block| block.rows).sum()
    }

    /// Appends the part; `None` where its fences are more than it can hold.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Option<()> {
        Fences::new(&self.fences)?.encode(out);
        for block in &self.blocks {
            out.extend(block.rows.to_le_bytes());
            out.extend(block.first_version.to_le_bytes());
            for part in [block.meta_len, block.keys_checksum, block.vals_checksum, block.meta_checksum] {
                out.extend(part.to_le_bytes());
            }
            let flag = |set, flag| if set { flag } else { 0 };
            out.push(flag(block.continues, CONTINUES) | flag(block.goes_on, GOES_ON));
        }
        put_block(out, Bloom::of(&self.hashes).as_bytes());
        Some(())
    }
}
