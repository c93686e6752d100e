//! A cursor over one source, whichever it is.

use super::backward::BackwardCursor;
use super::chunk::ChunkCursor;
use super::forward::ForwardCursor;
use super::loaded::Loaded;
use super::rows::Rows;
use super::{ChunkSource, Span};
use crate::table::Run;
use kv_api::{Direction, Result};
use std::sync::Arc;

pub(super) enum Cursor<'a> {
    Chunks(ChunkCursor<'a>),
    Forward(ForwardCursor),
    Backward(BackwardCursor),
}

impl<'a> Cursor<'a> {
    pub(super) fn over_memory(source: Box<dyn ChunkSource + 'a>, span: &Span) -> Self {
        Self::Chunks(ChunkCursor::new(source, span))
    }

    /// A cursor over a run; `None` where no key of it is in the span.
    pub(super) fn over_run(run: &Arc<Run>, span: &Span) -> Option<Self> {
        let (first, last) = run.key_bounds();
        let outside = span.range.start > last || span.range.end.as_deref().is_some_and(|end| first >= end);
        if outside || span.range.is_empty() {
            return None;
        }
        Some(match span.direction {
            Direction::Forward => Self::Forward(ForwardCursor::new(run, span)),
            Direction::Backward => Self::Backward(BackwardCursor::new(run, span)),
        })
    }

    /// Where the current row is in its block.
    fn loaded(&self) -> Option<(&Loaded, usize)> {
        match self {
            Self::Chunks(_) => None,
            Self::Forward(run) => run.loaded(),
            Self::Backward(run) => run.loaded(),
        }
    }

    /// The key of the current row; `None` where a block is needed, or at the end.
    pub(super) fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().map(|row| row.key.as_ref()),
            _ => self.loaded().map(|(loaded, row)| loaded.keys.key(row)),
        }
    }

    pub(super) fn is_tombstone(&self) -> bool {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().is_some_and(|row| row.val.is_none()),
            _ => self.loaded().is_some_and(|(loaded, row)| loaded.keys.is_tombstone(row)),
        }
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        match self {
            Self::Chunks(_) => false,
            Self::Forward(run) => run.needs_fill(),
            Self::Backward(run) => run.needs_fill(),
        }
    }

    /// Loads what the next row needs.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        match self {
            Self::Chunks(_) => Ok(()),
            Self::Forward(run) => run.fill(span).await,
            Self::Backward(run) => run.fill(span).await,
        }
    }

    pub(super) fn lacks_vals(&self, span: &Span) -> bool {
        self.loaded().is_some_and(|(loaded, _)| loaded.lacks_vals(span))
    }

    pub(super) async fn read_vals(&mut self, span: &Span) -> Result<()> {
        match self {
            Self::Chunks(_) => Ok(()),
            Self::Forward(run) => run.read_vals(span).await,
            Self::Backward(run) => run.read_vals(span).await,
        }
    }

    /// How many rows can be handed out at once, as no key at or behind `limit`, in scan order, is among them.
    pub(super) fn reach(&self, limit: Option<&[u8]>, span: &Span) -> usize {
        match self {
            Self::Chunks(_) => 1,
            Self::Forward(run) => run.reach(limit, span),
            Self::Backward(run) => run.reach(limit, span),
        }
    }

    /// The current row and those after it, as many as are in [`reach`](Self::reach).
    pub(super) fn rows(&self, rows: usize, span: &Span) -> Option<Rows<'_>> {
        match self {
            Self::Chunks(chunks) => chunks.current.as_ref().map(|row| Rows::of_memory(row, span.vals)),
            Self::Forward(run) => run.rows(rows),
            Self::Backward(run) => run.rows(rows),
        }
    }

    /// Moves behind these rows.
    pub(super) fn advance(&mut self, rows: usize, span: &Span) {
        match self {
            Self::Chunks(chunks) => chunks.step(span),
            Self::Forward(run) => run.advance(rows, span),
            Self::Backward(run) => run.advance(rows, span),
        }
    }
}
