//! The keys of a run, in their order and forwards only.

use crate::table::{KeyBlock, Run};
use kv_api::{Result, Version};
use std::collections::VecDeque;
use std::sync::Arc;

/// Blocks that are read at once by somebody who goes on from block to block, at most so many.
const AHEAD: usize = 64;

/// A place in a run, to be moved forwards. Reads past the cache: most of what it reads nobody else asks for.
pub(super) struct Keys<'a> {
    run: &'a Run,
    /// The block of the current row; behind the last where there is none any more.
    block: usize,
    row: usize,
    keys: Option<Arc<KeyBlock>>,
    /// The blocks behind it, as far as they have been read.
    ahead: VecDeque<Arc<KeyBlock>>,
    /// How many blocks to read next.
    stretch: usize,
}

impl<'a> Keys<'a> {
    /// At the first row.
    pub(super) async fn of(run: &'a Run) -> Result<Self> {
        let mut keys = Self { run, block: 0, row: 0, keys: None, ahead: VecDeque::new(), stretch: 1 };
        keys.load().await?;
        Ok(keys)
    }

    /// The current key; `None` behind the last.
    pub(super) fn key(&self) -> Option<&[u8]> {
        Some(self.keys.as_ref()?.key(self.row))
    }

    /// The number of the current row in the run.
    pub(super) fn row(&self) -> Result<u32> {
        Ok(self.run.first_row(self.block)? as u32 + self.row as u32)
    }

    /// The version of the current row.
    pub(super) fn version(&self) -> Option<Version> {
        Some(self.keys.as_ref()?.version(self.row))
    }

    pub(super) fn is_tombstone(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.is_tombstone(self.row))
    }

    /// Moves to the next row.
    pub(super) async fn next(&mut self) -> Result<()> {
        let Some(keys) = &self.keys else { return Ok(()) };
        self.row += 1;
        if self.row < keys.len() {
            return Ok(());
        }
        self.next_block().await
    }

    /// Moves to the first row whose key is `key` or behind it, unless that has been passed.
    pub(super) async fn seek(&mut self, key: &[u8]) -> Result<()> {
        let Some(keys) = &self.keys else { return Ok(()) };
        self.row = keys.seek(self.row, key, Version::MAX);
        if self.row < keys.len() {
            return Ok(());
        }
        let block = self.run.block_at(key, Version::MAX)?.max(self.block + 1);
        let passed = block - self.block - 1;
        if passed > 0 {
            self.ahead.drain(..passed.min(self.ahead.len()));
            if self.ahead.is_empty() {
                self.stretch = 1;
            }
        }
        self.block = block;
        self.load().await?;
        let Some(keys) = &self.keys else { return Ok(()) };
        self.row = keys.lower_bound(key, Version::MAX);
        // Behind the last row of a block and before the first of the next, there may be any key.
        match self.row < keys.len() {
            true => Ok(()),
            false => self.next_block().await,
        }
    }

    async fn next_block(&mut self) -> Result<()> {
        (self.block, self.row) = (self.block + 1, 0);
        self.load().await
    }

    async fn load(&mut self) -> Result<()> {
        if self.ahead.is_empty() && self.block < self.run.blocks() {
            let read = self.run.stretch(self.block, self.stretch, false).await?;
            self.ahead.extend(read.into_iter().map(|(keys, _)| keys));
            self.stretch = (self.stretch * 2).min(AHEAD);
        }
        self.keys = self.ahead.pop_front();
        Ok(())
    }
}
