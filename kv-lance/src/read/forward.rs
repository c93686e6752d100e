//! A cursor that goes up a run: synchronous within a block, asynchronous from one block to the next.

use super::ahead::Ahead;
use super::loaded::Loaded;
use super::rows::Rows;
use super::{Span, Visible};
use crate::table::{ReadAhead, Run};
use kv_api::{Direction, Key, Result, Version};
use std::sync::Arc;

/// Walks the rows of a run that a span sees.
pub(super) struct ForwardCursor {
    run: Arc<Run>,
    /// The next block to be loaded, where none is; the number of blocks at the end.
    next_block: usize,
    /// Where the run is entered, in that block or behind it; at the block's first row where this is `None`.
    entrance: Option<(Key, Version)>,
    /// The block of the current row.
    loaded: Option<Loaded>,
    row: usize,
    /// The end of the span, where it is not behind the run.
    end: Option<Key>,
    /// Of all rows what has been read, and of values else how far to read.
    ahead: Ahead,
    vals_ahead: ReadAhead,
}

impl ForwardCursor {
    /// A cursor that needs its first [`fill`](Self::fill), and is likely to hand out so many rows.
    pub(super) fn new(run: &Arc<Run>, span: &Span, wanted: usize) -> Self {
        Self {
            run: run.clone(),
            next_block: 0,
            entrance: Some((span.range.start.clone(), Version::MAX)),
            loaded: None,
            row: 0,
            end: span.range.end.clone().filter(|end| end.as_ref() <= run.key_bounds().1),
            ahead: Ahead::default(),
            vals_ahead: ReadAhead::of_rows(run, wanted, Direction::Forward),
        }
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        self.loaded.is_none() && self.next_block < self.run.blocks()
    }

    /// Moves to the next row, through as many blocks as that takes.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        while self.needs_fill() {
            if let Some((key, version)) = &self.entrance {
                self.next_block = self.next_block.max(self.run.block_at(key, *version)?);
                let (run, end) = (&self.run, &self.end);
                let last = || end.as_ref().map_or(Ok(usize::MAX), |end| run.block_at(end, Version::MAX));
                self.vals_ahead.begin(self.next_block, last)?;
            }
            let loaded = match span.visible {
                Visible::At(_) => Loaded::read(&self.run, self.next_block).await?,
                Visible::All => self.ahead.read(&self.run, self.next_block, span.vals).await?,
            };
            self.row = match self.entrance.take() {
                Some((key, version)) => loaded.keys.lower_bound(&key, version),
                None => 0,
            };
            self.loaded = Some(loaded);
            self.settle(span);
        }
        Ok(())
    }

    pub(super) fn loaded(&self) -> Option<(&Loaded, usize)> {
        self.loaded.as_ref().map(|loaded| (loaded, self.row))
    }

    pub(super) async fn read_vals(&mut self) -> Result<()> {
        match &mut self.loaded {
            Some(loaded) => loaded.read_vals(&self.run, &mut self.vals_ahead).await,
            None => Ok(()),
        }
    }

    /// Moves from a row that may not be seen to the first that is, in this block; else a block is needed, or the span is at
    /// its end.
    fn settle(&mut self, span: &Span) {
        let Some(loaded) = &self.loaded else { return };
        let keys = &loaded.keys;
        let newest = span.visible.newest();
        let mut next = newest;
        while self.row < keys.len() {
            let key = keys.key(self.row);
            if self.end.as_ref().is_some_and(|end| key >= end.as_ref()) {
                self.loaded = None;
                self.next_block = self.run.blocks();
                return;
            }
            if span.visible.shows(keys, self.row) {
                return;
            }
            // Where that row had been superseded by then, so had the key's older ones.
            next = if keys.version(self.row) > newest { newest } else { 0 };
            self.row = keys.seek(self.row + 1, key, next);
        }
        self.leave(next);
    }

    /// Goes on behind the block, or, where its last key goes on there, with that key's first row up to `version`.
    fn leave(&mut self, version: Version) {
        let Some(Loaded { block, keys, .. }) = self.loaded.take() else { return };
        self.next_block = block + 1;
        if let Some(last) = keys.len().checked_sub(1).filter(|_| keys.goes_on()) {
            self.entrance = Some((keys.key_slice(last), version));
        }
    }

    /// Moves behind the first `rows` of those that have been [handed out](Self::rows).
    pub(super) fn advance(&mut self, rows: usize, span: &Span) {
        let Some(Loaded { keys, .. }) = &self.loaded else { return };
        let last = self.row + rows.max(1) - 1;
        self.row = match span.visible {
            // Of a key one row is seen, and the others are passed over.
            Visible::At(_) => keys.seek(last + 1, keys.key(last), 0),
            Visible::All => last + 1,
        };
        if self.row < keys.len() {
            self.settle(span);
        } else if span.visible == Visible::All {
            self.next_block = self.loaded.take().map_or(self.next_block, |loaded| loaded.block + 1);
        } else {
            self.leave(0);
        }
    }

    /// How many rows from the current one on are seen and lie before `limit`, in this block.
    pub(super) fn reach(&self, limit: Option<&[u8]>, span: &Span) -> usize {
        let Some(Loaded { keys, .. }) = &self.loaded else { return 0 };
        if span.visible != Visible::All && !keys.is_plain(span.visible.newest()) {
            return 1;
        }
        let last = keys.len().saturating_sub(1);
        match limit.into_iter().chain(self.end.as_deref()).min() {
            Some(limit) if limit <= keys.key(last) => keys.seek(self.row + 1, limit, Version::MAX) - self.row,
            _ => keys.len() - self.row,
        }
    }

    pub(super) fn rows(&self, rows: usize) -> Option<Rows<'_>> {
        let Loaded { keys, vals, .. } = self.loaded.as_ref()?;
        Some(Rows::of_block(keys, vals.as_deref(), self.row..self.row + rows, Direction::Forward))
    }

    /// Whether so many rows from the current one on are the rest of the block.
    pub(super) fn ends_block(&self, rows: usize) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| self.row + rows >= loaded.keys.len())
    }

    /// Whether each row of the run is a live key that the span sees: then rows can be counted without looking at them.
    fn is_countable(&self, span: &Span) -> bool {
        let s = self.run.statistics();
        s.rows == s.keys && s.tombstones == 0 && s.max_superseded == 0 && s.max_version <= span.visible.newest()
    }

    /// Passes over the current row and all others in the blocks before the one that `limit` or the end of the span could be
    /// in, and says how many those were; `None`, and nothing is passed over, where they cannot be counted by their blocks.
    pub(super) fn skip_blocks(&mut self, limit: Option<&[u8]>, span: &Span) -> Result<Option<u64>> {
        let limit = limit.into_iter().chain(self.end.as_deref()).min();
        let Some(loaded) = self.loaded.as_ref().filter(|_| self.is_countable(span)) else { return Ok(None) };
        let block = match limit {
            Some(limit) => self.run.block_at(limit, Version::MAX)?,
            None => self.run.blocks(),
        };
        if block <= loaded.block {
            return Ok(None);
        }
        let here = self.run.first_row(loaded.block)? + self.row as u64;
        let Some(passed) = self.run.first_row(block)?.checked_sub(here) else { return Ok(None) };
        self.loaded = None;
        self.next_block = block;
        Ok(Some(passed))
    }
}
