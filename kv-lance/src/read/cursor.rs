//! A cursor over one source, whichever it is.

use super::chunk::ChunkCursor;
use super::loaded::Loaded;
use super::rows::Rows;
use super::sequence::SequenceCursor;
use super::{ChunkSource, Span};
use crate::table::Run;
use kv_api::{Result, Version};
use std::sync::Arc;

pub(super) enum Cursor<'a> {
    Chunks(ChunkCursor<'a>),
    Runs(SequenceCursor),
}

impl<'a> Cursor<'a> {
    pub(super) fn over_memory(source: Box<dyn ChunkSource + 'a>, span: &Span) -> Self {
        Self::Chunks(ChunkCursor::new(source, span))
    }

    /// A cursor over runs that share no key, in the order of their keys, of which about so many rows are `wanted`; `None` where no
    /// key of theirs is in the span.
    pub(super) fn over_runs(runs: &[Arc<Run>], span: &Span, wanted: usize) -> Option<Self> {
        let (start, end) = (span.range.start.as_ref(), span.range.end.as_deref());
        let from = runs.partition_point(|run| run.key_bounds().1 < start);
        let to = end.map_or(runs.len(), |end| runs.partition_point(|run| run.key_bounds().0 < end));
        let inside = runs.get(from..to).filter(|_| !span.range.is_empty())?;
        SequenceCursor::new(inside.iter().cloned(), span, wanted).map(Self::Runs)
    }

    /// The first and the last key, where they are known.
    pub(super) fn key_bounds(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Chunks(_) => None,
            Self::Runs(runs) => Some(runs.key_bounds()),
        }
    }

    /// Where the current row is in its block.
    fn loaded(&self) -> Option<(&Loaded, usize)> {
        match self {
            Self::Chunks(_) => None,
            Self::Runs(runs) => runs.current.loaded(),
        }
    }

    /// The key of the current row; `None` where a block is needed, or at the end.
    pub(super) fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().map(|row| row.key.as_ref()),
            Self::Runs(_) => self.loaded().map(|(loaded, row)| loaded.keys.key(row)),
        }
    }

    /// The version of the current row; 0 where there is none.
    pub(super) fn version(&self) -> Version {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().map_or(0, |row| row.version),
            Self::Runs(_) => self.loaded().map_or(0, |(loaded, row)| loaded.keys.version(row)),
        }
    }

    pub(super) fn is_tombstone(&self) -> bool {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().is_some_and(|row| row.val.is_none()),
            Self::Runs(_) => self.loaded().is_some_and(|(loaded, row)| loaded.keys.is_tombstone(row)),
        }
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        matches!(self, Self::Runs(runs) if runs.needs_fill())
    }

    /// Loads what the next row needs.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        match self {
            Self::Chunks(_) => Ok(()),
            Self::Runs(runs) => runs.fill(span).await,
        }
    }

    pub(super) fn lacks_vals(&self, span: &Span) -> bool {
        self.loaded().is_some_and(|(loaded, _)| loaded.lacks_vals(span))
    }

    pub(super) async fn read_vals(&mut self) -> Result<()> {
        match self {
            Self::Chunks(_) => Ok(()),
            Self::Runs(runs) => runs.current.read_vals().await,
        }
    }

    /// How many rows can be handed out at once, as no key at or behind `limit`, in scan order, is among them.
    pub(super) fn reach(&self, limit: Option<&[u8]>, span: &Span) -> usize {
        match self {
            Self::Chunks(_) => 1,
            Self::Runs(runs) => runs.current.reach(limit, span),
        }
    }

    /// The current row and those after it, as many as are in [`reach`](Self::reach).
    pub(super) fn rows(&self, rows: usize, span: &Span) -> Option<Rows<'_>> {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().map(|row| Rows::of_memory(row, span.vals)),
            Self::Runs(runs) => runs.current.rows(rows),
        }
    }

    /// Moves behind these rows.
    pub(super) fn advance(&mut self, rows: usize, span: &Span) {
        match self {
            Self::Chunks(chunks) => chunks.step(span),
            Self::Runs(runs) => runs.current.advance(rows, span),
        }
    }
}
