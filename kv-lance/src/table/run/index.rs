//! What a run says of itself: statistics, bounds, and where the parts of its index are, in a global
//! buffer of its file.
//!
//! Layout, integers little-endian:
//!
//! ```text
//! magic | format u32 | statistics | first key | last key | fences of the parts |
//! parts × (blocks u32, rows u32, position u64, length of the row meta u32, length u32,
//!          checksum u32, first version u64, flags u8) |
//! CRC-32C of all before u32
//! ```
//!
//! At the position is the row meta of the part's blocks, and behind that the part. Keys are
//! preceded by their length in four bytes.

mod salvage;

use super::block::partition_point;
use super::data_file::DataFile;
use super::fences::Fences;
use super::index_cache::{IndexCache, Slots};
use super::index_part::{Beginning, BlockInfo, CONTINUES, IndexPart, PartPlace};
use super::statistics::RunStatistics;
use crate::codec::{Reader, put_block};
use crate::table::FORMAT_VERSION;
use kv_api::{Error, Result, Version};
use std::ops::Range;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"kvlanceR";

/// A part, as the run's index knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartInfo {
    pub(super) blocks: u32,
    pub(super) rows: u32,
    /// Of the row meta of its blocks, behind which it lies.
    pub(super) position: u64,
    pub(super) meta_len: u32,
    pub(super) len: u32,
    pub(super) checksum: u32,
    pub(super) beginning: Beginning,
}

/// What is written of a run's index at the end.
#[derive(Debug, Default)]
pub(super) struct RunIndexContents {
    pub(super) statistics: RunStatistics,
    pub(super) first_key: Vec<u8>,
    pub(super) last_key: Vec<u8>,
    pub(super) parts: Vec<PartInfo>,
    /// One for each part.
    pub(super) fences: Vec<Vec<u8>>,
}

/// The resident part of a run, and the way to the others.
pub(super) struct RunIndex {
    pub(super) statistics: RunStatistics,
    pub(super) first_key: Box<[u8]>,
    pub(super) last_key: Box<[u8]>,
    parts: Box<[PartInfo]>,
    /// Where each part begins.
    places: Box<[PartPlace]>,
    fences: Fences,
    blocks: usize,
    file: Arc<DataFile>,
    loaded: Arc<Slots<IndexPart>>,
}

impl RunIndexContents {
    /// `None` where the fences are more than four bytes can count.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT_VERSION.to_le_bytes());
        self.statistics.encode(&mut out);
        put_block(&mut out, &self.first_key);
        put_block(&mut out, &self.last_key);
        Fences::new(&self.fences)?.encode(&mut out);
        for part in &self.parts {
            out.extend(part.blocks.to_le_bytes());
            out.extend(part.rows.to_le_bytes());
            out.extend(part.position.to_le_bytes());
            for figure in [part.meta_len, part.len, part.checksum] {
                out.extend(figure.to_le_bytes());
            }
            out.extend(part.beginning.version.to_le_bytes());
            out.push(if part.beginning.continues { CONTINUES } else { 0 });
        }
        let checksum = crc32c::crc32c(&out);
        out.extend(checksum.to_le_bytes());
        Some(out)
    }
}

impl RunIndex {
    /// Reads what [`RunIndexContents::encode`] wrote.
    ///
    /// # Errors
    /// `Corruption`, `UnsupportedFormat`.
    pub(super) fn decode(bytes: &[u8], file: Arc<DataFile>, cache: Arc<IndexCache>) -> Result<Self> {
        let path = file.path().to_path_buf();
        let damaged = |what: &str| Error::corruption(&path, format!("the run's index {what}"));
        let body = bytes.len().checked_sub(4).and_then(|end| bytes.split_at_checked(end));
        let (body, checksum) = body.ok_or_else(|| damaged("is too short"))?;
        if checksum != crc32c::crc32c(body).to_le_bytes() {
            return Err(damaged("does not match its checksum"));
        }
        let mut r = Reader::new(body);
        match (r.bytes(MAGIC.len()), r.u32()) {
            (Some(magic), Some(FORMAT_VERSION)) if magic == MAGIC => {}
            (Some(magic), Some(found)) if magic == MAGIC => {
                let (found, supported) = (found.to_string(), FORMAT_VERSION.to_string());
                return Err(Error::UnsupportedFormat { path, found, supported });
            }
            _ => return Err(damaged("is not one")),
        }
        Self::decode_body(r, file, cache).ok_or_else(|| damaged("is not one"))
    }

    fn decode_body(mut r: Reader<'_>, file: Arc<DataFile>, cache: Arc<IndexCache>) -> Option<Self> {
        let statistics = RunStatistics::decode(&mut r)?;
        let (first_key, last_key) = (r.block()?.into(), r.block()?.into());
        let fences = Fences::decode(&mut r)?;
        let (mut parts, mut places) = (Vec::with_capacity(fences.len()), Vec::with_capacity(fences.len()));
        let (mut blocks, mut rows) = (0usize, 0u32);
        for _ in 0..fences.len() {
            let part = PartInfo {
                blocks: r.u32()?,
                rows: r.u32()?,
                position: r.u64()?,
                meta_len: r.u32()?,
                len: r.u32()?,
                checksum: r.u32()?,
                beginning: Beginning { version: r.u64()?, continues: r.u8()? & CONTINUES != 0 },
            };
            places.push(PartPlace { first_block: blocks, first_row: rows, meta_position: part.position });
            blocks = blocks.checked_add(part.blocks as usize)?;
            rows = rows.checked_add(part.rows)?;
            parts.push(part);
        }
        let whole = r.is_empty() && u64::from(rows) == statistics.rows && blocks > 0;
        let loaded = Slots::new(parts.len(), cache);
        let (parts, places) = (parts.into(), places.into());
        whole.then_some(Self { statistics, first_key, last_key, parts, places, fences, blocks, file, loaded })
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// A block; `None` where there is no such block.
    pub(super) fn block(&self, block: usize) -> Result<Option<BlockInfo>> {
        if block >= self.blocks {
            return Ok(None);
        }
        self.with_part(self.part_of(block), |part| part.block(block))
    }

    /// A block and those behind it in the same part, up to `most`; none beyond the end.
    pub(super) fn blocks_from(&self, block: usize, most: usize) -> Result<Vec<BlockInfo>> {
        if block >= self.blocks {
            return Ok(Vec::new());
        }
        self.with_part(self.part_of(block), |part| part.blocks_from(block).iter().take(most).copied().collect())
    }

    /// The blocks of the same part as this one that begin in a range of rows, at most `most`, and the number of the first.
    pub(super) fn blocks_in(&self, block: usize, rows: Range<u64>, most: usize) -> Result<(usize, Vec<BlockInfo>)> {
        self.with_part(self.part_of(block), |part| {
            let (mut first, mut found) = part.blocks_in(rows);
            // Of too many those around the block.
            let behind = (block.saturating_sub(first) / most * most).min(found.len());
            (first, found) = (first + behind, found.get(behind..).unwrap_or_default());
            (first, found.iter().take(most).copied().collect())
        })
    }

    /// The last block that begins at or before the place of `(key, version)` in the order of a run;
    /// the first where none does.
    pub(super) fn block_at(&self, key: &[u8], version: Version) -> Result<usize> {
        self.with_part(self.part_at(key, version), |part| part.block_at(key, version))
    }

    /// The same, for a key with this hash; `None` where the run cannot hold the key, by its bounds
    /// and its filter.
    pub(super) fn find(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<usize>> {
        if key < &*self.first_key || key > &*self.last_key {
            return Ok(None);
        }
        self.with_part(self.part_at(key, version), |part| part.may_contain(hash).then(|| part.block_at(key, version)))
    }

    /// As [`find`](Self::find), from memory alone; `None` where the file has to be read.
    pub(super) fn find_cached(&self, key: &[u8], version: Version, hash: u64) -> Option<Option<usize>> {
        if key < &*self.first_key || key > &*self.last_key {
            return Some(None);
        }
        let loaded = self.loaded.get(self.part_at(key, version));
        let part = &loaded.as_ref()?.value;
        Some(part.may_contain(hash).then(|| part.block_at(key, version)))
    }

    /// The fence of a block; empty beyond the end.
    pub(super) fn fence(&self, block: usize) -> Result<Vec<u8>> {
        self.with_part(self.part_of(block), |part| part.fence(block))
    }

    fn part_of(&self, block: usize) -> usize {
        self.places.partition_point(|place| place.first_block <= block).saturating_sub(1)
    }

    fn part_at(&self, key: &[u8], version: Version) -> usize {
        if self.parts.len() <= 1 {
            return 0;
        }
        let search = self.fences.search(key);
        let behind = partition_point(0..self.parts.len(), |part| {
            self.parts.get(part).is_some_and(|info| info.beginning.is_reached(search.fence(part), version))
        });
        behind.saturating_sub(1)
    }

    /// Looks into a part, which is read where it is not in memory.
    fn with_part<R>(&self, part: usize, look: impl FnOnce(&IndexPart) -> R) -> Result<R> {
        match &*self.loaded.get(part) {
            Some(loaded) => Ok(look(&loaded.value)),
            None => {
                let read = self.read_part(part)?;
                let bytes = read.bytes() as u64;
                Ok(look(&self.loaded.put(part, read, bytes).value))
            }
        }
    }

    fn read_part(&self, part: usize) -> Result<IndexPart> {
        let path = self.file.path();
        let damaged = |what: &str| Error::corruption(path, format!("part {part} of the run's index {what}"));
        let found = self.parts.get(part).zip(self.places.get(part));
        let (info, place) = found.ok_or_else(|| damaged("does not exist"))?;
        let start = info.position.saturating_add(info.meta_len.into());
        let bytes = self.file.read(start..start.saturating_add(info.len.into()));
        let bytes = bytes.map_err(|e| Error::io("reading", path, e))?;
        if crc32c::crc32c(&bytes) != info.checksum {
            return Err(damaged("does not match its checksum"));
        }
        let read = IndexPart::decode(&bytes, *place).ok_or_else(|| damaged("is not one"))?;
        if read.extent() != (info.blocks as usize, info.rows.into()) {
            return Err(damaged("is of other blocks"));
        }
        Ok(read)
    }

    /// Bytes of memory that stay for as long as the run is open.
    pub(super) fn resident_bytes(&self) -> usize {
        let parts = size_of_val(&*self.parts) + size_of_val(&*self.places) + self.loaded.bytes();
        self.first_key.len() + self.last_key.len() + self.fences.bytes() + parts
    }

    /// The parts as they are in the file, each behind the row meta of its blocks.
    #[cfg(test)]
    pub(super) fn encoded_parts(&self) -> std::io::Result<Vec<bytes::Bytes>> {
        let read = |part: &PartInfo| {
            self.file.read(part.position..part.position + u64::from(part.meta_len) + u64::from(part.len))
        };
        self.parts.iter().map(read).collect()
    }
}
