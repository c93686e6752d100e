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
}

pub(super) fn config(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).create(false).block_bytes(512).background_optimize(false)
}

/// Writes every third key, and deletes a few.
async fn write_round(store: &LanceDatastore, round: usize) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for n in (round % 3..150).step_by(3) {
        let (key, val) = numbered(n);
        match (n + round).is_multiple_of(17) {
            true => tx.del(key.into()).await?,
            false => tx.set(key.into(), format!("round {round} {val}").into()).await?,
        }
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

/// The same store twice: closed, and as a kill leaves it.
pub(super) async fn make() -> Result<[Sample; 2]> {
    let dir = tempfile::tempdir().unwrap();
    let (mut older, mut states, mut round) = (vec![], vec![], 0);
    let merging = || config(dir.path()).create(true).memtable_bytes(4 << 10);
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
        Sample { closed: true, image: closed, older, states },
        Sample { closed: false, image: killed, older: olders, states: newest },
    ])
}

impl Sample {
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
