//! What lies in runs and memtables by its keys comes by its versions, whatever the budget.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::config::LanceConfig;
use crate::core::{Background, Frozen};
use crate::table::testing::{Row, open, write};
use crate::table::{History, Levels, Run, Tags};
use crate::write::Write;
use kv_api::Error;
use std::collections::BTreeMap;
use std::path::Path;

/// Commits by version: keys, and values; `None` is a deletion.
type Commits = BTreeMap<Version, Written>;

/// Keys, and what a commit left there.
type Written = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Of every third version, some random keys.
fn commits(versions: Version) -> Commits {
    let mut state = 7u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut of_version = |version: Version| {
        let keys: BTreeMap<_, _> = (0..1 + random(if version.is_multiple_of(60) { 90 } else { 6 }))
            .map(|_| {
                let val = (random(5) > 0).then(|| vec![version as u8; random(40) as usize]);
                (format!("key{:03}", random(200)).into_bytes(), val)
            })
            .collect();
        (version, keys.into_iter().collect())
    };
    (1..=versions).map(|n| of_version(3 * n)).collect()
}

/// A run of the commits that are told by their versions.
async fn run(dir: &Path, commits: &Commits, history: bool, is_of: impl Fn(Version, &[u8]) -> bool) -> Arc<Run> {
    let of_commit = |(version, rows): (&Version, &Written)| {
        let superseded = history.then_some(version + 1);
        let rows = rows.iter().filter(|(key, _)| is_of(*version, key));
        rows.map(|(key, val)| (key.clone(), *version, val.clone(), false, superseded)).collect::<Vec<Row>>()
    };
    let mut rows: Vec<Row> = commits.iter().flat_map(of_commit).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    Arc::new(open(&write(dir, 128, &rows).await, u64::MAX).await.unwrap())
}

fn memtable(commits: &Commits, versions: std::ops::RangeInclusive<Version>) -> Arc<MemTable> {
    let memtable = MemTable::new();
    for (version, rows) in commits.range(versions) {
        for (key, val) in rows {
            memtable.insert(key.clone().into(), *version, Write { val: val.clone().map(Into::into), erases: false });
        }
    }
    Arc::new(memtable)
}

/// A store of two runs on levels, two of history with rows of the same versions, one row of which is twice there, and two
/// memtables; visible up to `visible`.
async fn core(dir: &Path, commits: &Commits, visible: Version) -> Arc<Core> {
    let in_run =
        |number: u64| move |version: Version, key: &[u8]| version <= 900 && (version + key[5] as u64) % 4 == number;
    let levels = vec![
        vec![run(dir, commits, false, in_run(0)).await],
        vec![run(dir, commits, false, |version, key| in_run(1)(version, key) || version == 600).await],
    ];
    let history = vec![run(dir, commits, true, in_run(2)).await, run(dir, commits, true, in_run(3)).await];
    let view = View {
        active: memtable(commits, 1051..=Version::MAX),
        frozen: vec![Arc::new(Frozen { memtable: memtable(commits, 901..=1050), journal_through: 1 })],
        levels: Levels::new(levels, History::new(history)),
        history_floor: 2,
        tags: Tags::default(),
    };
    let background = Background::new(tokio::sync::mpsc::unbounded_channel().0, 0);
    Arc::new(Core::new(LanceConfig::new(dir), view, visible, background))
}

/// All that comes after a version, and in how many batches.
async fn all(core: &Arc<Core>, range: &KeyRange, since: Version, budget: Budget) -> (Commits, usize) {
    let (mut position, mut backlog, mut found, mut batches) = (since, None, Commits::new(), 0);
    while position < core.snapshots.visible() {
        let caught = next(core.clone(), range.clone(), (position, Version::MAX), backlog.take(), budget).await.unwrap();
        assert!(caught.until > position, "{} after {position}", caught.until);
        assert!(caught.rows.is_sorted_by(|a, b| (a.version, &a.key) < (b.version, &b.key)), "in order, and each once");
        for Change { version, key, val } in &caught.rows {
            assert!(position < *version && *version <= caught.until);
            found.entry(*version).or_default().push((key.to_vec(), val.as_ref().map(|val| val.to_vec())));
        }
        (position, backlog, batches) = (caught.until, caught.backlog, batches + 1);
    }
    (found, batches)
}

#[tokio::test]
async fn commits_come_in_order_and_whole_whatever_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let commits = commits(400);
    // The last commits are not visible yet.
    let core = core(dir.path(), &commits, 1190).await;
    let mut passes = 0;
    for (places, batch_rows, batch_bytes) in
        [(1 << 20, 1 << 20, 1 << 30), (1, 1, 1), (50, 9, 2000), (300, 1000, 5000), (1000, 64, 1 << 20)]
    {
        let budget = Budget { batch_bytes, batch_rows, places };
        for (range, since) in [
            (KeyRange::all(), 2),
            (KeyRange::all(), 601),
            (KeyRange::from("key050".."key100"), 2),
            (KeyRange::from("x"..), 2),
            (KeyRange::from("b".."a"), 2),
            (KeyRange::all(), 1001),
        ] {
            let mut expected = commits.range(since + 1..=1190).map(|(v, rows)| (*v, rows.clone())).collect::<Commits>();
            expected.values_mut().for_each(|rows| rows.retain(|(key, _)| range.contains(key)));
            expected.retain(|_, rows| !rows.is_empty());
            let (found, batches) = all(&core, &range, since, budget).await;
            assert_eq!(found, expected, "{budget:?} {range:?} {since}");
            let now = core.feeds.passes.load(Ordering::Relaxed);
            match (places, since) {
                (1048576, 2) => assert_eq!((now - passes, batches), (1, 3), "one of the runs, one of each memtable"),
                (1000, 2) if range == KeyRange::all() => {
                    let rows: usize = commits.range(..=900).map(|(_, rows)| rows.len()).sum();
                    let most = rows.div_ceil(900) as u64 + 1;
                    assert!((2..=most).contains(&(now - passes)), "{} passes for {rows} rows", now - passes);
                }
                _ => {}
            }
            passes = now;
        }
    }
    let lost = next(core, KeyRange::all(), (1, Version::MAX), None, Budget::USUAL).await.err();
    assert!(matches!(lost, Some(Error::VersionNotRetained { requested: 1, oldest: 2 })), "{lost:?}");
}

/// What a pass has found is used for as long as its runs are there.
#[tokio::test]
async fn a_backlog_is_not_used_once_its_runs_have_been_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let commits = commits(400);
    let core = core(dir.path(), &commits, 1200).await;
    let budget = Budget { batch_bytes: 1 << 20, batch_rows: 100, ..Budget::USUAL };
    let first = next(core.clone(), KeyRange::all(), (2, Version::MAX), None, budget).await.unwrap();
    let second = next(core.clone(), KeyRange::all(), (first.until, Version::MAX), first.backlog, budget).await.unwrap();
    assert_eq!(core.feeds.passes.load(Ordering::Relaxed), 1);
    let all_in_one = run(dir.path(), &commits, false, |version, _| version <= 900).await;
    // A reader has them still.
    let _held = core.views.load();
    core.views.edit(|view| view.levels = Levels::new(vec![vec![all_in_one]], History::default()));
    let third =
        next(core.clone(), KeyRange::all(), (second.until, Version::MAX), second.backlog, budget).await.unwrap();
    assert_eq!(core.feeds.passes.load(Ordering::Relaxed), 2);
    assert_eq!(third.rows.first().map(|row| row.version), commits.range(second.until + 1..).next().map(|(v, _)| *v));
}
