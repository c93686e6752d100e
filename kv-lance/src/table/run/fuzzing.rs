//! What a run says of itself, of any bytes.

use super::bloom::{Bloom, hash};
use super::data_file::DataFile;
use super::fences::Fences;
use super::index::RunIndex;
use super::index_cache::IndexCache;
use super::index_part::{IndexPart, PartPlace};
use super::row_meta::RowMeta;
use crate::codec::Reader;
use crate::files::{MemoryFiles, OpenFiles};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

/// Keys to look for.
const KEYS: [&[u8]; 4] = [b"", b"key00007", b"key", b"\xff\xff"];

/// The number of rows in two bytes, and the row meta of a block.
pub(crate) fn row_meta(data: &[u8]) {
    let Some((rows, bytes)) = data.split_at_checked(2) else { return };
    let rows = rows.iter().rev().fold(0, |rows, byte| rows << 8 | usize::from(*byte));
    let Some(meta) = RowMeta::decode(Bytes::copy_from_slice(bytes), rows) else { return };
    for row in 0..rows {
        assert!(meta.version(row) <= meta.greatest());
        assert_eq!(meta.superseded(row).is_some(), meta.is_history());
        assert!(!meta.is_tombstone(row) || meta.has_tombstones());
        meta.erases(row);
    }
}

/// Fences, which are written as they are read.
pub(crate) fn fences(data: &[u8]) {
    let Some(fences) = Fences::decode(&mut Reader::new(data)) else { return };
    assert!(fences.bytes() <= 16 * data.len(), "{} bytes of {}", fences.bytes(), data.len());
    let mut encoded = Vec::new();
    fences.encode(&mut encoded);
    assert_eq!(Fences::decode(&mut Reader::new(&encoded)).as_ref(), Some(&fences));
    for key in KEYS {
        let search = fences.search(key);
        for fence in 0..fences.len() {
            assert_eq!(search.fence(fence), fences.fence(fence).as_slice().cmp(key));
        }
    }
}

/// A filter, and a part of an index.
pub(crate) fn index_part(data: &[u8]) {
    if let Some(bloom) = Bloom::from_bytes(data.to_vec()) {
        KEYS.iter().for_each(|key| _ = bloom.may_contain(hash(key)));
    }
    let place = PartPlace { first_block: 5, first_row: 100, meta_position: 1 << 20 };
    let Some(part) = IndexPart::decode(data, place) else { return };
    let (blocks, rows) = part.extent();
    let found: Vec<_> = (5..5 + blocks).filter_map(|block| part.block(block)).collect();
    assert_eq!((found.len(), found.iter().map(|block| u64::from(block.rows)).sum()), (blocks, rows));
    assert_eq!((part.block(4), part.block(5 + blocks)), (None, None));
    assert_eq!(part.blocks_from(5), found);
    for key in KEYS {
        assert!((5..5 + blocks).contains(&part.block_at(key, 7)));
        part.may_contain(hash(key));
    }
}

/// A flag, two places and a number of rows in two bytes each, and a file: its index is what lies between the places, where
/// the flag is set with its checksum made right. What is before it is a part of so many rows.
pub(crate) fn index(data: &[u8]) {
    let Some((head, file)) = data.split_at_checked(7) else { return };
    let number = |at: usize| head.iter().skip(at).take(2).rev().fold(0, |n, byte| n << 8 | usize::from(*byte));
    let (start, end) = (number(1).min(file.len()), number(3).min(file.len()));
    let mut file = file.to_vec();
    if head.first().is_some_and(|flag| flag & 1 != 0)
        && let Some((body, checksum)) = file.get_mut(start..end).and_then(|index| index.split_last_chunk_mut::<4>())
    {
        *checksum = crc32c::crc32c(body).to_le_bytes();
    }
    let files = MemoryFiles::default();
    files.put("run", &file);
    let open = OpenFiles::new(Arc::new(files), 1);
    let Ok(opened) = DataFile::open(&Arc::new(open), 1, Path::new("run")) else { return };
    let (opened, cache) = (Arc::new(opened), Arc::new(IndexCache::new(1 << 20)));
    let (first, second) = (0..start as u64, start as u64..end as u64);
    for parts in [vec![first.clone()], vec![first, second]] {
        RunIndex::rebuilt(&parts, number(5) as u64, opened.clone(), cache.clone()).iter().for_each(look);
    }
    let Some(bytes) = file.get(start..end) else { return };
    if let Ok(mut index) = RunIndex::decode(bytes, opened, cache) {
        look(&index);
        index.accept_damaged_parts();
        look(&index);
    }
}

fn look(index: &RunIndex) {
    let blocks = index.blocks();
    for block in (0..blocks.min(300)).chain(blocks.saturating_sub(2)..blocks + 2) {
        let _ = (index.block(block), index.fence(block), index.blocks_from(block, 4), index.lost_with(block));
    }
    for key in KEYS {
        let found = index.find(key, 7, hash(key));
        assert!(
            found.is_err()
                || index.find_cached(key, 7, hash(key)).is_none_or(|cached| Ok(cached) == found.map_err(drop))
        );
        assert!(index.block_at(key, 7).is_ok_and(|block| block < blocks) || index.block_at(key, 7).is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::{PartInfo, RunIndexContents};
    use super::super::index_part::{BlockInfo, IndexPartBuilder};
    use super::super::row_meta::RowMetaBuilder;
    use super::super::statistics::RunStatistics;
    use super::*;
    use crate::fuzzing::run;

    #[test]
    fn any_row_meta_is_read_or_refused() {
        let mut seeds = Vec::new();
        for (rows, step, history) in [(1u64, 0, false), (9, 300, true), (40, 1 << 40, false), (3, u64::MAX / 4, true)] {
            let mut meta = RowMetaBuilder::default();
            for row in 0..rows {
                meta.push(row * step + 5, row == 2, row == 1, history.then_some(row * step + 6));
            }
            let mut bytes = (rows as u16).to_le_bytes().to_vec();
            meta.encode(&mut bytes);
            seeds.push(bytes);
        }
        run("row_meta", &seeds, row_meta);
    }

    fn keys(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|n| format!("key{n:05}").into_bytes()).collect()
    }

    #[test]
    fn any_fences_are_read_or_refused() {
        let sets = [vec![], vec![vec![]], keys(20), vec![b"a".to_vec(); 5]];
        let encoded = sets.iter().filter_map(|keys| Fences::new(keys)).map(|fences| {
            let mut bytes = Vec::new();
            fences.encode(&mut bytes);
            bytes
        });
        run("fences", &encoded.collect::<Vec<_>>(), fences);
    }

    /// A part of so many blocks, behind their row meta; the length of that, and its first block.
    fn part(blocks: usize) -> Option<(Vec<u8>, usize, BlockInfo)> {
        let (mut builder, mut bytes) = (IndexPartBuilder::default(), Vec::new());
        let block = BlockInfo { rows: 3, first_version: 9, meta_len: 11, keys_checksum: 1, ..BlockInfo::default() };
        for key in keys(blocks) {
            builder.push_key(hash(&key));
            bytes.resize(bytes.len() + 11, 1);
            builder.push_block(block, key);
        }
        let meta_len = bytes.len();
        builder.encode(&mut bytes)?;
        Some((bytes, meta_len, block))
    }

    #[test]
    fn any_part_of_an_index_is_read_or_refused() {
        let parts = [1, 2, 30].into_iter().filter_map(part);
        let mut seeds: Vec<Vec<u8>> = parts.filter_map(|(bytes, len, _)| Some(bytes.get(len..)?.to_vec())).collect();
        seeds.push(vec![0; 128]);
        run("index_part", &seeds, index_part);
    }

    #[test]
    fn any_index_is_read_or_refused() {
        let mut seeds = Vec::new();
        for blocks in [1, 8, 30] {
            let Some((mut file, meta_len, block)) = part(blocks) else { continue };
            let own = file.get(meta_len..).unwrap_or_default();
            let info = PartInfo {
                blocks: blocks as u32,
                rows: 3 * blocks as u32,
                position: 0,
                meta_len: meta_len as u32,
                len: own.len() as u32,
                checksum: crc32c::crc32c(own),
                beginning: super::super::index_part::Beginning { version: block.first_version, continues: false },
            };
            let contents = RunIndexContents {
                statistics: RunStatistics { rows: 3 * blocks as u64, ..RunStatistics::default() },
                first_key: b"key00000".to_vec(),
                last_key: b"key99999".to_vec(),
                parts: vec![info],
                fences: vec![vec![]],
            };
            let index = contents.encode().unwrap_or_default();
            let start = file.len();
            file.extend(index);
            for flag in [0, 1] {
                let numbers = [start as u16, file.len() as u16, 3 * blocks as u16];
                let head = numbers.iter().flat_map(|number| number.to_le_bytes());
                seeds.push([flag].into_iter().chain(head).chain(file.iter().copied()).collect());
            }
        }
        run("index", &seeds, index);
    }
}
