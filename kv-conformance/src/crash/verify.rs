//! Looks at everything in a store that was opened after a crash.

use super::client::counted;
use super::expected::{Expected, Follower, shown};
use super::ledger::Ledger;
use super::plan::{CLIENTS, SLOTS, own_key};
use crate::case::Random;
use crate::fixture::{Failure, Verdict};
use kv_api::{Datastore, Direction, Error, Key, KeyRange, ScanLimit, Transactable, TransactionOptions, Val, Version};
use std::ops::ControlFlow;

const ALL: ScanLimit = ScanLimit::Count(u32::MAX);

/// How many versions are read.
const VERSIONS: usize = 8;

/// What a verification needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) seed: u64,
    /// Whether versions are kept at all.
    pub(super) versions: bool,
    /// Whether old ones may be refused.
    pub(super) prunes: bool,
}

/// Looks at the newest state, then at states of the past; how many of those there were.
pub(super) async fn verify(
    db: &dyn Datastore,
    scope: Scope,
    ledger: &mut Ledger,
    random: &mut Random,
) -> Result<u64, Failure> {
    let tx = db.begin(TransactionOptions::read()).await?;
    let counters = counters(&*tx, None).await?;
    for (client, n) in counters.into_iter().enumerate() {
        ledger.found(client, n).map_err(Failure::new)?;
    }
    let expected = Follower::new(scope.seed).expect(counters);
    compare(&*tx, scope.seed, None, &expected).await?;
    agree(&*tx, None, &expected.keys(), random).await?;
    if !scope.versions {
        return Ok(0);
    }
    let mut past = Follower::new(scope.seed);
    let mut read = 0;
    for version in sample(&ledger.versions(), random) {
        match look_back(&*tx, scope.seed, version, ledger, &mut past, random).await {
            Ok(()) => read += 1,
            // Also in the middle: only the version that a transaction began with is kept for it.
            Err(_) if scope.prunes && is_pruned(&*tx, version).await => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(read)
}

/// Looks at the state at a version, which is not before that of the last look.
async fn look_back(
    tx: &dyn Transactable,
    seed: u64,
    version: Version,
    ledger: &Ledger,
    past: &mut Follower,
    random: &mut Random,
) -> Verdict {
    let counters = counters(tx, Some(version)).await?;
    ledger.check_at(version, counters).map_err(Failure::new)?;
    let expected = past.expect(counters);
    compare(tx, seed, Some(version), &expected).await?;
    if random.chance(10) {
        agree(tx, Some(version), &expected.keys(), random).await?;
    }
    Ok(())
}

/// Whether a version is refused because the store has forgotten it.
async fn is_pruned(tx: &dyn Transactable, version: Version) -> bool {
    matches!(tx.exists(b"", Some(version)).await, Err(Error::VersionNotRetained { .. }))
}

/// Some of these versions, and some that are one less, ascending.
fn sample(known: &[Version], random: &mut Random) -> Vec<Version> {
    let mut versions: Vec<Version> = (0..VERSIONS)
        .filter_map(|_| {
            let version = *known.get(random.below(known.len()))?;
            Some(if random.chance(30) { version - 1 } else { version })
        })
        .chain(known.last().copied())
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

async fn counters(tx: &dyn Transactable, version: Option<Version>) -> Result<[u64; CLIENTS], Failure> {
    let mut counters = [0; CLIENTS];
    for (client, counter) in counters.iter_mut().enumerate() {
        *counter = counted(tx, client, version).await.map_err(Failure::new)?;
    }
    Ok(counters)
}

/// The rows are what the clients have written, all of it and nothing else.
async fn compare(tx: &dyn Transactable, seed: u64, version: Option<Version>, expected: &Expected) -> Verdict {
    let rows = tx.scan(KeyRange::all(), ALL, 0, version).await?;
    // A transaction that was begun after an erasure does not see what came before it.
    let compared = expected.compare(seed, &rows, version.is_none());
    compared.map_err(|what| Failure::new(format!("{}: {what}", named(version))))
}

/// Every way to read gives the same.
async fn agree(tx: &dyn Transactable, version: Option<Version>, keys: &[Key], random: &mut Random) -> Verdict {
    let at = named(version);
    let rows = tx.scan(KeyRange::all(), ALL, 0, version).await?;
    let only: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
    let mut backward = tx.scanr(KeyRange::all(), ALL, 0, version).await?;
    backward.reverse();
    same(&at, "a scan backwards", &rows, &backward)?;
    assert_eq!(tx.keys(KeyRange::all(), ALL, 0, version).await?, only, "{at}: keys");
    let mut keys_backward = tx.keysr(KeyRange::all(), ALL, 0, version).await?;
    keys_backward.reverse();
    assert_eq!(keys_backward, only, "{at}: keys backwards");
    assert_eq!(tx.count(KeyRange::all(), version).await?, rows.len() as u64, "{at}: the count");
    same(&at, "pages", &rows, &pages(tx, version, 1 + random.below(50) as u32).await?)?;
    let mut visited = visit(tx, Direction::Backward, version).await?;
    visited.reverse();
    same(&at, "a visit backwards", &rows, &visited)?;
    same(&at, "a visit", &rows, &visit(tx, Direction::Forward, version).await?)?;
    for _ in 0..8 {
        let end = |random: &mut Random| own_key(random.below(CLIENTS), random.below(SLOTS));
        let range = KeyRange::from(end(random)..end(random));
        let inside = rows.iter().filter(|(key, _)| range.contains(key)).count();
        assert_eq!(tx.count(range.clone(), version).await?, inside as u64, "{at}: the count of {range:?}");
    }
    let missing = (0..CLIENTS).flat_map(|client| (0..SLOTS).map(move |slot| own_key(client, slot)));
    for key in keys.iter().cloned().chain(missing.step_by(7)) {
        let scanned = rows.binary_search_by(|(other, _)| other.cmp(&key)).ok().and_then(|found| rows.get(found));
        let scanned = scanned.map(|(_, val)| val.clone());
        let got = tx.get(&key, version).await?;
        if got != scanned || tx.exists(&key, version).await? != scanned.is_some() {
            return Err(Failure::new(format!(
                "{at}: a get of {key:?} gives {} and a scan {}",
                shown(got.as_ref()),
                shown(scanned.as_ref())
            )));
        }
    }
    Ok(())
}

fn same(at: &str, what: &str, rows: &[(Key, Val)], others: &[(Key, Val)]) -> Verdict {
    match rows == others {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "{at}: {what} gives {} rows that are not the {} of a scan",
            others.len(),
            rows.len()
        ))),
    }
}

async fn pages(tx: &dyn Transactable, version: Option<Version>, size: u32) -> Result<Vec<(Key, Val)>, Failure> {
    let mut rows = Vec::new();
    let mut rest = Some(KeyRange::all());
    while let Some(range) = rest {
        let page = tx.batch_keys_vals(range, size, version).await?;
        rows.extend(page.items);
        rest = page.next;
    }
    Ok(rows)
}

async fn visit(
    tx: &dyn Transactable,
    direction: Direction,
    version: Option<Version>,
) -> Result<Vec<(Key, Val)>, Failure> {
    let mut rows = Vec::new();
    tx.visit(KeyRange::all(), direction, version, true, &mut |key, val| {
        rows.push((Key::copy_from_slice(key), Val::copy_from_slice(val)));
        ControlFlow::Continue(())
    })
    .await?;
    Ok(rows)
}

fn named(version: Option<Version>) -> String {
    version.map_or_else(|| "after the crash".into(), |version| format!("after the crash, at version {version}"))
}
