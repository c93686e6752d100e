//! Getting around damage to an index. What is read by it is checked block by block.

use super::{PartInfo, RunIndex};
use crate::table::run::data_file::DataFile;
use crate::table::run::fences::Fences;
use crate::table::run::index_cache::{IndexCache, Slots};
use crate::table::run::index_part::{Beginning, IndexPart, PartPlace};
use crate::table::run::statistics::RunStatistics;
use kv_api::Error;
use std::ops::Range;
use std::sync::Arc;

/// A part that was found without the index, and where its first block begins.
struct Found {
    info: PartInfo,
    fence: Vec<u8>,
}

impl RunIndex {
    /// Takes parts whose bytes are damaged for what they are where they still say which blocks they are of, as a filter is
    /// most of their bytes. The damage.
    pub(in crate::table::run) fn accept_damaged_parts(&mut self) -> Vec<Error> {
        let mut damage = Vec::new();
        for part in 0..self.parts.len() {
            let Err(error) = self.read_part(part) else { continue };
            let Some(checksum) = self.checksum_of_damaged(part) else { continue };
            if let Some(info) = self.parts.get_mut(part) {
                info.checksum = checksum;
                damage.push(error);
            }
        }
        damage
    }

    /// What is lost with a block that cannot be read: the number of the next one that may be, and how many rows lie before
    /// that. A part that cannot be read has all its blocks lost.
    pub(in crate::table::run) fn lost_with(&self, block: usize) -> (usize, u64) {
        if let Ok(Some(info)) = self.block(block) {
            return (block + 1, info.rows.into());
        }
        let found = self.parts.get(self.part_of(block)).zip(self.places.get(self.part_of(block)));
        found.map_or((block + 1, 0), |(info, place)| (place.first_block + info.blocks as usize, info.rows.into()))
    }

    fn checksum_of_damaged(&self, part: usize) -> Option<u32> {
        let (info, place) = self.parts.get(part).zip(self.places.get(part))?;
        let start = info.position.checked_add(info.meta_len.into())?;
        let bytes = self.file.read(start..start.checked_add(info.len.into())?).ok()?;
        let read = IndexPart::decode(&bytes, *place)?;
        (read.extent() == (info.blocks as usize, info.rows.into())).then(|| crc32c::crc32c(&bytes))
    }

    /// An index of the parts at these places, of a run with so many rows. The bounds of its keys and its figures, but for the
    /// rows, are not known. `None` where no part can be read.
    ///
    /// Of parts that cannot be read there are the rows, as one block of a part that is none.
    pub(in crate::table::run) fn rebuilt(
        parts: &[Range<u64>],
        rows: u64,
        file: Arc<DataFile>,
        cache: Arc<IndexCache>,
    ) -> Option<Self> {
        let found: Vec<_> = parts.iter().map(|place| Found::at(&file, place)).collect();
        // Where a part begins follows from those before it, or from those behind it.
        let from_start = found.iter().take_while(|part| part.is_some()).count();
        let from_end = found.iter().skip(from_start).rev().take_while(|part| part.is_some()).count();
        let lost = from_start..found.len() - from_end;
        let (mut kept, mut lost_at) = (Vec::new(), None);
        for (number, part) in found.into_iter().enumerate() {
            match part.filter(|_| !lost.contains(&number)) {
                Some(part) => kept.push(part),
                None => lost_at = lost_at.or(Some(kept.len())),
            }
        }
        let readable: u64 = kept.iter().map(|part| u64::from(part.info.rows)).sum();
        match (lost_at, rows.checked_sub(readable)) {
            (_, None) => return None,
            _ if kept.is_empty() => return None,
            (None, Some(0)) => {}
            (None, Some(_)) | (Some(_), Some(0)) => return None,
            (Some(at), Some(lost)) => {
                let fence =
                    at.checked_sub(1).and_then(|at| kept.get(at)).map_or_else(Vec::new, |part| part.fence.clone());
                kept.insert(at, Found { info: unreadable(u32::try_from(lost).ok()?), fence });
            }
        }
        Self::of_parts(kept, rows, file, cache)
    }

    fn of_parts(found: Vec<Found>, rows: u64, file: Arc<DataFile>, cache: Arc<IndexCache>) -> Option<Self> {
        let (mut places, mut blocks, mut first_row) = (Vec::new(), 0usize, 0u32);
        for Found { info, .. } in &found {
            places.push(PartPlace { first_block: blocks, first_row, meta_position: info.position });
            blocks = blocks.checked_add(info.blocks as usize)?;
            first_row = first_row.checked_add(info.rows)?;
        }
        let loaded = Slots::new(found.len(), cache);
        let (parts, fences): (Vec<_>, Vec<_>) = found.into_iter().map(|part| (part.info, part.fence)).unzip();
        let statistics = RunStatistics { rows, ..RunStatistics::default() };
        let fences = Fences::new(&fences)?;
        let (parts, places, no_key) = (parts.into(), places.into(), || Box::from([]));
        Some(Self { statistics, first_key: no_key(), last_key: no_key(), parts, places, fences, blocks, file, loaded })
    }
}

impl Found {
    /// The part in a buffer, in which it follows the row meta of its blocks: where that ends, only the part says.
    fn at(file: &DataFile, place: &Range<u64>) -> Option<Self> {
        let bytes = file.read(place.clone()).ok()?;
        (0..bytes.len()).find_map(|meta_len| {
            let own = bytes.get(meta_len..)?;
            let part = IndexPart::decode(own, PartPlace::default())?;
            let blocks = part.blocks_from(0);
            let (first, (_, rows)) = (blocks.first()?, part.extent());
            let meta: u64 = blocks.iter().map(|block| u64::from(block.meta_len)).sum();
            if meta != meta_len as u64 {
                return None;
            }
            let info = PartInfo {
                blocks: blocks.len() as u32,
                rows: u32::try_from(rows).ok()?,
                position: place.start,
                meta_len: u32::try_from(meta_len).ok()?,
                len: u32::try_from(own.len()).ok()?,
                checksum: crc32c::crc32c(own),
                beginning: Beginning { version: first.first_version, continues: first.continues },
            };
            Some(Self { info, fence: part.fence(0) })
        })
    }
}

/// A part that every look into is refused.
fn unreadable(rows: u32) -> PartInfo {
    let beginning = Beginning { version: 0, continues: false };
    let checksum = !crc32c::crc32c(&[]);
    PartInfo { blocks: 1, rows, position: 0, meta_len: 0, len: 0, checksum, beginning }
}
