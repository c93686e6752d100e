//! Compactions: which begins when, and what becomes of each step of it.

use super::compactor::{Ended, Job};
use super::history::{HistoryFilter, Horizons};
use super::pass::{Pass, Step};
use super::plan::{FLUSHED_RUNS, Plan, overlap};
use super::split::SplitWriter;
use super::{RETRY, Worker, told};
use crate::core::{CompactOptions, Compaction, Core, Done, View};
use crate::table::{Levels, Outputs, Run, TableState, has_expired};
use kv_api::{Error, KeyRange, Result, Version};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Runs of history that nobody reads any more go with the next flush or compaction, or after this long.
const LOOK_FOR_EXPIRED_EVERY: Duration = Duration::from_secs(60);

/// A compaction that fails again and again is tried after this long at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// With so many runs of level 0 that are none of its own, a compaction that was asked for waits until they are merged.
const URGENT: usize = 2 * FLUSHED_RUNS;

/// Compactions under way and to come.
pub(super) struct Compactions {
    /// Those that have begun: the last goes on, and those before it when that has ended.
    passes: Vec<Running>,
    /// Its steps that are being merged, in the order in which they are published.
    steps: VecDeque<Merging>,
    /// The number of the last step.
    last: u64,
    /// Those that were asked for.
    pub(super) asked: VecDeque<Request>,
    failures: u32,
    /// None begins by itself before this.
    pub(super) not_before: Option<Instant>,
    pub(super) look_for_expired_at: Instant,
}

impl Default for Compactions {
    fn default() -> Self {
        Self {
            passes: Vec::new(),
            steps: VecDeque::new(),
            last: 0,
            asked: VecDeque::new(),
            failures: 0,
            not_before: None,
            look_for_expired_at: Instant::now() + LOOK_FOR_EXPIRED_EVERY,
        }
    }
}

impl Compactions {
    /// Whether one has begun.
    pub(super) fn are_running(&self) -> bool {
        !self.passes.is_empty()
    }

    /// The greatest version up to which a step that is being merged drops history.
    pub(super) fn horizon(&self) -> Version {
        self.steps.iter().map(|step| step.horizons.history).max().unwrap_or(0)
    }

    /// Whether any step is being merged.
    pub(super) fn are_merging(&self) -> bool {
        !self.steps.is_empty()
    }
}

/// A compaction as somebody asked for it.
pub(super) struct Request {
    pub(super) compaction: Compaction,
    pub(super) done: Option<Done>,
}

/// A compaction that has begun.
struct Running {
    pass: Pass,
    request: Option<Request>,
    /// What its first step failed of that did.
    failure: Option<Error>,
}

/// A step that is being merged, or waits for those before it.
struct Merging {
    number: u64,
    horizons: Horizons,
    ended: Option<Ended>,
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

    fn reader_grace(&self, core: &Core) -> Duration {
        self.compaction.options.reader_grace.unwrap_or(core.config.reader_grace)
    }
}

impl Running {
    fn options(&self) -> CompactOptions {
        self.request.as_ref().map(|request| request.compaction.options).unwrap_or_default()
    }
}

impl Worker {
    /// Begins what is due, as far as there are threads for it.
    pub(super) async fn begin_compactions(&mut self, core: &Core) {
        self.tell_writers(core);
        while !core.background.brake.is_paused() && self.begin_next(core).await {}
        // What has just moved to another level is neither debt any more nor in anybody's way, and nothing is to come after
        // which this would be looked at again.
        self.tell_writers(core);
        core.figures.compaction_debt.store(self.sizes.debt(self.table.levels()), Ordering::Relaxed);
    }

    /// Says how many runs writers are to wait for: not for merges that fail, or that nobody does.
    fn tell_writers(&self, core: &Core) {
        let is_paused = core.background.brake.is_paused();
        let merges = core.config.background_optimize && self.compactions.failures == 0 && !is_paused;
        core.room.set_flushed_runs(if merges { self.table.levels().flushed().len() } else { 0 });
    }

    /// Begins a step, or a compaction, or ends one; whether there was anything to do.
    async fn begin_next(&mut self, core: &Core) -> bool {
        let levels = self.table.levels();
        let gives_way = core.config.background_optimize && self.compactions.failures == 0;
        match self.compactions.passes.last_mut() {
            Some(running) if gives_way && is_urgent(&running.pass, levels) => {
                if self.compactions.are_merging() {
                    return false;
                }
                match self.sizes.of_flushed(levels) {
                    Some(plan) if !plan.shifts => self.begin(plan, None),
                    _ => return self.begin_step(core).await,
                }
                true
            }
            Some(_) => self.begin_step(core).await,
            None => match self.compactions.asked.pop_front() {
                Some(request) => {
                    self.begin_requested(core, request).await;
                    true
                }
                None => self.begin_due(core).await,
            },
        }
    }

    /// Begins a compaction that somebody asked for, or answers where that is done already.
    async fn begin_requested(&mut self, core: &Core, mut request: Request) {
        if request.done.is_none() {
            request.compaction.range = core.background.compaction_begins();
        }
        let horizons = self.horizons(core, request.compaction.options);
        let plan = self.requested(&request.compaction.range, &horizons);
        if !is_worthwhile(&plan, &horizons) {
            let checked = self.check(core).await;
            if checked.is_ok() {
                self.clean_up(request.reader_grace(core)).await;
            }
            return request.answer(checked);
        }
        self.begin(plan, Some(request));
    }

    /// What is to be done of what was asked for. Where the keys of a range erase history, which is merged as a whole, all.
    fn requested(&self, range: &KeyRange, horizons: &Horizons) -> Plan {
        let levels = self.table.levels();
        let history = levels.history().runs();
        let ranged = self.sizes.all(levels).within(range).erasing(history, horizons);
        match *range != KeyRange::all() && !ranged.reads_history() {
            true => ranged,
            false => self.sizes.all(levels).with_history(history, horizons),
        }
    }

    /// Begins what the levels ask for; whether there was anything to do and it went well.
    async fn begin_due(&mut self, core: &Core) -> bool {
        let waits = self.compactions.not_before.is_some_and(|time| Instant::now() < time);
        if !core.config.background_optimize || waits || core.health.check().is_err() {
            return false;
        }
        if Instant::now() >= self.compactions.look_for_expired_at {
            return self.drop_expired(core, &self.horizons(core, CompactOptions::default())).await;
        }
        let Some(plan) = self.sizes.next(self.table.levels()) else { return false };
        if !plan.shifts {
            let horizons = self.horizons(core, CompactOptions::default());
            self.begin(plan.erasing(self.table.levels().history().runs(), &horizons), None);
            return true;
        }
        let shifted = self.table.shift(&plan.inputs, plan.to).await.map_err(|e| told(core, e));
        self.show(core);
        if let Err(e) = &shifted {
            self.failed(core, e);
        }
        shifted.is_ok()
    }

    fn begin(&mut self, plan: Plan, request: Option<Request>) {
        let range = request.as_ref().map(|request| request.compaction.range.clone()).unwrap_or_default();
        self.compactions.passes.push(Running { pass: Pass::new(plan, &range), request, failure: None });
    }

    /// Begins the next step of the compaction that goes on, or ends that after its last; whether there was anything to do.
    async fn begin_step(&mut self, core: &Core) -> bool {
        let Some(options) = self.compactions.passes.last().map(Running::options) else { return false };
        if self.compactions.steps.len() >= core.config.compaction_threads {
            return false;
        }
        let horizons = self.horizons(core, options);
        let Some(running) = self.compactions.passes.last_mut() else { return false };
        match running.pass.next(self.table.levels(), self.sizes.step()) {
            Some(step) if step.is_idle() && !is_worthwhile(&step.plan, &horizons) => true,
            Some(step) => {
                if let Err(e) = self.hand_over(step, horizons) {
                    self.fail_step(e);
                }
                true
            }
            None if self.compactions.steps.is_empty() => {
                self.end_pass(core).await;
                true
            }
            None => false,
        }
    }

    /// Has a thread merge a step.
    fn hand_over(&mut self, step: Step, horizons: Horizons) -> Result<()> {
        let rest = step.plan.rest(self.table.levels().history());
        let through = self.state.journal_through;
        let current = match step.plan.is_passing(self.table.levels()) {
            true => self.table.new_passing_runs(step.plan.to, through)?,
            false => self.table.new_runs(step.plan.to, through)?,
        };
        let history = self.table.new_history(step.plan.merges(), through)?;
        let writer = SplitWriter::new(current, history, HistoryFilter::new(horizons.clone(), rest));
        self.compactions.last += 1;
        let number = self.compactions.last;
        if !self.compactor.begin(Job { number, step, writer }) {
            return Err(Error::StoreFailed { reason: super::COMPACTOR_DIED.into() });
        }
        self.compactions.steps.push_back(Merging { number, horizons, ended: None });
        Ok(())
    }

    /// Ends the compaction that goes on.
    async fn end_pass(&mut self, core: &Core) {
        let Some(Running { request, failure, .. }) = self.compactions.passes.pop() else { return };
        let result = match failure {
            Some(error) => {
                self.failed(core, &error);
                Err(error)
            }
            None => {
                self.compactions.failures = 0;
                self.compactions.not_before = None;
                match &request {
                    Some(request) => self.clean_up(request.reader_grace(core)).await,
                    None => self.clean_up_now_and_then(core).await,
                }
                Ok(())
            }
        };
        if let Some(request) = request {
            request.answer(result);
        }
    }

    /// A step of the compaction that goes on has failed: there will be no others.
    fn fail_step(&mut self, error: Error) {
        if let Some(running) = self.compactions.passes.last_mut() {
            running.pass.fail();
            running.failure.get_or_insert(error);
        }
    }

    /// Drops the runs of history that nobody reads any more, where there are any; whether that went well.
    async fn drop_expired(&mut self, core: &Core, horizons: &Horizons) -> bool {
        self.compactions.look_for_expired_at = Instant::now() + LOOK_FOR_EXPIRED_EVERY;
        let state = TableState { history_floor: self.floor_after(0, horizons), ..self.state };
        if state == self.state {
            return true;
        }
        let done =
            self.table.replace(&Levels::default(), Outputs::default(), 0, state).await.map_err(|e| told(core, e));
        match &done {
            Ok(_) => self.state = state,
            Err(e) => self.failed(core, e),
        }
        self.show(core);
        done.is_ok()
    }

    /// The floor after rows of history have been dropped, and with the runs of it that nobody reads any more.
    pub(super) fn floor_after(&self, dropped: u64, horizons: &Horizons) -> Version {
        let floor = self.state.history_floor.max(horizons.history);
        let expires = |run: &Arc<Run>| has_expired(run, floor, self.table.tags().pins());
        let drops = dropped > 0 || self.table.levels().history().runs().iter().any(expires);
        if drops { floor } else { self.state.history_floor }
    }

    /// Takes in a step that has been merged, and publishes what is complete from the first on.
    pub(super) async fn end_step(&mut self, core: &Core, ended: Ended) {
        if let Some(merging) = self.compactions.steps.iter_mut().find(|merging| merging.number == ended.number) {
            merging.ended = Some(ended);
        }
        while let Some(Merging { ended: Some(_), .. }) = self.compactions.steps.front() {
            let Some(Merging { horizons, ended: Some(ended), .. }) = self.compactions.steps.pop_front() else { return };
            if let Err(e) = self.publish(core, ended, &horizons).await {
                self.fail_step(e);
            }
        }
    }

    async fn publish(&mut self, core: &Core, ended: Ended, horizons: &Horizons) -> Result<()> {
        let Ended { step, merged, .. } = ended;
        let Some(running) = self.compactions.passes.last() else { return Ok(()) };
        let replaced = running.pass.replaced_by(self.table.levels(), &step);
        let merged = merged?;
        let state = TableState { history_floor: self.floor_after(merged.dropped, horizons), ..self.state };
        let read = replaced.disk_bytes() + replaced.history().disk_bytes();
        let done = self.table.replace(&replaced, merged.runs, step.plan.to, state).await;
        let written = done.map_err(|e| told(core, e))?;
        self.state = state;
        core.figures.compactions.fetch_add(1, Ordering::Relaxed);
        core.figures.compacted_bytes.fetch_add(read, Ordering::Relaxed);
        core.figures.compaction_written_bytes.fetch_add(written, Ordering::Relaxed);
        self.show(core);
        Ok(())
    }

    /// Has readers see the table as it has been committed.
    pub(super) fn show(&self, core: &Core) {
        core.figures.tagged_bytes.store(self.table.tagged_bytes(), Ordering::Relaxed);
        core.views.edit(|view| self.show_in(view));
    }

    /// The same, in a view that is being edited.
    pub(super) fn show_in(&self, view: &mut View) {
        view.levels = self.table.levels().clone();
        view.history_floor = self.state.history_floor;
        view.tags = self.table.tags().clone();
    }

    /// What may go of what the store holds now.
    pub(super) fn horizons(&self, core: &Core, options: CompactOptions) -> Horizons {
        // First, so that it is not beyond the other where nothing is retained.
        let erasing = core.snapshots.horizon(Version::MAX);
        let history = core.snapshots.horizon(retained_from(core, options));
        Horizons { history, erasing, pins: self.table.tags().pins().clone() }
    }

    /// Waits the longer before another try the more have failed.
    fn failed(&mut self, core: &Core, error: &Error) {
        let wait = RETRY.saturating_mul(1 << self.compactions.failures.min(16)).min(LONGEST_WAIT);
        self.compactions.failures += 1;
        core.figures.compaction_failures.fetch_add(1, Ordering::Relaxed);
        self.compactions.not_before = Some(Instant::now() + wait);
        tracing::warn!(%error, ?wait, "a compaction failed and will be tried again; the table is as it was");
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

/// Whether a compaction below level 1 is to wait for one of level 0. One with history does not: it is a single step, of runs
/// that have to be there still when it begins.
fn is_urgent(pass: &Pass, levels: &Levels) -> bool {
    pass.to() > 1 && !pass.reads_history() && levels.flushed().iter().filter(|run| !pass.knows(run)).count() >= URGENT
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
    has_something_to_drop || plan.reads_history() || unsorted
}

#[cfg(test)]
mod tests;
