//! Faults that no checksum tells: files that are intact and say what cannot be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::run::testing::{Row, open, write};
use super::*;

/// Rows of keys and versions; `Some` is when a row of history was superseded.
fn rows(rows: &[(&str, u64, Option<u64>)]) -> Vec<Row> {
    let row = |(key, version, superseded): &(&str, u64, Option<u64>)| {
        (key.as_bytes().to_vec(), *version, Some(b"val".to_vec()), false, *superseded)
    };
    rows.iter().map(row).collect()
}

async fn run(dir: &Path, of: &[(&str, u64, Option<u64>)]) -> Arc<Run> {
    Arc::new(open(&write(dir, 64, &rows(of)).await, u64::MAX).await.unwrap())
}

/// What is wrong with runs, by level, and with one of history.
async fn wrong(levels: &[&[&[(&str, u64)]]], history: &[(&str, u64, Option<u64>)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Vec::new();
    for level in levels {
        let mut runs = Vec::new();
        for of in *level {
            let of: Vec<_> = of.iter().map(|(key, version)| (*key, *version, None)).collect();
            runs.push(run(dir.path(), &of).await);
        }
        opened.push(runs);
    }
    let history = if history.is_empty() { vec![] } else { vec![run(dir.path(), history).await] };
    let found = precedence::check(&Levels::new(opened, History::new(history)), dir.path()).await;
    found.err().map_or_else(String::new, |e| e.to_string())
}

#[tokio::test]
async fn runs_must_agree_with_each_other() {
    let history = [("a", 1, Some(3)), ("c", 2, Some(4))];
    let sound: [&[&[(&str, u64)]]; 3] = [
        &[&[("a", 9), ("b", 9)], &[("b", 8)]],
        &[&[("a", 3), ("b", 3)], &[("c", 4), ("d", 1)]],
        &[&[("a", 2), ("d", 1)]],
    ];
    assert_eq!(wrong(&sound, &history).await, "");
    // A compaction that was broken off has left its rows on the lower level, and those that it read on the upper one.
    let newest: &[(&str, u64)] = &[("a", 9)];
    let older: &[(&str, u64)] = &[("a", 5), ("b", 4)];
    assert_eq!(wrong(&[&[newest, older], &[newest]], &[]).await, "");
    assert!(wrong(&[&[older], &[newest]], &[]).await.contains("newer than those of"));
    assert!(wrong(&[&[older, newest], &[newest]], &[]).await.contains("newer than those of"));
    let common: &[&[(&str, u64)]] = &[&[("a", 3), ("c", 3)], &[("c", 2)]];
    assert!(wrong(&[&[], common], &[]).await.contains("keys in common"));
    for levels in [[&[("b", 1)], &[("b", 2)]], [&[("x", 7)], &[("x", 9)]]] {
        assert!(wrong(&[&[levels[0]], &[levels[1]]], &[]).await.contains("newer than those of"), "{levels:?}");
        assert!(wrong(&[&[levels[0], levels[1]]], &[]).await.contains("newer than those of"), "{levels:?}");
    }
    for row in [("c", 2, Some(5)), ("c", 5, Some(6))] {
        assert!(wrong(&sound, &[row]).await.contains("newer than the newest"), "{row:?}");
    }
    // What was deleted has history alone.
    assert_eq!(wrong(&sound, &[("z", 5, Some(90))]).await, "");
}

#[tokio::test]
async fn the_rows_of_a_run_must_be_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..50).map(|n| format!("key{n:03}")).collect();
    let many: Vec<_> = many.iter().flat_map(|key| [(key.as_str(), 9, None), (key.as_str(), 4, None)]).collect();
    let found = run(dir.path(), &many).await;
    assert!(found.blocks() > 3);
    assert_eq!(found.verify(false).await.len(), 0);
    assert!(!found.verify(true).await.is_empty(), "it is no run of history");
    for place in [1, 40, 98] {
        let mut wrong = many.clone();
        wrong.swap(place, place + 1);
        assert!(!run(dir.path(), &wrong).await.verify(false).await.is_empty(), "{place}");
    }
    let history = run(dir.path(), &[("a", 1, Some(1))]).await;
    assert!(!history.verify(true).await.is_empty(), "superseded by itself");
    let deletion = |superseded| [(b"a".to_vec(), 2, None, false, Some(superseded))];
    for (superseded, is_sound) in [(1, false), (2, true), (3, true)] {
        let history = open(&write(dir.path(), 64, &deletion(superseded)).await, u64::MAX).await.unwrap();
        assert_eq!(history.verify(true).await.is_empty(), is_sound, "a deletion superseded at {superseded}");
    }
}
