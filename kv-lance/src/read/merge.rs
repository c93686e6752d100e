//! The merge of all sources of a scan: one entry a key, from the newest source that has one, without tombstones.

use super::chunk::{ChunkCursor, ChunkSource};
use super::run_cursor::RunCursor;
use super::{Entry, Span};
use crate::memtable::MemTable;
use crate::view::View;
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

/// A scan under way.
pub(crate) struct Merge<'a> {
    span: Span,
    /// Newest source first.
    cursors: Vec<Cursor<'a>>,
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
        Self { span, cursors }
    }

    /// The next key that has a value, with the value; without it, empty, where the span is for keys alone.
    pub(crate) async fn next(&mut self) -> Result<Option<(Key, Val)>> {
        loop {
            for cursor in &mut self.cursors {
                if cursor.needs_fill()
                    && let Cursor::Run(run) = cursor
                {
                    run.fill(&self.span).await?;
                }
            }
            // All cursors have their next entry, or none is left in them.
            match self.next_filled() {
                Some((key, Some(val))) => return Ok(Some((key, val))),
                Some((_, None)) => {}
                None => return Ok(None),
            }
        }
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
