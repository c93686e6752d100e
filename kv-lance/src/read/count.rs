//! Counting: as a scan of keys, except that blocks which one run has for itself are counted without being read.

use super::cursor::Cursor;
use super::merge::Merge;
use super::run_cursor::RunCursor;
use super::sequence::SequenceCursor;
use kv_api::Result;

impl Merge<'_> {
    /// How many keys have a value.
    pub(crate) async fn count(mut self) -> Result<u64> {
        let mut count = 0;
        while self.advance().await? {
            match self.skip_blocks()? {
                Some(passed) => {
                    count += passed;
                    self.handed_out = 0;
                    self.settle(0).await?;
                }
                None => count += self.handed_out as u64,
            }
        }
        Ok(count)
    }

    /// Passes over blocks that no other source has a key in; how many rows those were.
    fn skip_blocks(&mut self) -> Result<Option<u64>> {
        let ends_block = match self.first() {
            Some(Cursor::Runs(SequenceCursor { current: RunCursor::Forward(run), .. })) => {
                run.ends_block(self.handed_out)
            }
            _ => false,
        };
        if self.erasures.is_some() || !ends_block {
            return Ok(None);
        }
        let limit = self.limit().map(<[u8]>::to_vec);
        match self.heap.first().and_then(|entry| self.cursors.get_mut(entry.cursor)) {
            Some(Cursor::Runs(SequenceCursor { current: RunCursor::Forward(run), .. })) => {
                run.skip_blocks(limit.as_deref(), &self.span)
            }
            _ => Ok(None),
        }
    }
}
