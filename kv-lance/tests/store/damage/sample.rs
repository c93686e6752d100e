//! A store with something of everything: several segments, runs on several levels, history, older manifests.

use super::super::*;
use super::image::Image;
use std::path::Path;
use std::time::{Duration, Instant};

/// A store's files, and what has to be read from them.
pub(super) struct Sample {
    /// As a shutdown leaves it, or as a kill does.
    pub(super) closed: bool,
    pub(super) image: Image,
    /// As the files were before.
    pub(super) older: Vec<Image>,
    /// What the store held at some versions; that of the newest comes last.
    pub(super) states: Vec<(Version, Rows)>,
    /// How often it was written to.
    rounds: usize,
}

pub(super) fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).create(false).block_bytes(512).background_optimize(false)
}

/// What a round writes of a key: a deletion where there is no value.
fn row(round: usize, number: usize) -> Option<(String, Option<String>)> {
    let (key, val) = numbered(number);
    let val = (!(number + round).is_multiple_of(17)).then(|| format!("round {round} {val}"));
    (number < 150 && number % 3 == round % 3).then_some((key, val))
}

/// Writes every third key, and deletes a few.
async fn write_round(store: &LanceDatastore, round: usize) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in (0..150).filter_map(|number| row(round, number)) {
        match val {
            None => tx.del(key.into()).await?,
            Some(val) => tx.set(key.into(), val.into()).await?,
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

/// The same store twice: closed, and as a kill leaves it.
pub(super) async fn make() -> Result<[Sample; 2]> {
    let dir = tempfile::tempdir().unwrap();
    let (mut older, mut states, mut round) = (vec![], vec![], 0);
    let merging = || config(dir.path()).create(true).memtable_bytes(4 << 10).partition_bytes(4 << 10);
    let store = open(merging().background_optimize(true)).await?;
    let began = Instant::now();
    while figure(&store, "levels") < 3 || figure(&store, "history_runs") < 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", store.statistics());
        let version = write_round(&store, round).await?;
        store.flush().await?;
        if round == 5 {
            states.push((version, all(&store, None).await?));
        }
        round += 1;
    }
    store.shutdown().await?;
    drop(store);
    for _ in 0..2 {
        let store = open(config(dir.path())).await?;
        write_round(&store, round).await?;
        store.flush().await?;
        older.push(Image::take(dir.path()));
        store.shutdown().await?;
        round += 1;
    }
    for _ in 0..3 {
        let store = open(config(dir.path())).await?;
        for _ in 0..2 {
            write_round(&store, round).await?;
            round += 1;
        }
        older.push(Image::take(dir.path()));
        store.shutdown().await?;
    }
    let store = open(config(dir.path())).await?;
    for _ in 0..3 {
        let version = write_round(&store, round).await?;
        states.push((version, all(&store, None).await?));
        older.push(Image::take(dir.path()));
        round += 1;
    }
    let killed = older.pop().unwrap();
    let (olders, newest) = (older.clone(), states.clone());
    store.shutdown().await?;
    drop(store);
    let closed = Image::take(dir.path());
    older.push(killed.clone());
    Ok([
        Sample { closed: true, image: closed, older, states, rounds: round },
        Sample { closed: false, image: killed, older: olders, states: newest, rounds: round },
    ])
}

impl Sample {
    /// Whether a key has ever had this value.
    pub(super) fn was_written(&self, key: &str, val: &str) -> bool {
        let number = key.strip_prefix("key").and_then(|number| number.parse().ok());
        let round = val.strip_prefix("round ").and_then(|val| val.split(' ').next()?.parse().ok());
        number.zip(round).is_some_and(|(number, round)| {
            round < self.rounds && row(round, number) == Some((key.into(), Some(val.into())))
        })
    }

    /// Reads everything in every way; what is wrong is said, what is refused is an error.
    pub(super) async fn read(&self, dir: &Path) -> Result<Result<(), String>> {
        let store = open(config(dir)).await?;
        let read = self.read_all(&store).await;
        let closed = store.shutdown().await;
        let right = read?;
        closed?;
        Ok(right)
    }

    async fn read_all(&self, store: &LanceDatastore) -> Result<Result<(), String>> {
        let (newest, rows) = self.states.last().unwrap();
        let reads = self.states.iter().map(|(version, rows)| (Some(*version), rows)).chain([(None, rows)]);
        for (version, rows) in reads {
            let found = all(store, version).await?;
            if found != *rows {
                return Ok(Err(format!("at {version:?} there are {} rows instead of {}", found.len(), rows.len())));
            }
        }
        match store.current_version().await? {
            found if found == *newest => Ok(Ok(())),
            found => Ok(Err(format!("the newest version is {found} instead of {newest}"))),
        }
    }
}
