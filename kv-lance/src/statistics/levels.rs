//! The levels of the table, as somebody sees them who looks after the store.

use crate::table::{Levels, Run};
use kv_api::{Figure, Key, Version};

/// A level of the table. Level 0 has what flushes wrote, and its runs may have keys in common; those of a level below have
/// none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelInfo {
    /// Its number, from 0 on.
    pub level: u32,
    /// Its runs: on level 0 the newest first, below in the order of their keys.
    pub runs: Vec<RunInfo>,
}

/// A sorted run, which is a data file of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// The name of the file.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// Rows, older versions and deletions among them.
    pub rows: u64,
    /// Distinct keys.
    pub keys: u64,
    /// Rows that are deletions.
    pub tombstones: u64,
    /// The least key.
    pub first_key: Key,
    /// The greatest key.
    pub last_key: Key,
    /// The oldest version of a row.
    pub oldest_version: Version,
    /// The newest version of a row.
    pub newest_version: Version,
}

impl LevelInfo {
    /// Rows of all its runs.
    pub fn rows(&self) -> u64 {
        self.runs.iter().map(|run| run.rows).sum()
    }

    /// Rows of all its runs that are deletions.
    pub fn tombstones(&self) -> u64 {
        self.runs.iter().map(|run| run.tombstones).sum()
    }

    /// Size of all its files.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// The least and the greatest key; `None` where it has no run.
    pub fn key_bounds(&self) -> Option<(&Key, &Key)> {
        let first = self.runs.iter().map(|run| &run.first_key).min()?;
        let last = self.runs.iter().map(|run| &run.last_key).max()?;
        Some((first, last))
    }
}

/// The runs of history, those that were written last first.
pub(crate) fn history(levels: &Levels) -> Vec<RunInfo> {
    levels.history().runs().iter().map(|run| info(run)).collect()
}

/// All levels.
pub(crate) fn levels(levels: &Levels) -> Vec<LevelInfo> {
    let level = |level: usize| LevelInfo {
        level: u32::try_from(level).unwrap_or(u32::MAX),
        runs: levels.level(level).iter().map(|run| info(run)).collect(),
    };
    (0..levels.depth()).map(level).collect()
}

fn info(run: &Run) -> RunInfo {
    let statistics = run.statistics();
    let (first, last) = run.key_bounds();
    RunInfo {
        file: run.name().to_owned(),
        bytes: run.disk_bytes(),
        rows: statistics.rows,
        keys: statistics.keys,
        tombstones: statistics.tombstones,
        first_key: Key::copy_from_slice(first),
        last_key: Key::copy_from_slice(last),
        oldest_version: statistics.min_version,
        newest_version: statistics.max_version,
    }
}

/// How many runs a read of one key may have to look into: each of level 0, and one of each level below.
pub(super) fn read_amplification(levels: &Levels) -> u64 {
    let below = levels.sorted().filter(|runs| !runs.is_empty()).count();
    (levels.flushed().len() + below) as u64
}

/// Four figures for each level.
pub(super) fn figures(levels: &Levels) -> impl Iterator<Item = Figure> {
    (0..levels.depth()).flat_map(|level| {
        let runs = levels.level(level);
        let sum = |figure: fn(&Run) -> u64| runs.iter().map(|run| figure(run)).sum::<u64>();
        let (rows, tombstones) = (sum(|run| run.statistics().rows), sum(|run| run.statistics().tombstones));
        let of_level = [
            Figure::gauge("level_runs", runs.len() as u64, "runs", "Runs of the level"),
            Figure::gauge("level_rows", rows, "rows", "Rows of the level, older versions and deletions among them"),
            Figure::gauge("level_tombstones", tombstones, "rows", "Rows of the level that are deletions"),
            Figure::gauge("level_bytes", sum(Run::disk_bytes), "bytes", "Size of the level's data files"),
        ];
        of_level.map(|figure| figure.at_level(u32::try_from(level).unwrap_or(u32::MAX)))
    })
}
