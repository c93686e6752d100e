//! Searches in runs of random rows, against the rows themselves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::testing::{Row, open, rows, write};
use super::*;
use crate::core::View;
use crate::memtable::MemTable;
use crate::read::{Merge, Span, Visible};
use crate::table::{History, Levels, Tags};
use kv_api::{Direction, KeyRange, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers that follow from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Keys that share long prefixes, of which some are keys too; some with versions for many blocks.
fn random_rows(random: &mut Random, prefixes: &[Vec<u8>], keys: u64, history: bool) -> Vec<Row> {
    let mut versions_of = BTreeMap::new();
    for _ in 0..keys {
        let mut key = prefixes[random.below(prefixes.len() as u64) as usize].clone();
        let length = random.below(4);
        key.extend((0..length).map(|_| [0, b'a', b'b', b'p', 255][random.below(5) as usize]));
        let versions = match random.below(60) {
            0 => 100 + random.below(60),
            1..10 => 2 + random.below(8),
            _ => 1,
        };
        versions_of.insert(key, versions);
    }
    let row = |key: &Vec<u8>, version: u64, random: &mut Random| {
        let val = (random.below(6) > 0).then(|| vec![b'v'; random.below(40) as usize]);
        let superseded = history.then(|| version * 10 + 10 + random.below(3) * random.below(100));
        (key.clone(), version * 10, val, random.below(9) == 0, superseded)
    };
    let keys = versions_of.iter().flat_map(|(key, versions)| (1..=*versions).rev().map(move |version| (key, version)));
    keys.map(|(key, version)| row(key, version, random)).collect()
}

/// The first row at or after the place of a key at a version.
fn place(rows: &[Row], key: &[u8], version: Version) -> usize {
    rows.partition_point(|(k, v, ..)| k.as_slice().cmp(key).then(version.cmp(v)).is_lt())
}

async fn check_blocks(run: &Run, expected: &[Row]) {
    assert!(rows(run).await.unwrap() == expected);
    let mut first = 0usize;
    for block in 0..run.blocks() {
        let keys = run.keys(block).await.unwrap();
        assert_eq!(run.first_row(block).unwrap(), first as u64);
        let before = first.checked_sub(1).map(|row| &expected[row].0);
        assert_eq!(keys.continues(), before == Some(&expected[first].0));
        assert!(before.is_none_or(|before| *before < run.fence(block).unwrap() || keys.continues()));
        assert!(run.fence(block).unwrap() <= expected[first].0);
        first += keys.len();
        let behind = expected.get(first).map(|row| &row.0);
        assert_eq!(keys.goes_on(), behind == Some(&expected[first - 1].0));
    }
    assert_eq!(run.first_row(run.blocks()).unwrap(), expected.len() as u64);
}

async fn check_search(run: &Run, expected: &[Row], key: &[u8], version: Version) {
    let place = place(expected, key, version);
    let block = run.block_at(key, version).unwrap();
    let (first, behind) = (run.first_row(block).unwrap() as usize, run.first_row(block + 1).unwrap() as usize);
    assert!((first..=behind).contains(&place), "row {place} is sought in {first}..={behind}");
    let found = expected.get(place).filter(|row| row.0 == key);
    let got = run.get(key, version, hash(key)).await.unwrap();
    assert!(got.clone().map(|val| val.map(|val| val.to_vec())) == found.map(|row| row.2.clone()));
    let cached = run.get_cached(key, version, hash(key));
    assert!(cached.is_none_or(|cached| cached == got));
    assert_eq!(run.exists(key, version, hash(key)).await.unwrap(), found.map(|row| row.2.is_some()));
    let newest = expected.iter().find(|row| row.0 == key).map(|row| row.1);
    assert_eq!(run.newest(key, hash(key)).await.unwrap(), newest);
    let erases = |since| expected[place..].iter().any(|row| row.0 == key && row.1 > since && row.3);
    for since in [0, version / 2] {
        assert_eq!(run.erases(key, since, version, hash(key)).await.unwrap(), erases(since));
    }
}

async fn check_scans(run: &Arc<Run>, expected: &[Row], range: &KeyRange, version: Version) {
    let mut seen: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
    for (key, ..) in expected.iter().filter(|row| range.contains(&row.0)) {
        let row = expected.get(place(expected, key, version)).filter(|row| row.0 == *key);
        let row = row.filter(|row| row.4.is_none_or(|superseded| version < superseded));
        seen.insert(key, row.and_then(|row| row.2.as_deref()));
    }
    let seen: Vec<_> = seen.into_iter().filter_map(|(key, val)| Some((key, val?))).collect();
    let levels = match run.statistics().max_superseded {
        0 => Levels::new(vec![vec![run.clone()]], History::default()),
        _ => Levels::of_history(vec![run.clone()]),
    };
    let view =
        View { active: Arc::new(MemTable::new()), frozen: vec![], levels, history_floor: 0, tags: Tags::default() };
    for (key, val) in &seen {
        assert_eq!(view.get(key, version).await.unwrap().as_deref(), Some(*val));
    }
    let span = |direction| Span {
        range: range.clone(),
        direction,
        visible: Visible::At(version),
        vals: true,
        tombstones: false,
        wanted: 0,
    };
    for direction in [Direction::Forward, Direction::Backward] {
        let mut merge = Merge::new(span(direction), None, &view);
        let mut found = Vec::new();
        while merge.advance().await.unwrap() {
            found.extend(merge.rows().unwrap().iter().map(|row| (row.key_slice(), row.val_slice())));
        }
        if direction == Direction::Backward {
            found.reverse();
        }
        assert!(found.iter().map(|(key, val)| (&**key, &**val)).eq(seen.iter().copied()), "{direction:?}");
    }
    let count = Merge::new(span(Direction::Forward), None, &view).count().await.unwrap();
    assert_eq!(count, seen.len() as u64);
    let rows = expected.iter().filter(|row| range.contains(&row.0)).count();
    assert_eq!(run.rows_in(range).await.unwrap(), rows as u64);
}

async fn check(seed: u64, prefixes: &[Vec<u8>], keys: u64, block_bytes: usize, index_budget: u64) {
    let mut random = Random(seed);
    let expected = random_rows(&mut random, prefixes, keys, seed.is_multiple_of(3));
    let dir = tempfile::tempdir().unwrap();
    let run = open(&write(dir.path(), block_bytes, &expected).await, index_budget).await.unwrap();
    let run = Arc::new(run);
    check_blocks(&run, &expected).await;
    let mut probes: Vec<Vec<u8>> = expected.iter().map(|row| row.0.clone()).collect();
    probes.dedup();
    for probe in probes.clone() {
        probes.extend([[&*probe, &[0]].concat(), [&*probe, b"a"].concat()]);
        probes.extend(probe.split_last().map(|(_, before)| before.to_vec()));
        probes.extend(probe.split_last().map(|(last, before)| [before, &[last.wrapping_add(1)]].concat()));
    }
    for probe in &probes {
        for version in [0, 5, 10 + random.below(2000), Version::MAX] {
            check_search(&run, &expected, probe, version).await;
        }
    }
    for _ in 0..20 {
        let mut bound = || bytes::Bytes::from(probes[random.below(probes.len() as u64) as usize].clone());
        let (a, b) = (bound(), bound());
        let range = KeyRange::from(a.clone().min(b.clone())..a.max(b));
        check_scans(&run, &expected, &range, 10 + random.below(1700)).await;
    }
    check_scans(&run, &expected, &KeyRange::all(), Version::MAX).await;
}

fn prefixes(length: usize) -> Vec<Vec<u8>> {
    let long = vec![b'p'; length];
    vec![vec![], b"a".to_vec(), long.clone(), [&*long, b"q"].concat(), long[..length / 2].to_vec(), vec![255; 9]]
}

#[tokio::test]
async fn searches_find_what_the_rows_say() {
    for seed in 1..=8 {
        let block_bytes = [64, 256, 1000, 64][seed as usize % 4];
        let budget = [u64::MAX, 2000][seed as usize % 2];
        check(seed, &prefixes(300), 40 + 40 * (seed % 3), block_bytes, budget).await;
    }
}

#[tokio::test]
async fn keys_of_70_000_bytes_and_of_a_mebibyte_are_searched_alike() {
    check(5, &prefixes(70_000), 14, 8 << 10, u64::MAX).await;
    check(6, &[vec![b'p'; (1 << 20) - 4], b"p".to_vec()], 4, 8 << 10, 2000).await;
}

/// A part never begins within a key but for a key of very many versions.
#[tokio::test]
async fn a_key_with_versions_for_more_blocks_than_a_part_has_is_found_at_each() {
    let key = vec![b'k'; 100];
    let row = |version| (key.clone(), version, Some(b"v".to_vec()), false, None);
    let mut expected = vec![(b"a".to_vec(), 1, None, false, None)];
    expected.extend((1..=1500).rev().map(row));
    expected.push((b"z".to_vec(), 1, None, false, None));
    let dir = tempfile::tempdir().unwrap();
    let run = open(&write(dir.path(), 64, &expected).await, 0).await.unwrap();
    assert!(run.index.encoded_parts().unwrap().len() > 2);
    check_blocks(&run, &expected).await;
    for version in (0..1600).step_by(7) {
        check_search(&run, &expected, &key, version).await;
    }
}

#[tokio::test]
async fn blocks_of_even_rows_are_as_many_rows_as_lance_compresses_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    for (val_bytes, expected) in [(100, 32), (20, 128), (1000, 4), (5000, 1)] {
        let row = |n: u32| (format!("{n:016}").into_bytes(), 1, Some(vec![b'v'; val_bytes]), false, None);
        let all: Vec<Row> = (0..1000).map(row).collect();
        let run = open(&write(dir.path(), 4096, &all).await, 1 << 20).await.unwrap();
        for block in 0..run.blocks() - 1 {
            assert_eq!(run.keys(block).await.unwrap().len(), expected, "block {block}, values of {val_bytes} bytes");
        }
    }
}
