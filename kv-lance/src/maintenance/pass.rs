//! A compaction on its way: it goes through its keys in steps, each of which is published by itself, so that the space of what
//! a step replaces is free before the next, and several can be merged at once.
//!
//! A run that reaches over several steps stays until the last of them, and so does what is newer and may have its keys. The
//! rows of it that lie on the lower level by then are there twice, which reads do not see: of one key and version both are the
//! same row, and the upper level's is found first.

use super::plan::Plan;
use crate::table::{Levels, Run};
use kv_api::{Key, KeyRange};
use std::sync::Arc;

pub(super) struct Pass {
    plan: Plan,
    /// Where it begins.
    from: Key,
    /// The keys that no step has been made of.
    rest: Option<KeyRange>,
    /// A step has failed: those behind it replace no more than what lies in them.
    has_gap: bool,
}

/// A part of a pass.
pub(super) struct Step {
    /// With the runs that have keys in the range as inputs.
    pub(super) plan: Plan,
    pub(super) range: KeyRange,
}

impl Pass {
    /// A pass over the keys of a range that the inputs have. History has no order that it could be cut by, so that its
    /// inputs are merged as a whole.
    pub(super) fn new(plan: Plan, range: &KeyRange) -> Self {
        let rest = if plan.reads_history() { Some(KeyRange::all()) } else { extent(&plan, range) };
        let from = rest.as_ref().map_or_else(Key::new, |rest| rest.start.clone());
        Self { plan, from, rest, has_gap: false }
    }

    pub(super) fn to(&self) -> usize {
        self.plan.to
    }

    /// Whether history is merged as well.
    pub(super) fn reads_history(&self) -> bool {
        self.plan.reads_history()
    }

    /// Whether a run was there when the pass began.
    pub(super) fn knows(&self, run: &Arc<Run>) -> bool {
        self.plan.inputs.runs().any(|known| Arc::ptr_eq(known, run))
    }

    /// The next step, of about so many bytes; `None` where all have been made.
    pub(super) fn next(&mut self, levels: &Levels, bytes: u64) -> Option<Step> {
        loop {
            let rest = self.rest.take()?;
            if self.plan.reads_history() {
                return Some(Step { plan: self.plan.clone(), range: rest });
            }
            let cut = self.cut(levels, &rest, bytes);
            self.rest = cut.clone().map(|start| KeyRange { start, end: rest.end.clone() });
            let range = KeyRange { start: rest.start, end: cut.or(rest.end) };
            let inputs = self.sources(levels, &range);
            if !inputs.is_empty() {
                let is_bottom = (self.plan.to + 1..levels.depth())
                    .all(|below| !levels.level(below).iter().any(|run| run.has_keys_in(&range)));
                return Some(Step { plan: Plan { inputs, is_bottom, ..self.plan.clone() }, range });
            }
        }
    }

    /// What of the table's runs a step replaces, where those before it have been published, but for one that failed.
    pub(super) fn replaced_by(&self, levels: &Levels, step: &Step) -> Levels {
        let Step { plan, range } = step;
        if plan.reads_history() {
            return plan.inputs.clone();
        }
        // A run that stays must not be found before newer rows, which now lie below it: so what is newer stays as well.
        let mut staying: Vec<&Arc<Run>> = Vec::new();
        let mut going: Vec<&Arc<Run>> = plan.inputs.level(plan.to).iter().collect();
        for level in (plan.above..plan.to).rev() {
            let merged = |run: &&Arc<Run>| level > plan.above || self.knows(run);
            for run in levels.level(level).iter().rev().filter(merged) {
                match self.has_passed(run, range) && !staying.iter().any(|older| older.overlaps(run.key_bounds())) {
                    true => going.push(run),
                    false => staying.push(run),
                }
            }
        }
        levels.of_levels(|_, run| going.iter().any(|other| Arc::ptr_eq(other, run)))
    }

    /// Whether all keys of a run have been gone through, up to the end of a step.
    fn has_passed(&self, run: &Arc<Run>, range: &KeyRange) -> bool {
        let (first, last) = run.key_bounds();
        let from = if self.knows(run) && !self.has_gap { &self.from } else { &range.start };
        first >= from.as_ref() && range.end.as_ref().is_none_or(|end| last < end.as_ref())
    }

    /// Makes no further steps, as one has failed.
    pub(super) fn fail(&mut self) {
        self.rest = None;
        self.has_gap = true;
    }

    /// The runs that a step reads: what the pass merges into the levels below, and what lies on those.
    fn sources(&self, levels: &Levels, range: &KeyRange) -> Levels {
        levels.of_levels(|level, run| {
            let below = self.plan.above < level && level <= self.plan.to;
            (below || level == self.plan.above && self.knows(run)) && run.has_keys_in(range)
        })
    }

    /// Where the next step ends: before the first key of a run on the lowest level that has any.
    fn cut(&self, levels: &Levels, rest: &KeyRange, bytes: u64) -> Option<Key> {
        let on = |level: usize| levels.level(level).iter().filter(|run| run.has_keys_in(rest));
        let guide = (self.plan.above + 1..=self.plan.to).rev().find(|level| on(*level).next().is_some())?;
        // What lies above is taken to be spread evenly.
        let of_guide: u64 = on(guide).map(|run| run.disk_bytes()).sum();
        let all: u64 = self.sources(levels, rest).runs().map(|run| run.disk_bytes()).sum();
        let share = |bytes: u64| (u128::from(bytes) * u128::from(all) / u128::from(of_guide.max(1))) as u64;
        let mut taken = 0u64;
        on(guide).find_map(|run| {
            let first = run.key_bounds().0;
            let is_end = taken >= bytes && first > rest.start.as_ref();
            taken = taken.saturating_add(share(run.disk_bytes()));
            is_end.then(|| Key::copy_from_slice(first))
        })
    }
}

impl Step {
    /// Whether there is nothing to be merged into the lower level, nor history.
    pub(super) fn is_idle(&self) -> bool {
        let plan = &self.plan;
        !plan.reads_history() && (0..plan.to).all(|level| plan.inputs.level(level).is_empty())
    }
}

/// The keys to go through: of the range and, as a level has no overlapping runs, of those on the lower level that it cuts.
fn extent(plan: &Plan, range: &KeyRange) -> Option<KeyRange> {
    let (first, last) = plan.inputs.key_bounds()?;
    let mut extent = KeyRange {
        start: range.start.clone().max(Key::copy_from_slice(first)),
        end: range.end.iter().cloned().chain([KeyRange::key_after(last)]).min(),
    };
    for run in plan.inputs.level(plan.to).iter().filter(|run| run.has_keys_in(range)) {
        let (first, last) = run.key_bounds();
        extent.start = extent.start.min(Key::copy_from_slice(first));
        extent.end = extent.end.max(Some(KeyRange::key_after(last)));
    }
    (!extent.is_empty()).then_some(extent)
}
