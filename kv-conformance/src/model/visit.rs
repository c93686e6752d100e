//! Visits: a scan without a limit, shown row by row.

use super::mutant::Mutant;
use super::page::up_to;
use super::transaction::ReferenceTransaction;
use kv_api::{Direction, Key, KeyRange, Result, Val, Version};
use std::ops::ControlFlow;

/// What is shown the rows.
type Visitor<'a> = dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send + 'a;

/// What a visit shows.
pub(super) struct Visit {
    pub(super) range: KeyRange,
    pub(super) direction: Direction,
    pub(super) version: Option<Version>,
    pub(super) vals: bool,
}

impl ReferenceTransaction {
    pub(super) async fn visit_rows(&self, visit: Visit, visitor: &mut Visitor<'_>) -> Result<()> {
        let mut rows = self.view(&visit.range, visit.version).await?;
        if visit.version.is_none() && self.store.is(Mutant::UnmergedVisit) {
            rows = self.held(&visit.range, self.snapshot, self.snapshot).await;
        }
        let mut rows: Vec<(Key, Val)> = rows.into_iter().collect();
        if visit.direction == Direction::Backward && !self.store.is(Mutant::ForwardVisit) {
            rows.reverse();
        }
        let shows_vals = visit.vals || self.store.is(Mutant::VisitOfValues);
        let mut rows = rows.iter().map(|(key, val)| (key, if shows_vals { val.as_ref() } else { &[] }));
        let stopped_at = rows.find(|(key, val)| visitor(key, val).is_break()).map(|(key, _)| key);
        if stopped_at.is_some() && self.store.is(Mutant::VisitPastBreak) {
            // Whatever it answers.
            let _ = rows.next().map(|(key, val)| visitor(key, val));
        }
        let visited = stopped_at.map_or_else(|| visit.range.clone(), |last| up_to(&visit.range, visit.direction, last));
        let reads = &mut self.state.lock().reads;
        if visit.version.is_none() && !self.store.is(Mutant::UncheckedVisit) {
            reads.need(visited);
        }
        reads.touch(visit.range);
        Ok(())
    }
}
