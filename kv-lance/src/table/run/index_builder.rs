//! Collects the index of a run while that is written.

use super::NewRow;
use super::bloom;
use super::fences::separator;
use super::index::{PartInfo, RunIndexContents};
use super::index_part::{BlockInfo, IndexPartBuilder};
use super::statistics::RunStatistics;
use kv_api::Version;
use std::cmp::Ordering;

/// The index of the rows so far. A part that is full is taken out to be written.
#[derive(Debug)]
pub(super) struct RunIndexBuilder {
    contents: RunIndexContents,
    part: IndexPartBuilder,
    /// Of the blocks of the part, one after the other.
    row_meta: Vec<u8>,
    fence_bytes: u64,
    /// Of the last row.
    last_version: Version,
}

/// A part to be written: the row meta of its blocks, and behind that itself.
pub(super) struct EncodedPart {
    pub(super) bytes: Vec<u8>,
    pub(super) info: PartInfo,
    pub(super) fence: Vec<u8>,
}

impl RunIndexBuilder {
    /// Of a run of this level that covers the journal as far as this.
    pub(super) fn new(level: u32, journal_through: u64) -> Self {
        let statistics = RunStatistics { level, journal_through, ..RunStatistics::default() };
        Self {
            contents: RunIndexContents { statistics, ..RunIndexContents::default() },
            part: IndexPartBuilder::default(),
            row_meta: Vec::new(),
            fence_bytes: 0,
            last_version: 0,
        }
    }

    pub(super) fn statistics(&self) -> &RunStatistics {
        &self.contents.statistics
    }

    /// The key of the last row.
    pub(super) fn last_key(&self) -> &[u8] {
        &self.contents.last_key
    }

    /// Whether the last row is of this key.
    fn continues(&self, key: &[u8]) -> bool {
        self.contents.statistics.rows > 0 && self.contents.last_key == key
    }

    /// Says that a block begins with this key, whose row is still to come. Its fence, and whether
    /// it continues the last block.
    pub(super) fn begin_block(&mut self, key: &[u8]) -> (Vec<u8>, bool) {
        if self.contents.statistics.rows == 0 {
            return (Vec::new(), false);
        }
        if self.continues(key) {
            self.part.goes_on();
            return (key.to_vec(), true);
        }
        (separator(&self.contents.last_key, key).to_vec(), false)
    }

    /// Takes in a row; whether it follows the last one.
    pub(super) fn push_row(&mut self, row: &NewRow<'_>) -> bool {
        let key = row.key;
        let is_first = self.contents.statistics.rows == 0;
        let order = if is_first { Ordering::Less } else { self.contents.last_key.as_slice().cmp(key) };
        let new_key = order != Ordering::Equal;
        let follows = if new_key { order == Ordering::Less } else { row.version < self.last_version };
        self.last_version = row.version;
        // A part may begin with a key of the one before.
        if new_key || self.part.has_no_key() {
            self.part.push_key(bloom::hash(key));
        }
        if is_first {
            self.contents.first_key = key.to_vec();
        }
        self.contents.statistics.push(row, new_key);
        if new_key {
            self.contents.last_key.clear();
            self.contents.last_key.extend_from_slice(key);
        }
        follows
    }

    /// Adds a block with its encoded row meta. Where that lies is not asked for.
    pub(super) fn push_block(&mut self, block: BlockInfo, fence: Vec<u8>, row_meta: &[u8]) {
        self.row_meta.extend_from_slice(row_meta);
        self.fence_bytes += self.part.push_block(block, fence) as u64;
    }

    /// Whether the part is to be [taken](Self::take_part) before a block that begins with this key.
    pub(super) fn is_part_full(&self, key: &[u8]) -> bool {
        self.part.is_full(self.continues(key))
    }

    /// Whether there is anything to be taken.
    pub(super) fn is_part_empty(&self) -> bool {
        self.part.blocks() == 0
    }

    /// Begins another part. What is taken is to be [placed](Self::place) when it has been written;
    /// `None` where its fences are more than a part can hold.
    pub(super) fn take_part(&mut self) -> Option<EncodedPart> {
        let part = std::mem::take(&mut self.part);
        let mut bytes = std::mem::take(&mut self.row_meta);
        let (beginning, fence) = part.first()?;
        let meta_len = bytes.len();
        part.encode(&mut bytes)?;
        let encoded = bytes.get(meta_len..)?;
        let info = PartInfo {
            blocks: part.blocks(),
            rows: part.rows(),
            position: 0,
            meta_len: u32::try_from(meta_len).ok()?,
            len: u32::try_from(encoded.len()).ok()?,
            checksum: crc32c::crc32c(encoded),
            beginning,
        };
        Some(EncodedPart { fence: fence.to_vec(), info, bytes })
    }

    /// Says where a part has been written.
    pub(super) fn place(&mut self, info: PartInfo, fence: Vec<u8>, position: u64) {
        self.contents.parts.push(PartInfo { position, ..info });
        self.contents.fences.push(fence);
    }

    /// Bytes of the fences of all blocks.
    pub(super) fn fence_bytes(&self) -> u64 {
        self.fence_bytes
    }

    /// What of the index is in no part.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        self.contents.encode()
    }
}
