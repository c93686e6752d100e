//! What to compact next: level 0 when it has too many runs, another level when it has too many bytes.

use super::history::{Horizons, Rest};
use crate::table::{History, Levels, Run};
use kv_api::{KeyRange, Version};
use std::cmp::Reverse;
use std::sync::Arc;

/// A read looks into every run of level 0; from this many on they are merged into level 1.
pub(super) const FLUSHED_RUNS: usize = 4;

/// A run of which more than this part is deletions does not wait for its level to be full: a half.
const DELETIONS: u64 = 2;

/// So many runs of history are merged into one.
const HISTORY_FANIN: usize = 8;

/// A row of history is merged with that of others so many times, and then stays where it is.
const HISTORY_MERGES: u32 = 3;

/// A level has so many times the bytes of the one above.
const FANOUT: u64 = 10;

/// Level 1 has so many partitions.
const FIRST_LEVEL: u64 = 4;

/// Runs are small, and merged with small ones beside them, up to such a part of a partition: an eighth.
const SMALL: u64 = 8;

/// A step of a compaction reads about so many partitions of level 1.
const STEP: u64 = 4;

/// What a compaction reads, and where its result goes.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) inputs: Levels,
    /// The level whose inputs are merged into those of the levels below it.
    pub(super) above: usize,
    /// Of history alone, how often its rows have been merged then.
    pub(super) to: usize,
    /// No two inputs have a key in common, and they are what runs on the other level are like: they can lie there as they are.
    pub(super) shifts: bool,
    /// Nothing on a level is older than the inputs and has their keys.
    pub(super) is_bottom: bool,
}

impl Plan {
    /// With what of `history` has something to drop: rows that nobody reads any more, or that have been erased.
    pub(super) fn with_history(self, history: &[Arc<Run>], horizons: &Horizons) -> Self {
        let drops = |run: &Arc<Run>| {
            let statistics = run.statistics();
            // A pin that is above all versions and finds all rows keeps the whole run.
            let is_pinned = horizons.pins.any_in(statistics.max_version, statistics.min_superseded);
            statistics.min_superseded <= horizons.history && !is_pinned
        };
        self.taking(history, horizons, drops)
    }

    /// With what of `history` may hold what the inputs erase, where this compaction is the one that ends it.
    pub(super) fn erasing(self, history: &[Arc<Run>], horizons: &Horizons) -> Self {
        if self.is_bottom { self.taking(history, horizons, |_| false) } else { self }
    }

    /// Of the inputs those that have keys in a range, into the lowest level that there is: the others stay where they are.
    pub(super) fn within(self, range: &KeyRange) -> Self {
        let to = self.inputs.depth().saturating_sub(1).max(1);
        Self { inputs: self.inputs.only(|run| run.has_keys_in(range)), to, ..self }
    }

    fn taking(self, history: &[Arc<Run>], horizons: &Horizons, also: impl Fn(&Arc<Run>) -> bool) -> Self {
        let erased = |run: &Arc<Run>| self.may_erase(run, horizons.erasing);
        let taken = history.iter().filter(|run| also(run) || erased(run)).cloned().collect();
        Self { inputs: self.inputs.with_history(taken), ..self }
    }

    /// Whether one of the inputs, of a version up to `until`, may erase rows of a run of history.
    fn may_erase(&self, run: &Run, until: Version) -> bool {
        self.inputs.runs().any(|input| {
            let statistics = input.statistics();
            // Of the rows that erase, the run says the greatest version alone.
            let (erasing, least) = (statistics.max_erasing, statistics.min_version);
            erasing > 0 && least <= until && run.statistics().min_version < erasing && input.overlaps(run.key_bounds())
        })
    }

    /// Whether what it writes is soon read and written again: on level 1, among what is there, above others.
    pub(super) fn is_passing(&self, levels: &Levels) -> bool {
        self.to == 1 && levels.depth() > 2 && !self.inputs.level(1).is_empty()
    }

    /// Whether history is among the inputs.
    pub(super) fn reads_history(&self) -> bool {
        !self.inputs.history().is_empty()
    }

    /// How often the history that it writes has been merged.
    pub(super) fn merges(&self) -> usize {
        if self.inputs.runs().next().is_none() { self.to } else { 0 }
    }

    /// What is to be known of the rows that are no inputs.
    pub(super) fn rest(&self, history: &History) -> Rest {
        let is_input = |run: &Arc<Run>| self.inputs.history().runs().iter().any(|input| Arc::ptr_eq(input, run));
        let mut others = history.runs().iter().filter(|run| !is_input(run));
        let has_nothing_erased = !others.any(|run| self.may_erase(run, Version::MAX));
        Rest { is_bottom: self.is_bottom, has_nothing_erased }
    }
}

/// How large levels are to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes that a run of a sorted level aims at.
    pub(super) partition: u64,
    /// Whether what does not soon go down is compressed.
    pub(super) compresses: bool,
}

impl Sizes {
    /// Bytes that a level may have.
    fn capacity(self, level: usize) -> u64 {
        let below_first = u32::try_from(level.saturating_sub(1)).unwrap_or(u32::MAX);
        self.partition.saturating_mul(FIRST_LEVEL).saturating_mul(FANOUT.saturating_pow(below_first))
    }

    /// The highest sorted level that has room for so many bytes.
    fn level_for(self, bytes: u64) -> usize {
        (1..).find(|level| bytes <= self.capacity(*level)).unwrap_or(1)
    }

    /// Bytes that lie too high. What goes down a level takes a share of that level along, which is not counted.
    pub(super) fn debt(self, levels: &Levels) -> u64 {
        let bytes = |level: usize| levels.level(level).iter().map(|run| run.disk_bytes()).sum::<u64>();
        let flushed = if levels.flushed().len() >= FLUSHED_RUNS { bytes(0) } else { 0 };
        flushed + (1..levels.depth()).map(|level| bytes(level).saturating_sub(self.capacity(level))).sum::<u64>()
    }

    /// Bytes up to which what lies side by side is merged.
    fn small(self) -> u64 {
        self.partition / SMALL
    }

    /// Bytes that a step of a compaction aims at.
    pub(super) fn step(self) -> u64 {
        self.partition.saturating_mul(STEP)
    }

    /// The most urgent compaction; `None` where none is due.
    pub(super) fn next(self, levels: &Levels) -> Option<Plan> {
        self.of_levels(levels).or_else(|| self.of_deletions(levels)).or_else(|| of_history(levels.history()))
    }

    fn of_levels(self, levels: &Levels) -> Option<Plan> {
        // How full a level is, in thousandths.
        let fullness = |level: usize| match level {
            0 => 1000 * levels.flushed().len() as u64 / FLUSHED_RUNS as u64,
            _ => {
                let bytes: u64 = levels.level(level).iter().map(|run| run.disk_bytes()).sum();
                (u128::from(bytes) * 1000 / u128::from(self.capacity(level).max(1))).min(u128::from(u64::MAX)) as u64
            }
        };
        let is_due = |level: &usize| if *level == 0 { fullness(0) >= 1000 } else { fullness(*level) > 1000 };
        let level = (0..levels.depth()).filter(is_due).max_by_key(|level| (fullness(*level), Reverse(*level)))?;
        match level {
            0 => self.of_flushed(levels),
            _ => self.of_level(levels, level),
        }
    }

    /// Everything into one level.
    pub(super) fn all(self, levels: &Levels) -> Plan {
        let to = self.level_for(levels.disk_bytes()).max(levels.depth().saturating_sub(1));
        Plan { inputs: levels.clone().with_history(Vec::new()), above: 0, to, shifts: false, is_bottom: true }
    }

    /// Level 0 into level 1; `None` where there is none.
    pub(super) fn of_flushed(self, levels: &Levels) -> Option<Plan> {
        self.plan(levels, levels.flushed(), 0)
    }

    /// Takes runs of one level to the next: as they are, or merged into what is there.
    fn plan(self, levels: &Levels, runs: &[Arc<Run>], level: usize) -> Option<Plan> {
        let can_shift = !overlap(runs) && runs.iter().all(|run| self.can_shift(levels, run, level));
        let bytes: u64 = runs.iter().map(|run| run.disk_bytes()).sum();
        let are_small = runs.len() > 1 && bytes <= self.small();
        let have_small_beside = || these(levels, runs).key_bounds() != self.with_small_beside(levels, runs, level + 1);
        if can_shift && !are_small && !have_small_beside() {
            shift(levels, runs, level)
        } else {
            self.merge(levels, runs, level)
        }
    }

    /// Whether a run can go to the next level as it is, where no other run of its own has its keys. What has not been
    /// compressed, or has deletions that delete nothing, does not: it would go down to the lowest level like that and stay.
    fn can_shift(self, levels: &Levels, run: &Run, level: usize) -> bool {
        let (first, last) = run.key_bounds();
        let has_some_on = |level| levels.overlapping(level, first, last).next().is_some();
        let is_compressed = !self.compresses || run.statistics().level > 0;
        let has_idle_deletions = run.statistics().tombstones > 0 && !(level + 2..levels.depth()).any(has_some_on);
        !has_some_on(level + 1) && is_compressed && !has_idle_deletions
    }

    /// Of a level that is too large the runs that need the least of the next one to be written again.
    fn of_level(self, levels: &Levels, level: usize) -> Option<Plan> {
        let runs = levels.level(level);
        let below = |run: &Arc<Run>| {
            let (first, last) = run.key_bounds();
            levels.overlapping(level + 1, first, last).map(|run| run.disk_bytes()).sum::<u64>()
        };
        let bytes: u64 = runs.iter().map(|run| run.disk_bytes()).sum();
        let excess = bytes.saturating_sub(self.capacity(level));
        let mut free = Vec::new();
        let mut freed = 0;
        for run in runs.iter().filter(|run| self.can_shift(levels, run, level)) {
            if freed < excess {
                freed += run.disk_bytes();
                free.push(run.clone());
            }
        }
        if !free.is_empty() {
            return shift(levels, &free, level);
        }
        let cheapest =
            runs.iter().min_by_key(|run| u128::from(below(run)) * 1000 / u128::from(run.disk_bytes().max(1)))?;
        self.plan(levels, std::slice::from_ref(cheapest), level)
    }

    /// Merges a run with many deletions into the next level, until there is none that has anything to delete: scans pass over
    /// each of them.
    fn of_deletions(self, levels: &Levels) -> Option<Plan> {
        let has_many = |run: &&Arc<Run>| run.statistics().tombstones * DELETIONS > run.statistics().rows;
        let above_lowest = 1..levels.depth().saturating_sub(1);
        above_lowest.into_iter().find_map(|level| {
            let run = levels.level(level).iter().find(has_many)?;
            self.merge(levels, std::slice::from_ref(run), level)
        })
    }

    /// Merges runs of one level into the next: into all that lies there from their first key to their last, as what is written
    /// reaches over that, whether or not it has keys in common with them, and into [small runs beside](Self::with_small_beside).
    fn merge(self, levels: &Levels, runs: &[Arc<Run>], level: usize) -> Option<Plan> {
        let to = level + 1;
        let bounds = self.with_small_beside(levels, runs, to)?;
        let inputs = levels.of_levels(|on, run| on == to && run.overlaps(bounds) || is_among(run, runs));
        let (first, last) = inputs.key_bounds()?;
        let is_bottom = (to + 1..levels.depth()).all(|below| levels.overlapping(below, first, last).next().is_none());
        Some(Plan { inputs, above: level, to, shifts: false, is_bottom })
    }

    /// The first key and the last of runs, and of those beside them on another level that have no more than twice the bytes of
    /// what is merged with them, as long as all of it is small. Where keys ascend nothing has keys in common with anything: a
    /// store that is written to little by little would have a run for every few flushes. So it has few, and a row is written
    /// again no more often than its run grows by a half.
    fn with_small_beside<'a>(
        self,
        levels: &'a Levels,
        runs: &'a [Arc<Run>],
        on: usize,
    ) -> Option<(&'a [u8], &'a [u8])> {
        let first = runs.iter().map(|run| run.key_bounds().0).min()?;
        let last = runs.iter().map(|run| run.key_bounds().1).max()?;
        let among = levels.overlapping(on, first, last);
        let mut bytes: u64 = runs.iter().chain(among).map(|run| run.disk_bytes()).sum();
        let mut joins = |run: &&Arc<Run>| {
            let is_small = run.disk_bytes() / 2 <= bytes && bytes + run.disk_bytes() <= self.small();
            bytes += if is_small { run.disk_bytes() } else { 0 };
            is_small
        };
        let before = levels.level(on).iter().rev().skip_while(|run| run.key_bounds().1 >= first);
        let first = before.take_while(&mut joins).last().map_or(first, |run| run.key_bounds().0);
        let behind = levels.level(on).iter().skip_while(|run| run.key_bounds().0 <= last);
        let last = behind.take_while(&mut joins).last().map_or(last, |run| run.key_bounds().1);
        Some((first, last))
    }
}

/// Merges runs of history that lie together and have been merged about as often: so what a read of the past has to look
/// into stays few, and a row is written again [few times](HISTORY_MERGES), whatever the age of the store.
fn of_history(history: &History) -> Option<Plan> {
    (0..HISTORY_MERGES).find_map(|merges| {
        let mut stretches = history.runs().split(|run| run.statistics().level > merges);
        let stretch = stretches.find(|stretch| sequences(stretch) >= HISTORY_FANIN)?;
        let inputs = Levels::of_history(stretch.to_vec());
        Some(Plan { inputs, above: 0, to: merges as usize + 1, shifts: false, is_bottom: false })
    })
}

/// How many there are of runs that one merge gave, in the order of their keys.
fn sequences(runs: &[Arc<Run>]) -> usize {
    let begins = |(run, next): &(&Arc<Run>, &Arc<Run>)| next.key_bounds().0 <= run.key_bounds().1;
    usize::from(!runs.is_empty()) + runs.iter().zip(runs.iter().skip(1)).filter(begins).count()
}

/// Moves runs of one level to the next, which has nothing of their keys.
fn shift(levels: &Levels, runs: &[Arc<Run>], level: usize) -> Option<Plan> {
    let inputs = these(levels, runs);
    (!inputs.is_empty()).then_some(Plan { inputs, above: level, to: level + 1, shifts: true, is_bottom: false })
}

/// Some of the runs, on their levels.
fn these(levels: &Levels, runs: &[Arc<Run>]) -> Levels {
    levels.of_levels(|_, run| is_among(run, runs))
}

fn is_among(run: &Arc<Run>, runs: &[Arc<Run>]) -> bool {
    runs.iter().any(|other| Arc::ptr_eq(run, other))
}

/// Whether any two runs can have a key in common.
pub(super) fn overlap(runs: &[Arc<Run>]) -> bool {
    let mut bounds: Vec<_> = runs.iter().map(|run| run.key_bounds()).collect();
    bounds.sort_unstable();
    bounds.iter().zip(bounds.iter().skip(1)).any(|((_, last), (first, _))| first <= last)
}
