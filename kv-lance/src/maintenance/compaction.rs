//! Compaction: what is begun when, and what becomes of its result.

use super::compactor::{Ended, Job};
use super::history::{HistoryFilter, Horizons, Rest};
use super::plan::{Plan, overlap};
use super::split::SplitWriter;
use super::{RETRY, Worker, told};
use crate::core::{CompactOptions, Core, Done};
use crate::table::{Levels, Outputs, Run, TableState};
use kv_api::{Result, Version};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Runs of history that nobody reads any more go with the next flush or compaction, or after this long.
const LOOK_FOR_EXPIRED_EVERY: Duration = Duration::from_secs(60);

/// A compaction that fails again and again is tried after this long at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Compactions under way and to come. One runs at a time.
pub(super) struct Compactions {
    pub(super) running: Option<Running>,
    /// Those that were asked for.
    pub(super) asked: VecDeque<Request>,
    failures: u32,
    /// None begins by itself before this.
    pub(super) not_before: Option<Instant>,
    pub(super) look_for_expired_at: Instant,
}

impl Default for Compactions {
    fn default() -> Self {
        let look_for_expired_at = Instant::now() + LOOK_FOR_EXPIRED_EVERY;
        Self { running: None, asked: VecDeque::new(), failures: 0, not_before: None, look_for_expired_at }
    }
}

/// The compaction of everything, as somebody asked for it.
pub(super) struct Request {
    pub(super) options: CompactOptions,
    pub(super) done: Option<Done>,
}

/// A compaction under way.
pub(super) struct Running {
    request: Option<Request>,
    horizons: Horizons,
}

impl Request {
    pub(super) fn answer(self, result: Result<()>) {
        match (self.done, result) {
            // Whoever asked may have gone; the work is done all the same.
            (Some(done), result) => drop(done.send(result)),
            (None, Err(e)) => tracing::warn!(error = %e, "a compaction failed; the table is as it was"),
            (None, Ok(())) => {}
        }
    }
}

impl Worker {
    /// Begins what is due, unless something runs.
    pub(super) async fn begin_compaction(&mut self, core: &Core) {
        core.figures.compaction_debt.store(self.sizes.debt(self.table.levels()), Ordering::Relaxed);
        // Writers do not wait for merges that fail, or that nobody does.
        let merges = core.config.background_optimize && self.compactions.failures == 0;
        core.room.set_flushed_runs(if merges { self.table.levels().flushed().len() } else { 0 });
        while self.compactions.running.is_none() {
            if let Some(request) = self.compactions.asked.pop_front() {
                self.begin_requested(core, request).await;
            } else if !self.begin_due(core).await {
                return;
            }
        }
    }

    /// Begins the compaction of everything, or answers where that is done already.
    async fn begin_requested(&mut self, core: &Core, request: Request) {
        if request.done.is_none() {
            core.background.compaction_begins();
        }
        let horizons = horizons(core, request.options);
        let levels = self.table.levels().clone();
        let plan = self.sizes.all(&levels).with_history(levels.history().runs(), horizons);
        if !is_worthwhile(&plan, &horizons) {
            let checked = self.check(core).await;
            if checked.is_ok() {
                self.clean_up(request.options.reader_grace).await;
            }
            return request.answer(checked);
        }
        self.begin(plan, horizons, Some(request));
    }

    /// Begins what the levels ask for; whether there was anything to do and it went well.
    async fn begin_due(&mut self, core: &Core) -> bool {
        let waits = self.compactions.not_before.is_some_and(|time| Instant::now() < time);
        if !core.config.background_optimize || waits || core.health.check().is_err() {
            return false;
        }
        if Instant::now() >= self.compactions.look_for_expired_at {
            return self.drop_expired(core, horizons(core, CompactOptions::default())).await;
        }
        let Some(plan) = self.sizes.next(self.table.levels()) else { return false };
        if !plan.shifts {
            let horizons = horizons(core, CompactOptions::default());
            self.begin(plan.erasing(self.table.levels().history().runs(), horizons), horizons, None);
            return true;
        }
        let shifted = self.table.shift(&plan.inputs, plan.to).await.map_err(|e| told(core, e));
        self.show(core);
        if let Err(e) = &shifted {
            self.failed(e);
        }
        shifted.is_ok()
    }

    fn begin(&mut self, plan: Plan, horizons: Horizons, request: Option<Request>) {
        let rest = plan.rest(self.table.levels().history());
        let failure = match self.writer(&plan, horizons, rest).map(|writer| self.compactor.begin(Job { plan, writer }))
        {
            Ok(true) => {
                self.compactions.running = Some(Running { request, horizons });
                return;
            }
            Ok(false) => kv_api::Error::StoreFailed { reason: "the compaction thread died".into() },
            Err(e) => e,
        };
        self.failed(&failure);
        if let Some(request) = request {
            request.answer(Err(failure));
        }
    }

    fn writer(&self, plan: &Plan, horizons: Horizons, rest: Rest) -> Result<SplitWriter> {
        let current = self.table.new_runs(plan.to, self.state.journal_through)?;
        let history = self.table.new_history(plan.merges(), self.state.journal_through)?;
        Ok(SplitWriter::new(current, history, HistoryFilter::new(horizons, rest)))
    }

    /// Drops the runs of history that nobody reads any more, where there are any; whether that went well.
    async fn drop_expired(&mut self, core: &Core, horizons: Horizons) -> bool {
        self.compactions.look_for_expired_at = Instant::now() + LOOK_FOR_EXPIRED_EVERY;
        let state = TableState { history_floor: self.floor_after(0, horizons), ..self.state };
        if state == self.state {
            return true;
        }
        let done =
            self.table.replace(&Levels::default(), Outputs::default(), 0, state).await.map_err(|e| told(core, e));
        match &done {
            Ok(_) => self.state = state,
            Err(e) => self.failed(e),
        }
        self.show(core);
        done.is_ok()
    }

    /// The floor after rows of history have been dropped, and with the runs of it that nobody reads any more.
    pub(super) fn floor_after(&self, dropped: u64, horizons: Horizons) -> Version {
        let floor = self.state.history_floor.max(horizons.history);
        let expires = |run: &Arc<Run>| run.statistics().max_superseded <= floor;
        let drops = dropped > 0 || self.table.levels().history().runs().iter().any(expires);
        if drops { floor } else { self.state.history_floor }
    }

    /// Takes in what a compaction has written.
    pub(super) async fn end_compaction(&mut self, core: &Core, ended: Ended) {
        let Some(Running { request, horizons }) = self.compactions.running.take() else { return };
        let result = self.publish(core, ended, horizons).await;
        let grace = request.as_ref().map(|request| request.options.reader_grace);
        match (&result, grace) {
            (Ok(()), Some(grace)) => self.clean_up(grace).await,
            (Ok(()), None) => self.clean_up_now_and_then().await,
            (Err(e), _) => self.failed(e),
        }
        if let Some(request) = request {
            request.answer(result);
        }
    }

    async fn publish(&mut self, core: &Core, ended: Ended, horizons: Horizons) -> Result<()> {
        let Ended { plan, merged } = ended;
        let merged = merged?;
        let state = TableState { history_floor: self.floor_after(merged.dropped, horizons), ..self.state };
        let read = plan.inputs.disk_bytes() + plan.inputs.history().disk_bytes();
        let written = self.table.replace(&plan.inputs, merged.runs, plan.to, state).await.map_err(|e| told(core, e))?;
        self.state = state;
        self.compactions.failures = 0;
        self.compactions.not_before = None;
        core.figures.compactions.fetch_add(1, Ordering::Relaxed);
        core.figures.compacted_bytes.fetch_add(read, Ordering::Relaxed);
        core.figures.compaction_written_bytes.fetch_add(written, Ordering::Relaxed);
        self.show(core);
        Ok(())
    }

    /// Has readers see the table as it has been committed.
    fn show(&self, core: &Core) {
        core.views.edit(|view| {
            view.levels = self.table.levels().clone();
            view.history_floor = self.state.history_floor;
        });
    }

    /// Waits the longer before another try the more have failed.
    fn failed(&mut self, error: &kv_api::Error) {
        let wait = RETRY.saturating_mul(1 << self.compactions.failures.min(16)).min(LONGEST_WAIT);
        self.compactions.failures += 1;
        self.compactions.not_before = Some(Instant::now() + wait);
        tracing::warn!(%error, ?wait, "a compaction failed and will be tried again; the table is as it was");
    }
}

/// What may go of what the store holds now.
pub(super) fn horizons(core: &Core, options: CompactOptions) -> Horizons {
    Horizons {
        history: core.snapshots.horizon(retained_from(core, options)),
        erasing: core.snapshots.horizon(Version::MAX),
    }
}

/// The version from which on the configuration keeps history.
fn retained_from(core: &Core, options: CompactOptions) -> Version {
    let config = &core.config;
    if !options.history || !config.versioned {
        return Version::MAX;
    }
    if config.retention.is_zero() {
        return 0;
    }
    let since = SystemTime::now().checked_sub(config.retention);
    // Versions without a relation to time are kept.
    since.and_then(|since| config.version_source.at_time(since)).unwrap_or(0)
}

/// Whether there is anything to merge or to drop. What one compaction gave has nothing left to merge: its runs share no key, and
/// are as large as they get.
fn is_worthwhile(plan: &Plan, horizons: &Horizons) -> bool {
    let mut statistics = plan.inputs.runs().map(|run| run.statistics());
    let has_something_to_drop = statistics.any(|s| {
        let old = s.min_version <= horizons.erasing && (s.rows > s.keys || s.tombstones > 0);
        old || (1..=horizons.erasing).contains(&s.max_erasing)
    });
    let runs: Vec<_> = plan.inputs.runs().cloned().collect();
    let unsorted = runs.len() > 1 && (!plan.inputs.flushed().is_empty() || overlap(&runs));
    has_something_to_drop || !plan.inputs.history().is_empty() || unsorted
}

#[cfg(test)]
mod tests;
