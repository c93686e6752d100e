//! Runs that are cut: a run past what its reader can count was committed, and the store could not be opened any more.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::config::Compression;
use crate::core::{Brake, View};
use crate::files::{LocalFiles, OpenFiles};
use crate::maintenance::merge::merge;
use crate::maintenance::plan::Sizes;
use crate::memtable::MemTable;
use crate::read::{Merge, Span, Visible};
use crate::table::{BlockCache, Levels, NewRow, Opened, Pins, RunExtent, RunLayout, Table, Tags};
use kv_api::{Direction, Key, KeyRange, Val};
use std::path::Path;
use std::sync::Arc;

type Entries = Vec<(Key, Val)>;

fn layout() -> RunLayout {
    let cut = RunExtent { rows: 50, bytes: 1 << 20, fence_bytes: 1 << 20 };
    let most = RunExtent { rows: 200, ..RunExtent::MOST };
    RunLayout { cut, most, ..RunLayout::new(256, Compression::Fsst) }
}

async fn open(dir: &Path, layout: RunLayout) -> Opened {
    let cache = Arc::new(BlockCache::new(1 << 20, layout.block_bytes));
    let files = Arc::new(OpenFiles::new(Arc::new(LocalFiles), 8));
    Table::open(&dir.join("kv.lance"), true, cache, files, layout).await.unwrap()
}

fn key(n: u64) -> Key {
    format!("key{n:04}").into()
}

fn val(version: Version) -> Option<Val> {
    (!version.is_multiple_of(5)).then(|| format!("at {version}").into())
}

/// Writes keys at one version, as a flush does.
async fn flush(opened: &mut Opened, keys: impl Iterator<Item = u64>, version: Version) {
    flush_to(opened, 0, keys, version, false).await;
}

/// Writes keys at one version to a level; they may erase what was before.
async fn flush_to(opened: &mut Opened, level: usize, keys: impl Iterator<Item = u64>, version: Version, erases: bool) {
    let mut writer = opened.table.new_passing_runs(level, version).unwrap();
    for n in keys {
        let (key, val) = (key(n), val(version));
        writer.push(NewRow { erases, ..row(&key, version, val.as_deref()) }).await.unwrap();
    }
    let runs = Outputs { current: writer.finish().await.unwrap(), history: vec![] };
    opened.table.replace(&Levels::default(), runs, level, opened.state).await.unwrap();
    opened.levels = opened.table.levels().clone();
}

fn row<'a>(key: &'a [u8], version: Version, val: Option<&'a [u8]>) -> NewRow<'a> {
    NewRow { key, version, val, erases: false, superseded: None }
}

fn horizons(history: Version) -> Horizons {
    Horizons { history, erasing: Version::MAX, pins: Pins::default() }
}

async fn compact(opened: &mut Opened, horizon: Version) {
    let plan = Sizes { partition: 1 << 20, compresses: false }.all(&opened.levels);
    let plan = plan.with_history(opened.levels.history().runs(), &horizons(horizon));
    carry_out(opened, plan, horizon).await;
}

/// Steps of all sizes, as the compactions of a test go on.
fn step_bytes(opened: &Opened) -> u64 {
    [1, 3_000, u64::MAX][opened.state.journal_through as usize % 3]
}

async fn carry_out(opened: &mut Opened, plan: Plan, horizon: Version) {
    carry_out_steps(opened, plan, horizon, usize::MAX).await;
}

/// Carries out `most` steps of a compaction, two of which are merged at the same time.
async fn carry_out_steps(opened: &mut Opened, plan: Plan, horizon: Version, most: usize) {
    let bytes = step_bytes(opened);
    opened.state.journal_through += 1;
    let mut pass = Pass::new(plan, &KeyRange::all());
    let mut done = 0;
    loop {
        let steps: Vec<Step> = (0..2).filter_map(|_| pass.next(&opened.levels, bytes)).take(most - done).collect();
        if steps.is_empty() {
            return;
        }
        let mut merged = Vec::new();
        for step in &steps {
            let (to, merges) = (step.plan.to, step.plan.merges());
            let (current, history) =
                (opened.table.new_runs(to, 0).unwrap(), opened.table.new_history(merges, 0).unwrap());
            let filter = HistoryFilter::new(horizons(horizon), step.plan.rest(opened.levels.history()));
            let writer = SplitWriter::new(current, history, filter);
            merged.push(merge(step, writer, &Brake::new(0)).await.unwrap());
        }
        for (step, merged) in steps.iter().zip(merged) {
            let replaced = pass.replaced_by(&opened.levels, step);
            opened.table.replace(&replaced, merged.runs, step.plan.to, opened.state).await.unwrap();
            opened.levels = opened.table.levels().clone();
            done += 1;
        }
    }
}

fn is_worthwhile(levels: &Levels, horizons: &Horizons) -> bool {
    let plan =
        Sizes { partition: 1 << 20, compresses: false }.all(levels).with_history(levels.history().runs(), horizons);
    super::is_worthwhile(&plan, horizons)
}

/// What a version has, read in every way there is.
async fn read(levels: &Levels, version: Version) -> Entries {
    let levels = levels.clone();
    let view =
        View { active: Arc::new(MemTable::new()), frozen: vec![], levels, history_floor: 0, tags: Tags::default() };
    let span = |direction| Span {
        range: KeyRange::all(),
        direction,
        visible: Visible::At(version),
        vals: true,
        tombstones: false,
        wanted: 0,
    };
    let mut scans = Vec::new();
    for direction in [Direction::Forward, Direction::Backward] {
        let mut merge = Merge::new(span(direction), None, &view);
        let mut entries = Vec::new();
        while merge.advance().await.unwrap() {
            entries.extend(merge.rows().unwrap().iter().map(|row| (row.key_slice(), row.val_slice())));
        }
        scans.push(entries);
    }
    let mut backward = scans.pop().unwrap();
    backward.reverse();
    let forward = scans.pop().unwrap();
    assert_eq!(forward, backward);
    let count = Merge::new(span(Direction::Forward), None, &view).count().await.unwrap();
    assert_eq!(count, forward.len() as u64);
    for n in 0..310 {
        let expected = forward.iter().find(|(k, _)| *k == key(n)).map(|(_, val)| val.clone());
        assert_eq!(view.get(&key(n), version).await.unwrap(), expected, "{n} at {version}");
    }
    forward
}

/// What [`read`] has to find after flushes of every third key or so.
fn expected(version: Version) -> Entries {
    let newest = |n: u64| (1..=version.min(9)).rev().find(|v| n.is_multiple_of(*v)).and_then(val);
    (0..300).filter_map(|n| Some((key(n), newest(n)?))).collect()
}

#[tokio::test]
async fn a_compaction_past_the_limits_gives_several_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path(), layout()).await;
    for version in 1..=9 {
        flush(&mut opened, (0..300u64).filter(|n| n.is_multiple_of(version)), version).await;
    }
    for horizon in [0, 6, 9] {
        for reopened in [false, true] {
            if reopened {
                opened = open(dir.path(), layout()).await;
            }
            for version in horizon..=10 {
                assert_eq!(read(&opened.levels, version).await, expected(version), "at {version}, horizon {horizon}");
            }
        }
        assert!(is_worthwhile(&opened.levels, &horizons(horizon)) || horizon == 6);
        compact(&mut opened, horizon).await;
        assert!(opened.levels.level(1).len() > 4 && opened.levels.flushed().is_empty(), "{:?}", opened.levels);
        assert!(opened.levels.runs().all(|run| (1..=60).contains(&run.statistics().rows)), "{:?}", opened.levels);
    }
    assert_eq!(read(&opened.levels, 9).await, expected(9));
    assert!(!is_worthwhile(&opened.levels, &horizons(9)), "a compaction of what is compacted");
    // A flush over them is newer than all of them, also when the table is opened again.
    flush(&mut opened, 0..300, 12).await;
    let flushed: Entries = (0..300).filter_map(|n| Some((key(n), val(12)?))).collect();
    assert_eq!(read(&opened.levels, 12).await, flushed);
    let opened = open(dir.path(), layout()).await;
    assert_eq!(read(&opened.levels, 12).await, flushed);
    assert!(is_worthwhile(&opened.levels, &horizons(0)));
}

#[tokio::test]
async fn levels_hold_what_was_written() {
    hold_what_was_written(false).await;
}

#[tokio::test]
async fn levels_hold_what_was_written_where_deletions_erase_history() {
    hold_what_was_written(true).await;
}

/// What several runs were merged into reached over another, which lay between them and was no input: as the merge took history
/// along, it was made as a whole. Reads did not find all rows.
#[tokio::test]
async fn a_merge_that_erases_history_takes_what_lies_between() {
    for above in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path(), layout()).await;
        let mut history = opened.table.new_history(0, 0).unwrap();
        for n in 0..50 {
            history.push(NewRow { superseded: Some(2), ..row(&key(n), 1, Some(b"old")) }).await.unwrap();
        }
        let runs = Outputs { current: vec![], history: history.finish().await.unwrap() };
        opened.table.append(runs, opened.state).await.unwrap();
        flush_to(&mut opened, above + 1, 20..30, 2, false).await;
        for first in [0, 5, 35, 40] {
            flush_to(&mut opened, above, first..first + 5, 6, true).await;
        }
        let before = read(&opened.levels, 9).await;
        assert_eq!(before.len(), 30);
        // Nothing of this has been compressed, and so nothing goes down as it is.
        let sizes = Sizes { partition: 500, compresses: true };
        let merges = |plan: &Plan| plan.above == above;
        assert!(sizes.next(&opened.levels).is_some_and(|plan| merges(&plan) && !plan.shifts));
        while let Some(plan) = sizes.next(&opened.levels).filter(merges) {
            let plan = plan.erasing(opened.levels.history().runs(), &horizons(0));
            assert!(plan.reads_history());
            carry_out(&mut opened, plan, 0).await;
            assert_eq!(read(&opened.levels, 9).await, before);
        }
    }
}

/// Flushes of random keys, and after each the compactions that are due.
async fn hold_what_was_written(deletions_erase: bool) {
    let dir = tempfile::tempdir().unwrap();
    let layout = RunLayout { partition_bytes: 600, ..layout() };
    let mut opened = open(dir.path(), layout).await;
    let sizes = Sizes { partition: 4 << 10, compresses: false };
    let mut written: Vec<Vec<u64>> = Vec::new();
    let (mut deepest, mut shifts) = (0, 0);
    for version in 1..=40u64 {
        let keys: Vec<u64> =
            (0..300).filter(|n| (n * 7919 + version * 104_729).is_multiple_of(23) || n / 60 == version % 9).collect();
        let erases = deletions_erase && val(version).is_none();
        flush_to(&mut opened, 0, keys.iter().copied(), version, erases).await;
        written.push(keys);
        if version % 5 == 0
            && let Some(plan) = sizes.next(&opened.levels).filter(|plan| !plan.shifts)
        {
            // One that is broken off, as if the process had died.
            carry_out_steps(&mut opened, plan, version.saturating_sub(10), 1).await;
        }
        while let Some(plan) = sizes.next(&opened.levels) {
            assert!(plan.to <= opened.levels.depth() && !plan.inputs.is_empty(), "{plan:?}");
            match plan.shifts {
                true => {
                    shifts += 1;
                    opened.table.shift(&plan.inputs, plan.to).await.unwrap();
                    opened.levels = opened.table.levels().clone();
                }
                false => {
                    let plan = plan.erasing(opened.levels.history().runs(), &horizons(0));
                    carry_out(&mut opened, plan, version.saturating_sub(10)).await;
                }
            }
            for runs in opened.levels.sorted() {
                assert!(!overlap(runs) && runs.is_sorted_by_key(|run| run.key_bounds().0.to_vec()), "{runs:?}");
            }
        }
        assert!(opened.levels.flushed().len() < 4);
        deepest = deepest.max(opened.levels.depth());
        if version % 8 == 0 {
            opened = open(dir.path(), layout).await;
            // What has been erased is found by none of them, or still by some.
            let at =
                if deletions_erase { vec![version] } else { vec![version.saturating_sub(10), version - 3, version] };
            for at in at {
                let newest = |n: u64| (1..=at).rev().find(|v| written[*v as usize - 1].contains(&n)).and_then(val);
                let expected: Entries = (0..300).filter_map(|n| Some((key(n), newest(n)?))).collect();
                assert_eq!(read(&opened.levels, at).await, expected, "at {at} of {version}");
            }
        }
    }
    assert!(deepest >= 3 && shifts > 0, "{deepest} levels, {shifts} moved as they were");
    let live = opened.levels.disk_bytes();
    // Nothing is kept that a later row of the same key has replaced, and no tombstone at the bottom.
    let plan = sizes.all(&opened.levels).with_history(opened.levels.history().runs(), &horizons(40));
    carry_out(&mut opened, plan, 40).await;
    let rows: u64 = opened.levels.runs().map(|run| run.statistics().rows).sum();
    assert_eq!(rows, read(&opened.levels, 40).await.len() as u64);
    assert!(opened.table.replaced_bytes() >= live);
    // What was replaced before the table is opened takes its space as well: stores that were opened often grew by it.
    opened = open(dir.path(), layout).await;
    let files = |table: &str| {
        let files = std::fs::read_dir(dir.path().join(table).join("data")).into_iter().flatten();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let current: u64 = opened.levels.all().map(|run| run.disk_bytes()).sum();
    assert!(opened.table.replaced_bytes() >= live);
    assert_eq!(opened.table.replaced_bytes(), files("kv.lance") + files("history.lance") - current);
    opened.table.clean_up(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(opened.table.replaced_bytes(), 0);
    let data = std::fs::read_dir(dir.path().join("kv.lance/data")).unwrap();
    assert_eq!(data.count(), opened.levels.runs().count(), "files of what was replaced");
}

/// Each flush became a run that nothing was ever merged with, and the table's manifest grew by it for good.
#[tokio::test]
async fn small_runs_are_merged_where_keys_ascend_or_descend() {
    for (compresses, descends) in [(true, false), (false, false), (true, true), (false, true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path(), RunLayout::new(256, Compression::Fsst)).await;
        let sizes = Sizes { partition: 1 << 20, compresses };
        let (mut written, mut flushed) = (0, 0);
        for version in 1..=64u64 {
            let n = if descends { 64 - version } else { version - 1 };
            flush(&mut opened, 10 * n..10 * n + 10, version).await;
            flushed += opened.levels.flushed()[0].statistics().rows;
            while let Some(plan) = sizes.next(&opened.levels) {
                assert!(!plan.shifts, "{plan:?}");
                written += plan.inputs.runs().map(|run| run.statistics().rows).sum::<u64>();
                // In one step.
                opened.state.journal_through = 2;
                carry_out(&mut opened, plan, 0).await;
            }
            assert!(opened.levels.runs().count() <= 3 + 5, "{:?}", opened.levels);
        }
        // Level 0 into level 1, and from 40 rows to 640 by a half each time.
        assert!(written <= 8 * flushed, "{written} rows written of {flushed}");
        let of_all: usize = (1..=64).filter(|version| val(*version).is_some()).count() * 10;
        assert_eq!(read(&opened.levels, 64).await.len(), of_all);
    }
}

#[tokio::test]
async fn runs_are_cut_by_bytes_and_by_fences_too() {
    let limits = [RunExtent { bytes: 2_000, ..RunExtent::CUT }, RunExtent { fence_bytes: 40, ..RunExtent::CUT }];
    for cut in limits {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path(), RunLayout { cut, ..layout() }).await;
        flush(&mut opened, 0..300, 1).await;
        assert!(opened.levels.runs().count() > 1, "{cut:?}");
        assert_eq!(read(&opened.levels, 1).await.len(), 300);
    }
}

#[tokio::test]
async fn more_versions_of_a_key_than_a_run_can_count_are_refused_before_any_commit() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), layout()).await;
    let mut writer = opened.table.new_passing_runs(0, 1).unwrap();
    // As many as fill a run, so that the next begins with the key that is too much for it.
    for n in 0..50 {
        writer.push(row(&key(n), 1, None)).await.unwrap();
    }
    let mut pushed = Ok(());
    for version in (1..=201).rev() {
        assert!(pushed.is_ok());
        pushed = writer.push(row(b"z", version, None)).await;
    }
    let refused = format!("{:?}", pushed.unwrap_err());
    assert!(refused.contains("200 rows"), "{refused}");
    drop(writer);
    let left = std::fs::read_dir(dir.path().join("kv.lance/data")).unwrap().count();
    assert_eq!(left, 0, "files of the refused runs");
}

/// One of level 0 came before a step that was planned, and put other runs in the place of what that was to read: the old ones
/// came back, and with them what had been deleted.
#[tokio::test]
async fn what_is_merged_as_a_whole_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path(), layout()).await;
    let mut history = opened.table.new_history(0, 0).unwrap();
    history.push(NewRow { superseded: Some(2), ..row(&key(0), 1, Some(b"old")) }).await.unwrap();
    let runs = Outputs { current: vec![], history: history.finish().await.unwrap() };
    opened.table.append(runs, opened.state).await.unwrap();
    flush_to(&mut opened, 1, 0..10, 2, true).await;
    let sizes = Sizes { partition: 1, compresses: true };
    let plan = sizes.next(&opened.levels).unwrap();
    assert_eq!((plan.above, plan.to), (1, 2));
    for version in 3..=10 {
        flush(&mut opened, 0..10, version).await;
    }
    let with_history = plan.clone().erasing(opened.levels.history().runs(), &horizons(0));
    assert!(is_urgent(&Pass::new(plan, &KeyRange::all()), &opened.levels));
    assert!(!is_urgent(&Pass::new(with_history.clone(), &KeyRange::all()), &opened.levels));
    // What nobody does any more is refused.
    let flushed = sizes.of_flushed(&opened.levels).unwrap();
    carry_out(&mut opened, flushed, 0).await;
    let stale = std::panic::AssertUnwindSafe(carry_out(&mut opened, with_history, 0));
    assert!(futures::FutureExt::catch_unwind(stale).await.is_err());
}

/// A merge of levels that were out of order wrote runs in which half of the rows could not be found.
#[tokio::test]
async fn rows_out_of_order_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), layout()).await;
    for (first, then) in [((2, 5), (1, 9)), ((2, 5), (2, 5)), ((2, 5), (2, 6))] {
        let mut writer = opened.table.new_passing_runs(0, 1).unwrap();
        writer.push(row(&key(first.0), first.1, Some(b"v"))).await.unwrap();
        let refused = writer.push(row(&key(then.0), then.1, Some(b"v"))).await.unwrap_err();
        assert!(format!("{refused:?}").contains("does not follow the one before"), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(dir.path().join("kv.lance/data")).unwrap().count(), 0, "files of the refused runs");
}
