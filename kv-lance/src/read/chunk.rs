//! A cursor over an ordered map that is fetched a chunk at a time: no lock and no reference into the map is held between two.

use super::{Entry, Span};
use kv_api::{Direction, KeyRange};

const FIRST_CHUNK: usize = 16;
const LAST_CHUNK: usize = 256;

/// Something that can list its entries from either end of a range.
pub(crate) trait ChunkSource: Send + Sync {
    /// Up to `max` entries of the span's version from the front of `range`, as the direction has it.
    fn fetch(&self, range: &KeyRange, span: &Span, max: usize) -> Vec<Entry>;
}

/// Walks a [`ChunkSource`].
pub(crate) struct ChunkCursor<'a> {
    source: Box<dyn ChunkSource + 'a>,
    rest: KeyRange,
    chunk: std::vec::IntoIter<Entry>,
    size: usize,
    exhausted: bool,
    pub(super) current: Option<Entry>,
}

impl<'a> ChunkCursor<'a> {
    pub(crate) fn new(source: Box<dyn ChunkSource + 'a>, span: &Span) -> Self {
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

    /// Moves to the next entry.
    pub(super) fn step(&mut self, span: &Span) {
        self.current = self.chunk.next();
        if self.current.is_none() && !self.exhausted {
            let chunk = self.source.fetch(&self.rest, span, self.size);
            self.exhausted = chunk.len() < self.size;
            if let Some((key, _)) = chunk.last() {
                match span.direction {
                    Direction::Forward => self.rest.start = KeyRange::key_after(key),
                    Direction::Backward => self.rest.end = Some(key.clone()),
                }
                self.exhausted |= self.rest.is_empty();
            }
            self.size = (self.size * 2).min(LAST_CHUNK);
            self.chunk = chunk.into_iter();
            self.current = self.chunk.next();
        }
    }
}
