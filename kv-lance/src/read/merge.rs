//! The merge of all sources of a scan: one entry a key, from the newest source that has one, without tombstones.

use super::chunk::{ChunkCursor, ChunkSource};
use super::pace::Pace;
use super::run_cursor::RunCursor;
use super::{Entry, Span, Stretch};
use crate::core::View;
use crate::memtable::MemTable;
use kv_api::{Direction, Key, KeyRange, Result, Val};
use std::cmp::Ordering;
use std::sync::Arc;

enum Cursor<'a> {
    Chunks(ChunkCursor<'a>),
    Run(RunCursor),
}

impl Cursor<'_> {
    fn key(&self) -> Option<&Key> {
        match self {
            Self::Chunks(cursor) => cursor.current.as_ref().map(|(key, _)| key),
            Self::Run(cursor) => cursor.key(),
        }
    }

    /// Hands out the current entry and moves on.
    fn next(&mut self, span: &Span) -> Option<Entry> {
        match self {
            Self::Chunks(cursor) => {
                let entry = cursor.current.take();
                cursor.step(span);
                entry
            }
            Self::Run(cursor) => {
                let entry = cursor.current.take();
                cursor.step(span);
                entry
            }
        }
    }

    fn needs_fill(&self) -> bool {
        matches!(self, Self::Run(cursor) if cursor.current.is_none() && cursor.needs_fill())
    }
}

struct MemSource(Arc<MemTable>);

impl ChunkSource for MemSource {
    fn fetch(&self, range: &KeyRange, span: &Span, max: usize) -> Vec<Entry> {
        match span.direction {
            Direction::Forward => self.0.forward(range, span.version, max),
            Direction::Backward => self.0.backward(range, span.version, max),
        }
    }
}

/// What a scan comes to next.
pub(crate) enum Found {
    /// One entry.
    Row(Key, Val),
    /// Several at once.
    Rows(Stretch),
}

/// The one cursor that is first, going forward.
struct Front {
    cursor: usize,
    /// What is not before the next key of any other cursor, or the end of the span.
    limit: Option<Key>,
}

/// A scan under way.
pub(crate) struct Merge<'a> {
    span: Span,
    /// Newest source first.
    cursors: Vec<Cursor<'a>>,
    pace: Pace,
}

impl<'a> Merge<'a> {
    /// Merges `pending`, the writes of the transaction itself, over a view.
    pub(crate) fn new(span: Span, pending: Option<Box<dyn ChunkSource + 'a>>, view: &View) -> Self {
        let mut cursors = Vec::with_capacity(2 + view.frozen.len() + view.runs.len());
        let chunks = pending
            .into_iter()
            .chain(view.memtables().filter(|m| !m.is_empty()).map(|m| Box::new(MemSource(m.clone())) as Box<_>));
        cursors.extend(chunks.map(|source| Cursor::Chunks(ChunkCursor::new(source, &span))));
        cursors.extend(view.runs.iter().filter_map(|run| RunCursor::new(run, &span)).map(Cursor::Run));
        Self { span, cursors, pace: Pace::default() }
    }

    /// Gives every cursor its next entry, where one is left in it; whether that took a block.
    async fn fill(&mut self) -> Result<bool> {
        let mut filled = false;
        for cursor in &mut self.cursors {
            if cursor.needs_fill()
                && let Cursor::Run(run) = cursor
            {
                run.fill(&self.span).await?;
                filled = true;
            }
        }
        Ok(filled)
    }

    /// How many keys have a value. Where one run alone covers a stretch of keys, its blocks are counted by their fences.
    pub(crate) async fn count(mut self) -> Result<u64> {
        let mut count = 0;
        loop {
            self.pace.give_way().await;
            // Once a block: within one, nothing is gained.
            if self.fill().await?
                && let Some(passed) = self.skip_blocks()
            {
                count += passed;
                continue;
            }
            self.pace.passed(1);
            match self.next_filled() {
                Some((_, val)) => count += u64::from(val.is_some()),
                None => return Ok(count),
            }
        }
    }

    /// Passes over blocks that no other source has a key in; how many rows those were.
    fn skip_blocks(&mut self) -> Option<u64> {
        let Front { cursor, limit } = self.front()?;
        match self.cursors.get_mut(cursor)? {
            Cursor::Run(run) if run.is_countable(&self.span) => run.skip_blocks(limit.as_deref()),
            _ => None,
        }
    }

    /// The next key that has a value, with the value, or as many as lie together; without values, empty ones, where the span is for keys
    /// alone.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>> {
        loop {
            self.pace.give_way().await;
            self.fill().await?;
            if let Some(stretch) = self.stretch() {
                self.pace.passed(stretch.len());
                return Ok(Some(Found::Rows(stretch)));
            }
            self.pace.passed(1);
            match self.next_filled() {
                Some((key, Some(val))) => return Ok(Some(Found::Row(key, val))),
                Some((_, None)) => {}
                None => return Ok(None),
            }
        }
    }

    fn stretch(&mut self) -> Option<Stretch> {
        if self.span.direction == Direction::Backward {
            return None;
        }
        let Front { cursor, limit } = self.front()?;
        match self.cursors.get_mut(cursor)? {
            Cursor::Run(run) => run.stretch(limit.as_deref(), &self.span),
            Cursor::Chunks(_) => None,
        }
    }

    /// The cursor with the least key where no other has the same.
    fn front(&self) -> Option<Front> {
        let mut least: Option<(&Key, usize)> = None;
        let mut second: Option<&Key> = None;
        for (i, cursor) in self.cursors.iter().enumerate() {
            let Some(key) = cursor.key() else { continue };
            match least {
                Some((before, _)) if key >= before => second = Some(second.map_or(key, |second| second.min(key))),
                _ => second = least.replace((key, i)).map(|(key, _)| key),
            }
        }
        let (key, cursor) = least?;
        let limit = second.into_iter().chain(&self.span.range.end).min();
        (limit != Some(key)).then(|| Front { cursor, limit: limit.cloned() })
    }

    /// The first entry in scan order. Of equal keys the newest source's is taken and the others are passed over.
    fn next_filled(&mut self) -> Option<Entry> {
        let mut best: Option<(usize, &Key)> = None;
        let mut shared = false;
        for (i, cursor) in self.cursors.iter().enumerate() {
            let Some(key) = cursor.key() else { continue };
            let order = best.map_or(Ordering::Less, |(_, least)| match self.span.direction {
                Direction::Forward => key.cmp(least),
                Direction::Backward => least.cmp(key),
            });
            match order {
                Ordering::Less => {
                    best = Some((i, key));
                    shared = false;
                }
                Ordering::Equal => shared = true,
                Ordering::Greater => {}
            }
        }
        let (best, _) = best?;
        let entry = self.cursors.get_mut(best)?.next(&self.span)?;
        if shared {
            for cursor in self.cursors.iter_mut().skip(best + 1) {
                if cursor.key() == Some(&entry.0) {
                    cursor.next(&self.span);
                }
            }
        }
        Some(entry)
    }
}
