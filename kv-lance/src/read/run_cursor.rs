//! A cursor over one run, in either direction.

use super::Span;
use super::backward::BackwardCursor;
use super::forward::ForwardCursor;
use super::loaded::Loaded;
use super::rows::Rows;
use crate::table::Run;
use kv_api::{Direction, Result};
use std::sync::Arc;

pub(super) enum RunCursor {
    Forward(ForwardCursor),
    Backward(BackwardCursor),
}

impl RunCursor {
    /// A cursor that needs its first [`fill`](Self::fill), and is likely to hand out so many rows.
    pub(super) fn new(run: &Arc<Run>, span: &Span, wanted: usize) -> Self {
        match span.direction {
            Direction::Forward => Self::Forward(ForwardCursor::new(run, span, wanted)),
            Direction::Backward => Self::Backward(BackwardCursor::new(run, span, wanted)),
        }
    }

    /// The block of the current row, and where it is in that.
    pub(super) fn loaded(&self) -> Option<(&Loaded, usize)> {
        match self {
            Self::Forward(run) => run.loaded(),
            Self::Backward(run) => run.loaded(),
        }
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        match self {
            Self::Forward(run) => run.needs_fill(),
            Self::Backward(run) => run.needs_fill(),
        }
    }

    /// Loads what the next row needs.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        match self {
            Self::Forward(run) => run.fill(span).await,
            Self::Backward(run) => run.fill(span).await,
        }
    }

    pub(super) async fn read_vals(&mut self) -> Result<()> {
        match self {
            Self::Forward(run) => run.read_vals().await,
            Self::Backward(run) => run.read_vals().await,
        }
    }

    /// How many rows can be handed out at once, as no key at or behind `limit`, in scan order, is among them.
    pub(super) fn reach(&self, limit: Option<&[u8]>, span: &Span) -> usize {
        match self {
            Self::Forward(run) => run.reach(limit, span),
            Self::Backward(run) => run.reach(limit, span),
        }
    }

    /// The current row and those after it, as many as are in [`reach`](Self::reach).
    pub(super) fn rows(&self, rows: usize) -> Option<Rows<'_>> {
        match self {
            Self::Forward(run) => run.rows(rows),
            Self::Backward(run) => run.rows(rows),
        }
    }

    /// Moves behind these rows.
    pub(super) fn advance(&mut self, rows: usize, span: &Span) {
        match self {
            Self::Forward(run) => run.advance(rows, span),
            Self::Backward(run) => run.advance(rows, span),
        }
    }
}
