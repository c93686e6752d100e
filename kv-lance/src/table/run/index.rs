//! What a run says of itself: fences, checksums, bloom filter and statistics, in a global buffer of its file.
//!
//! Layout, integers little-endian: `magic | format u32 | statistics | blocks u32 | blocks × (rows u32, first version u64, row
//! meta position u64 and length u32, checksums of keys, values and row meta u32 each, flags u8, first key) | last key | bloom filter |
//! CRC-32C of all before u32`. Keys and the filter are preceded by their length in four bytes.

use super::block::partition_point;
use super::bloom::{self, Bloom};
use crate::codec::{Reader, put_block};
use crate::table::FORMAT_VERSION;
use kv_api::Version;

const MAGIC: &[u8; 8] = b"kvlanceR";

/// The block begins with the key that the one before ends with.
const CONTINUES: u8 = 1;

/// Figures over the rows of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RunStatistics {
    pub(crate) rows: u64,
    pub(crate) tombstones: u64,
    /// Distinct keys.
    pub(crate) keys: u64,
    pub(crate) min_version: Version,
    pub(crate) max_version: Version,
    /// The greatest version of a row that erases what was before; 0 where there is none.
    pub(crate) max_erasing: Version,
    /// 0 for a flushed memtable, more for each compaction.
    pub(crate) level: u32,
    /// The last journal segment that this run, or what it was compacted from, covers.
    pub(crate) journal_through: u64,
}

/// One block: a short range of rows that is read, checked and cached as one.
#[derive(Debug, Clone, Default, PartialEq)]
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
}

/// The resident part of a run.
#[derive(Debug)]
pub(super) struct RunIndex {
    pub(super) statistics: RunStatistics,
    pub(super) blocks: Vec<BlockInfo>,
    /// The first keys of all blocks, one after the other, and where each ends.
    fences: Vec<u8>,
    fence_ends: Vec<u32>,
    last_key: Vec<u8>,
    bloom: Bloom,
}

/// Collects an index while a run is written.
#[derive(Debug)]
pub(super) struct RunIndexBuilder {
    pub(super) statistics: RunStatistics,
    blocks: Vec<BlockInfo>,
    fences: Vec<Vec<u8>>,
    /// Blocks from here on have row meta that has no position yet.
    unplaced: usize,
    fence_bytes: u64,
    /// Of the keys: how large the filter is to be is known at the end.
    hashes: Vec<u64>,
    pub(super) last_key: Vec<u8>,
}

impl RunIndexBuilder {
    /// Of a run of this level that covers the journal as far as this.
    pub(super) fn new(level: u32, journal_through: u64) -> Self {
        Self {
            statistics: RunStatistics { level, journal_through, ..RunStatistics::default() },
            blocks: Vec::new(),
            fences: Vec::new(),
            unplaced: 0,
            fence_bytes: 0,
            hashes: Vec::new(),
            last_key: Vec::new(),
        }
    }

    /// Begins a new key.
    pub(super) fn push_key(&mut self, key: &[u8]) {
        self.statistics.keys += 1;
        self.hashes.push(bloom::hash(key));
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
    }

    /// Adds a block; its row meta is at `meta_position` of what [`place_row_meta`](Self::place_row_meta) is next told about.
    pub(super) fn push_block(&mut self, block: BlockInfo, first_key: Vec<u8>) {
        self.blocks.push(block);
        self.fence_bytes += first_key.len() as u64;
        self.fences.push(first_key);
    }

    /// Says where in the file the row meta of the blocks since the last call has been written.
    pub(super) fn place_row_meta(&mut self, position: u64) {
        for block in self.blocks.iter_mut().skip(self.unplaced) {
            block.meta_position += position;
        }
        self.unplaced = self.blocks.len();
    }

    /// Bytes of the first keys of all blocks.
    pub(super) fn fence_bytes(&self) -> u64 {
        self.fence_bytes
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT_VERSION.to_le_bytes());
        let s = &self.statistics;
        for figure in [s.rows, s.tombstones, s.keys, s.min_version, s.max_version, s.max_erasing, s.journal_through] {
            out.extend(figure.to_le_bytes());
        }
        out.extend(s.level.to_le_bytes());
        out.extend((self.blocks.len() as u32).to_le_bytes());
        for (block, fence) in self.blocks.iter().zip(&self.fences) {
            out.extend(block.rows.to_le_bytes());
            out.extend(block.first_version.to_le_bytes());
            out.extend(block.meta_position.to_le_bytes());
            for part in [block.meta_len, block.keys_checksum, block.vals_checksum, block.meta_checksum] {
                out.extend(part.to_le_bytes());
            }
            out.push(if block.continues { CONTINUES } else { 0 });
            put_block(&mut out, fence);
        }
        put_block(&mut out, &self.last_key);
        put_block(&mut out, Bloom::of(&self.hashes).as_bytes());
        let checksum = crc32c::crc32c(&out);
        out.extend(checksum.to_le_bytes());
        out
    }
}

impl RunIndex {
    /// Reads what [`RunIndexBuilder::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let body = bytes.len().checked_sub(4).and_then(|end| bytes.split_at_checked(end));
        let (body, checksum) = body.ok_or("the run's index is too short")?;
        if checksum != crc32c::crc32c(body).to_le_bytes() {
            return Err("the run's index does not match its checksum");
        }
        Self::decode_body(body).ok_or("the run's index is not one")
    }

    fn decode_body(body: &[u8]) -> Option<Self> {
        let mut r = Reader::new(body);
        if r.bytes(MAGIC.len())? != MAGIC || r.u32()? != FORMAT_VERSION {
            return None;
        }
        let statistics = RunStatistics {
            rows: r.u64()?,
            tombstones: r.u64()?,
            keys: r.u64()?,
            min_version: r.u64()?,
            max_version: r.u64()?,
            max_erasing: r.u64()?,
            journal_through: r.u64()?,
            level: r.u32()?,
        };
        let count = r.u32()? as usize;
        let mut blocks = Vec::with_capacity(count.min(r.left()));
        let (mut fences, mut fence_ends) = (Vec::new(), Vec::with_capacity(count.min(r.left())));
        let mut first_row = 0u32;
        for _ in 0..count {
            let rows = r.u32()?;
            let block = BlockInfo {
                first_row,
                rows,
                first_version: r.u64()?,
                meta_position: r.u64()?,
                meta_len: r.u32()?,
                keys_checksum: r.u32()?,
                vals_checksum: r.u32()?,
                meta_checksum: r.u32()?,
                continues: r.u8()? & CONTINUES != 0,
            };
            first_row = first_row.checked_add(rows)?;
            blocks.push(block);
            fences.extend_from_slice(r.block()?);
            fence_ends.push(u32::try_from(fences.len()).ok()?);
        }
        let last_key = r.block()?.to_vec();
        let bloom = Bloom::from_bytes(r.block()?.to_vec())?;
        let whole = r.is_empty() && u64::from(first_row) == statistics.rows && !blocks.is_empty();
        whole.then_some(Self { statistics, blocks, fences, fence_ends, last_key, bloom })
    }

    pub(super) fn block(&self, block: usize) -> Option<&BlockInfo> {
        self.blocks.get(block)
    }

    /// The first key of a block.
    pub(super) fn fence(&self, block: usize) -> &[u8] {
        let end = self.fence_ends.get(block).map_or(0, |end| *end as usize);
        let start = block.checked_sub(1).and_then(|b| self.fence_ends.get(b)).map_or(0, |end| *end as usize);
        self.fences.get(start..end).unwrap_or_default()
    }

    /// Whether the run can hold this key, by its range and its bloom filter.
    pub(super) fn may_contain(&self, key: &[u8], hash: u64) -> bool {
        key >= self.fence(0) && key <= self.last_key.as_slice() && self.bloom.may_contain(hash)
    }

    pub(super) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// The last block whose first row is at or before `(key, version)` in the order of a run; `None` where that is
    /// before the first.
    pub(super) fn block_at(&self, key: &[u8], version: Version) -> Option<usize> {
        let behind = partition_point(0..self.blocks.len(), |block| {
            let first_version = self.blocks.get(block).map_or(0, |b| b.first_version);
            self.fence(block).cmp(key).then_with(|| version.cmp(&first_version)).is_le()
        });
        behind.checked_sub(1)
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        self.fences.len() + self.blocks.len() * (size_of::<BlockInfo>() + 4) + self.bloom.as_bytes().len()
    }
}
