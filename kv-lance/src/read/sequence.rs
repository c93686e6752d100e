//! A cursor over the runs of a sorted level: one run after the other, each opened when it is reached.

use super::Span;
use super::run_cursor::RunCursor;
use crate::table::Run;
use kv_api::{Direction, Result};
use std::sync::Arc;

/// Walks runs that share no key.
pub(super) struct SequenceCursor {
    /// Those to come, the next one last.
    rest: Vec<Arc<Run>>,
    /// Those with the first keys and with the last.
    ends: [Arc<Run>; 2],
    pub(super) current: RunCursor,
}

impl SequenceCursor {
    /// A cursor over runs in the order of their keys, all in the span; `None` where there are none.
    pub(super) fn new(runs: impl DoubleEndedIterator<Item = Arc<Run>>, span: &Span, wanted: usize) -> Option<Self> {
        let mut rest: Vec<_> = match span.direction {
            Direction::Forward => runs.rev().collect(),
            Direction::Backward => runs.collect(),
        };
        let next = rest.pop()?;
        let last = rest.first().unwrap_or(&next).clone();
        let ends = match span.direction {
            Direction::Forward => [next.clone(), last],
            Direction::Backward => [last, next.clone()],
        };
        Some(Self { rest, ends, current: RunCursor::new(&next, span, wanted) })
    }

    /// The first and the last key.
    pub(super) fn key_bounds(&self) -> (&[u8], &[u8]) {
        let [first, last] = &self.ends;
        (first.key_bounds().0, last.key_bounds().1)
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        self.current.needs_fill() || self.current.loaded().is_none() && !self.rest.is_empty()
    }

    /// Loads what the next row needs.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        self.current.fill(span).await?;
        while self.current.loaded().is_none() {
            let Some(next) = self.rest.pop() else { return Ok(()) };
            self.current = RunCursor::new(&next, span, 0);
            self.current.fill(span).await?;
        }
        Ok(())
    }
}
