//! Reads blocks to keep them, and with each those beside it that cost little more or are wanted next.

use super::Run;
use super::block::{KeyBlock, ValBlock};
use super::index_part::BlockInfo;
use kv_api::{Direction, Result};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A chunk of a column has so many bytes, offsets of four bytes among them.
const CHUNK_BYTES: usize = 4 << 10;

/// Of a block with fewer rows the keys are read with those beside it whoever asks: they cost little more, and another read of the
/// file far more.
const FEW_ROWS: u32 = 32;

/// No more blocks are read with one, however small they are.
const MOST_BLOCKS: usize = 32;

/// How far somebody reads ahead who goes from block to block: not at first, and the further the more there was to read.
pub(crate) struct ReadAhead {
    direction: Direction,
    reads: u32,
    /// Blocks that are wanted behind the first, until it is known which that is.
    wanted: usize,
    /// The last block that is known to be wanted.
    until: Option<usize>,
}

impl ReadAhead {
    pub(crate) fn new(direction: Direction) -> Self {
        Self { direction, reads: 0, wanted: 0, until: None }
    }

    /// The same where so many rows of a run are likely to be read: they begin half-way into a block.
    pub(crate) fn of_rows(run: &Run, rows: usize, direction: Direction) -> Self {
        let rows_a_block = (run.statistics().rows as usize / run.blocks().max(1)).max(1);
        Self { wanted: (rows + rows_a_block / 2).saturating_sub(1) / rows_a_block, ..Self::new(direction) }
    }

    /// Begins at a block, where nobody has begun; what is known to be wanted ends with the `last` of the span.
    pub(crate) fn begin(&mut self, first: usize, last: impl FnOnce() -> Result<usize>) -> Result<()> {
        let wanted = std::mem::take(&mut self.wanted);
        if wanted > 0 {
            self.until = Some(match self.direction {
                Direction::Forward => first.saturating_add(wanted).min(last()?),
                Direction::Backward => first.saturating_sub(wanted).max(last()?),
            });
        }
        Ok(())
    }

    /// What to read for a block that is not in memory.
    pub(super) fn next(&mut self, block: usize) -> RangeInclusive<usize> {
        let more = (1_usize << self.reads.saturating_sub(1).min(MOST_BLOCKS.ilog2())) - 1;
        let left = self.until.map_or(0, |until| match self.direction {
            Direction::Forward => until.saturating_sub(block),
            Direction::Backward => block.saturating_sub(until),
        });
        let more = more.max(left.min(MOST_BLOCKS - 1));
        self.reads = self.reads.saturating_add(1);
        match self.direction {
            Direction::Forward => block..=block.saturating_add(more),
            Direction::Backward => block.saturating_sub(more)..=block,
        }
    }
}

impl Run {
    /// Reads the keys of a block, and keeps them with those of the blocks that are in the same chunk: who goes on wants them next.
    pub(super) async fn load_keys(&self, block: usize) -> Result<Arc<KeyBlock>> {
        self.cache.missed();
        if self.cache.keeps()
            && let Some((first, infos)) = self.beside(block)?
            // One of the others may be damaged, which is no concern of who reads this one.
            && let Ok(keys) = self.keys_of(first, &infos).await
            && let Some(found) = keys.get(block - first).cloned()
        {
            self.cache.insert_keys(self.id, first, &keys);
            return Ok(found);
        }
        self.load_key_block(block).await
    }

    /// Reads the keys of a block for somebody who looks for a single row: those beside it only where they cost little more.
    pub(super) async fn load_keys_alone(&self, block: usize) -> Result<Arc<KeyBlock>> {
        let Some(info) = self.index.block(block)? else { return self.load_keys(block).await };
        match info.rows >= FEW_ROWS && self.keys.reads_rows_alone(info.first_row.into()) {
            true => {
                self.cache.missed();
                self.load_key_block(block).await
            }
            false => self.load_keys(block).await,
        }
    }

    async fn load_key_block(&self, block: usize) -> Result<Arc<KeyBlock>> {
        let keys = self.keys_uncached(block).await?;
        self.cache.insert_keys(self.id, block, std::slice::from_ref(&keys));
        Ok(keys)
    }

    /// The blocks whose keys are likely to be in the same chunk, and the number of the first; `None` where there are no others.
    fn beside(&self, block: usize) -> Result<Option<(usize, Vec<BlockInfo>)>> {
        let (first, last) = self.key_bounds();
        let bytes = (first.len() + last.len()) / 2;
        // A guess, which costs what lies beyond the chunk or is missed of it: FSST halves what it compresses.
        let stored = if self.statistics().level > 0 { bytes / 2 } else { bytes };
        let rows = (CHUNK_BYTES / (stored + size_of::<u32>())).max(1);
        let rows = 1_u64 << rows.ilog2();
        let Some(info) = self.index.block(block)? else { return Ok(None) };
        let page = self.keys.page_of(info.first_row.into());
        let within = (u64::from(info.first_row) - page.start) / rows * rows;
        let chunk = page.start + within..(page.start + within + rows).min(page.end);
        let (first, infos) = self.index.blocks_in(block, chunk, MOST_BLOCKS)?;
        Ok((infos.len() > 1 && (first..first + infos.len()).contains(&block)).then_some((first, infos)))
    }

    /// Reads the values of a block, and keeps them with those of others around it.
    pub(super) async fn load_vals(&self, block: usize, wanted: RangeInclusive<usize>) -> Result<Arc<ValBlock>> {
        self.cache.missed();
        let wanted = self.lacking(block, wanted);
        if self.cache.keeps() && wanted.start() < wanted.end() {
            let first = *wanted.start();
            let infos = self.stretch_from(first, wanted.end() - first + 1)?;
            // As above.
            if (first..first + infos.len()).contains(&block)
                && infos.iter().all(|info| info.rows > 1)
                && let Ok(vals) = self.vals_of(first, &infos).await
                && let Some(found) = vals.get(block - first).cloned()
            {
                self.cache.insert_vals(self.id, first, &vals);
                return Ok(found);
            }
        }
        let vals = self.vals_uncached(block).await?;
        self.cache.insert_vals(self.id, block, std::slice::from_ref(&vals));
        Ok(vals)
    }

    /// The blocks from one on, or up to it, without those at the other end whose values are in memory.
    fn lacking(&self, block: usize, wanted: RangeInclusive<usize>) -> RangeInclusive<usize> {
        let (mut start, mut end) = wanted.into_inner();
        while end > block && self.cache.has_vals(self.id, end as u32) {
            end -= 1;
        }
        while start < block && self.cache.has_vals(self.id, start as u32) {
            start += 1;
        }
        start..=end
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::testing::{Row, open, write};
    use super::*;

    #[test]
    fn who_goes_on_reads_ahead() {
        let mut ahead = ReadAhead::new(Direction::Forward);
        let read: Vec<_> = (0..5).map(|n| ahead.next(100 * n)).collect();
        assert_eq!(read, [0..=0, 100..=100, 200..=201, 300..=303, 400..=407]);
        ahead.reads += 40;
        assert_eq!(ahead.next(7), 7..=38);
        let mut ahead = ReadAhead { reads: 3, ..ReadAhead::new(Direction::Backward) };
        assert_eq!((ahead.next(10), ahead.next(3)), (7..=10, 0..=3));
        let mut ahead = ReadAhead { wanted: 40, ..ReadAhead::new(Direction::Forward) };
        ahead.begin(0, || Ok(usize::MAX)).unwrap();
        let read: Vec<_> = [0, 3, 35, 41].map(|block| ahead.next(block)).into();
        assert_eq!(read, [0..=31, 3..=34, 35..=40, 41..=44]);
    }

    /// Blocks of 8 rows, of which the keys of 32 are in one chunk.
    fn rows() -> Vec<Row> {
        (0..4096).map(|n| (format!("key/{n:012}").into_bytes(), 7, Some(vec![n as u8; 100]), false, None)).collect()
    }

    #[tokio::test]
    async fn keys_are_kept_with_those_that_lie_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let run = open(&write(dir.path(), 1000, &rows()).await, 1 << 20).await.unwrap();
        assert_eq!(run.blocks(), 512);
        let read = run.keys(40).await.unwrap();
        assert_eq!((read.len(), run.cache.loads()), (8, 1));
        for block in 32..64 {
            assert!(run.cache.keys(run.id, block).is_some(), "block {block}");
        }
        assert!(run.cache.keys(run.id, 31).is_none() && run.cache.keys(run.id, 64).is_none());
        for block in 0..512 {
            assert_eq!(run.keys(block).await.unwrap().key(3), rows().get(8 * block + 3).unwrap().0);
        }
        assert_eq!(run.cache.loads(), 16);
    }

    #[tokio::test]
    async fn values_are_read_ahead_in_both_directions() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), 1000, &rows()).await;
        for direction in [Direction::Forward, Direction::Backward] {
            let run = open(&path, 1 << 20).await.unwrap();
            let mut ahead = ReadAhead::new(direction);
            for n in 0..512 {
                let block = if direction == Direction::Forward { n } else { 511 - n };
                let vals = run.vals_ahead(block, &mut ahead).await.unwrap();
                assert_eq!(vals.val(5), &[(8 * block + 5) as u8; 100]);
            }
            // 1, 1, 2, 4, 8, 16, and then 32 each; backwards also what lies across two parts of the index.
            assert!((20..30).contains(&run.cache.loads()), "{direction:?}: {}", run.cache.loads());
        }
    }

    #[tokio::test]
    async fn damage_beside_a_block_is_no_concern_of_its_readers() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), 1000, &rows()).await;
        let place = {
            let run = open(&path, 1 << 20).await.unwrap();
            run.index.block(41).unwrap().unwrap().meta_position as usize
        };
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.get_mut(place + 2).unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let run = open(&path, 1 << 20).await.unwrap();
        assert_eq!(run.keys(40).await.unwrap().key(0), b"key/000000000320");
        let refused = run.keys(41).await.unwrap_err();
        assert!(refused.to_string().contains("block 41 has versions that do not match their checksum"), "{refused}");
    }
}
