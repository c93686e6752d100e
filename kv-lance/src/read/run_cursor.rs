//! A cursor over a run: synchronous within a block, asynchronous from one block to the next.

use super::{Entry, Span, Stretch};
use crate::table::{KeyBlock, Run, ValBlock};
use bytes::Bytes;
use kv_api::{Direction, Key, Result, Version};
use std::sync::Arc;
use tokio::task::coop::consume_budget;

struct Loaded {
    keys: Arc<KeyBlock>,
    vals: Option<Arc<ValBlock>>,
}

impl Loaded {
    fn entry(&self, row: usize) -> Entry {
        let val =
            (!self.keys.is_tombstone(row)).then(|| self.vals.as_ref().map_or_else(Bytes::new, |vals| vals.slice(row)));
        (self.keys.key_slice(row), val)
    }
}

/// Walks the entries of a run that a span sees.
pub(super) struct RunCursor {
    run: Arc<Run>,
    block: usize,
    loaded: Option<Loaded>,
    /// Forward: the next row. Backward: the row after the next one.
    row: usize,
    /// Forward: the last key seen, whose older rows are passed over. Backward: the newest row so far of the key being read.
    previous: Option<Entry>,
    started: bool,
    done: bool,
    pub(super) current: Option<Entry>,
}

impl RunCursor {
    /// A cursor that needs its first [`fill`](Self::fill); `None` where no key of the run is in the span.
    pub(super) fn new(run: &Arc<Run>, span: &Span) -> Option<Self> {
        let (first, last) = run.key_bounds();
        let end = span.range.end.as_deref();
        if span.range.start > last || end.is_some_and(|end| first >= end) || span.range.is_empty() {
            return None;
        }
        let block = match (span.direction, end) {
            (Direction::Forward, _) => run.block_at(&span.range.start, Version::MAX),
            (Direction::Backward, Some(end)) => run.block_at(end, Version::MAX),
            (Direction::Backward, None) => run.blocks().saturating_sub(1),
        };
        Some(Self {
            run: run.clone(),
            block,
            loaded: None,
            row: 0,
            previous: None,
            started: false,
            done: false,
            current: None,
        })
    }

    /// Whether the next entry needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        self.loaded.is_none() && !self.done
    }

    /// Loads the block and moves to the next entry, through as many blocks as that takes.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        while self.needs_fill() {
            consume_budget().await;
            let (keys, vals) = match span.vals {
                true => self.run.rows(self.block).await.map(|(keys, vals)| (keys, Some(vals)))?,
                false => (self.run.keys(self.block).await?, None),
            };
            self.row = match (span.direction, self.started) {
                (Direction::Forward, false) => keys.lower_bound(&span.range.start, Version::MAX),
                (Direction::Forward, true) => 0,
                (Direction::Backward, false) => match &span.range.end {
                    Some(end) => keys.lower_bound(end, Version::MAX),
                    None => keys.len(),
                },
                (Direction::Backward, true) => keys.len(),
            };
            self.started = true;
            self.loaded = Some(Loaded { keys, vals });
            self.step(span);
        }
        Ok(())
    }

    /// Moves to the next entry; afterwards there is one, or a block is needed, or the span is at its end.
    pub(super) fn step(&mut self, span: &Span) {
        self.current = None;
        let Some(loaded) = self.loaded.take() else { return };
        let more = match span.direction {
            Direction::Forward => self.step_forward(&loaded, span),
            Direction::Backward => self.step_backward(&loaded, span),
        };
        if more {
            self.loaded = Some(loaded);
        }
    }

    /// Whether the block is still needed.
    fn step_forward(&mut self, loaded: &Loaded, span: &Span) -> bool {
        while self.row < loaded.keys.len() {
            let row = self.row;
            let key = loaded.keys.key(row);
            if span.range.end.as_ref().is_some_and(|end| key >= end.as_ref()) {
                self.done = true;
                return false;
            }
            if self.previous.as_ref().is_some_and(|(previous, _)| previous == key) {
                self.row = loaded.keys.seek(row + 1, key, 0);
            } else if loaded.keys.version(row) > span.version {
                self.row = loaded.keys.seek(row + 1, key, span.version);
            } else {
                let entry = loaded.entry(row);
                self.previous = Some((entry.0.clone(), None));
                self.current = Some(entry);
                self.row = row + 1;
                return true;
            }
        }
        self.block = self.block_after(loaded, span);
        self.done = self.block >= self.run.blocks();
        false
    }

    /// The next block, or, where the last key's rows go on in it, the first one that has a row to be looked at.
    fn block_after(&self, loaded: &Loaded, span: &Span) -> usize {
        let next = self.block + 1;
        let Some(last) = loaded.keys.len().checked_sub(1).filter(|_| self.run.continues(next)) else { return next };
        let key = loaded.keys.key(last);
        let seen = self.previous.as_ref().is_some_and(|(previous, _)| previous == key);
        // Past all rows of a key that has been handed out; of another, past those that the span does not see.
        next.max(self.run.block_at(key, if seen { 0 } else { span.version }))
    }

    /// Whether the block is still needed. The newest rows of a key come first in a run, so an entry is known when its key has been
    /// looked at in this block and, where it goes on there, in the one before.
    fn step_backward(&mut self, loaded: &Loaded, span: &Span) -> bool {
        while let Some(row) = self.row.checked_sub(1) {
            let key = loaded.keys.key(row);
            if self.previous.as_ref().is_some_and(|(previous, _)| previous != key) {
                self.current = self.previous.take();
                return true;
            }
            if key < span.range.start.as_ref() {
                self.done = true;
                return false;
            }
            self.row = loaded.keys.first_of_key(row);
            let newest = loaded.keys.seek(self.row, key, span.version);
            if newest <= row {
                self.previous = Some(loaded.entry(newest));
            }
        }
        if self.previous.is_some() && !self.run.continues(self.block) {
            self.current = self.previous.take();
            return true;
        }
        match self.block_before(loaded, span) {
            Some(before) => self.block = before,
            None => self.done = true,
        }
        false
    }

    /// The block before, or, where the first key's rows go on in it, the last one that has a row to be looked at.
    fn block_before(&self, loaded: &Loaded, span: &Span) -> Option<usize> {
        let before = self.block.checked_sub(1)?;
        if !self.run.continues(self.block) {
            return Some(before);
        }
        let key = loaded.keys.key(0);
        // The newest row that the span sees lies in this block or at the beginning of the next.
        let newest = self.run.block_at(key, span.version);
        Some(before.min(if self.block > newest { newest + 1 } else { self.run.block_at(key, Version::MAX) }))
    }

    /// Whether each row of the run is a live key that the span sees: then rows can be counted without looking at them.
    pub(super) fn is_countable(&self, span: &Span) -> bool {
        let s = self.run.statistics();
        span.direction == Direction::Forward && s.rows == s.keys && s.tombstones == 0 && s.max_version <= span.version
    }

    /// Passes over the current entry and all others in the blocks before the one that `limit` could be in (`None` = to the end), and
    /// says how many those were; `None` where that is less than the rest of a block. For a [countable](Self::is_countable) run whose current
    /// entry is before `limit`.
    pub(super) fn skip_blocks(&mut self, limit: Option<&[u8]>) -> Option<u64> {
        let block = limit.map_or(self.run.blocks(), |limit| self.run.block_at(limit, Version::MAX));
        if self.current.is_none() || block <= self.block {
            return None;
        }
        let here = self.run.first_row(self.block) + (self.row as u64).checked_sub(1)?;
        let passed = self.run.first_row(block).checked_sub(here)?;
        *self = Self {
            run: self.run.clone(),
            block,
            loaded: None,
            row: 0,
            previous: None,
            started: true,
            done: block >= self.run.blocks(),
            current: None,
        };
        Some(passed)
    }

    /// The rows from the current entry up to `limit` or the end of the block, where a span going forward sees each of them.
    pub(super) fn stretch(&mut self, limit: Option<&[u8]>, span: &Span) -> Option<Stretch> {
        let loaded = self.loaded.as_ref()?;
        if self.current.is_none() || span.direction == Direction::Backward || !loaded.keys.is_plain(span.version) {
            return None;
        }
        let start = self.row.checked_sub(1)?;
        let last = loaded.keys.len().checked_sub(1)?;
        let end = match limit {
            Some(limit) if limit <= loaded.keys.key(last) => loaded.keys.lower_bound(limit, Version::MAX),
            _ => last + 1,
        };
        let stretch = Stretch::new(loaded.keys.clone(), loaded.vals.clone(), start..end);
        self.previous = Some((loaded.keys.key_slice(end.checked_sub(1)?), None));
        self.row = end;
        self.step(span);
        Some(stretch)
    }

    pub(super) fn key(&self) -> Option<&Key> {
        self.current.as_ref().map(|(key, _)| key)
    }
}
