//! A cursor over an ordered map that is fetched a chunk at a time: no lock and no reference into the map is held between two.

use super::Span;
use crate::memtable::{MemRow, MemTable};
use kv_api::{Direction, KeyRange};
use std::sync::Arc;

const FIRST_CHUNK: usize = 16;
const LAST_CHUNK: usize = 256;

/// Something that can list its rows from either end of a range.
pub(crate) trait ChunkSource: Send + Sync {
    /// Up to `max` rows from the front of `range`, as the direction has it: one a key, the newest that the span sees.
    fn fetch(&self, range: &KeyRange, span: &Span, max: usize) -> Vec<MemRow>;
}

impl ChunkSource for Arc<MemTable> {
    fn fetch(&self, range: &KeyRange, span: &Span, max: usize) -> Vec<MemRow> {
        match span.direction {
            Direction::Forward => self.forward(range, span.visible.newest(), max),
            Direction::Backward => self.backward(range, span.visible.newest(), max),
        }
    }
}

/// A memtable with all rows of its keys, whatever the span sees.
#[cfg(feature = "sql")]
pub(super) struct WholeKeys(pub(super) Arc<MemTable>);

#[cfg(feature = "sql")]
impl ChunkSource for WholeKeys {
    fn fetch(&self, range: &KeyRange, _: &Span, max: usize) -> Vec<MemRow> {
        self.0.whole_keys(range, max)
    }
}

/// Walks a [`ChunkSource`].
pub(super) struct ChunkCursor<'a> {
    source: Box<dyn ChunkSource + 'a>,
    rest: KeyRange,
    chunk: std::vec::IntoIter<MemRow>,
    size: usize,
    exhausted: bool,
    pub(super) current: Option<MemRow>,
}

impl<'a> ChunkCursor<'a> {
    pub(super) fn new(source: Box<dyn ChunkSource + 'a>, span: &Span) -> Self {
        let mut cursor = Self {
            source,
            rest: span.range.clone(),
            chunk: Vec::new().into_iter(),
            size: FIRST_CHUNK,
            exhausted: span.range.is_empty(),
            current: None,
        };
        cursor.step(span);
        cursor
    }

    /// Moves to the next row.
    pub(super) fn step(&mut self, span: &Span) {
        self.current = self.chunk.next();
        if self.current.is_none() && !self.exhausted {
            let chunk = self.source.fetch(&self.rest, span, self.size);
            self.exhausted = chunk.len() < self.size;
            if let Some(last) = chunk.last() {
                match span.direction {
                    Direction::Forward => self.rest.start = KeyRange::key_after(&last.key),
                    Direction::Backward => self.rest.end = Some(last.key.clone()),
                }
                self.exhausted |= self.rest.is_empty();
            }
            self.size = (self.size * 2).min(LAST_CHUNK);
            self.chunk = chunk.into_iter();
            self.current = self.chunk.next();
        }
    }
}
