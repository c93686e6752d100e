//! Each operation on the files fails once: the store says so or goes on, and nothing is lost.
//!
//! Of each kind of operation on each kind of file some fail, in one of the ways in which that can; of
//! writes three times as many. `KV_LANCE_FAILURES` says how many. Default = 1.

use super::super::*;
use super::disk::{Disk, Schedule};
use super::failure::{Access, Failure, Kind};
use super::image::Loss;
use super::script::{config, state, writes};
use kv_api::ErrorKind;
use kv_lance::Durability;
use std::collections::BTreeMap;
use std::sync::Arc;

const COMMITS: u64 = 40;

/// A store whose disk fails once.
struct Trial {
    disk: Arc<Disk>,
    dir: std::path::PathBuf,
    /// Commits that are in the store.
    there: u64,
    /// How often the store answered an error.
    errors: usize,
    /// Whether the store is opened again once the failure has come, before a flush makes up for what is lost.
    look: bool,
}

impl Trial {
    async fn open(&self) -> Result<LanceDatastore> {
        open(config(&self.dir, Durability::Immediate).files(self.disk.files())).await
    }

    /// Opens it once more, however often it takes while the failure is still to come: twice.
    async fn open_again(&mut self, begun: u64) -> std::result::Result<LanceDatastore, String> {
        let store = match self.open().await {
            Ok(store) => store,
            Err(e) => {
                self.named(&e)?;
                self.open().await.map_err(|e| format!("it does not open: {e}"))?
            }
        };
        let found = match all(&store, None).await {
            Ok(found) => found,
            Err(e) => {
                self.named(&e)?;
                all(&store, None).await.map_err(|e| format!("it cannot be read: {e}"))?
            }
        };
        let count = found.iter().find(|(key, _)| key == "n").map_or(0, |(_, val)| val.parse().unwrap_or(u64::MAX));
        if !(self.there..=begun).contains(&count) || found != state(count) {
            return Err(format!("{} were acknowledged, {begun} begun, and it holds {count}", self.there));
        }
        self.there = count;
        Ok(store)
    }

    async fn run(&mut self) -> std::result::Result<(), String> {
        let mut store = self.open_again(0).await?;
        while self.there < COMMITS {
            let i = self.there + 1;
            let writes = writes(i);
            let rows: Vec<(&str, &str)> = writes.iter().map(|(key, val)| (key.as_str(), val.as_str())).collect();
            match write(&store, &rows).await {
                Ok(_) => {
                    self.there = i;
                    if self.look && !self.disk.failed.lock().unwrap().is_empty() {
                        self.look = false;
                        drop(store);
                        store = self.open_again(i).await?;
                    }
                }
                Err(e) => {
                    self.named(&e)?;
                    // Refused, and tried again; else it says that the store has to be opened again.
                    let again = if e.kind() == ErrorKind::Io { write(&store, &rows).await.is_ok() } else { false };
                    if again {
                        self.there = i;
                    } else {
                        drop(store);
                        store = self.open_again(i).await?;
                    }
                    continue;
                }
            }
            let done = match i % 13 {
                4 => store.flush().await,
                8 => store.compact().await,
                11 => {
                    let closed = store.shutdown().await;
                    drop(store);
                    store = self.open_again(i).await?;
                    closed
                }
                _ => Ok(()),
            };
            if let Err(e) = done {
                self.named(&e)?;
                drop(store);
                store = self.open_again(i).await?;
            }
        }
        drop(store);
        self.open_again(COMMITS).await.map(drop)
    }

    /// Whether the error says what failed: a file, or that the store has to be opened again.
    fn named(&mut self, error: &kv_api::Error) -> std::result::Result<(), String> {
        self.errors += 1;
        let text = error.to_string();
        let names = ["/store", "opened again", "unknown"].iter().any(|part| text.contains(part));
        if names { Ok(()) } else { Err(format!("the error names nothing: {text}")) }
    }
}

/// How a trial went.
struct Ended {
    /// What is wrong, if anything is.
    outcome: std::result::Result<(), String>,
    operations: BTreeMap<String, (Access, u64)>,
    /// Whether the failure came: what is done in the background is not the same each time.
    failed: bool,
}

async fn trial(failure: Option<Failure>, look: bool) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let schedule = Schedule { others: 0, syncs: 0, seed: 0, losses: &Loss::ALL };
    let only_time = failure.as_ref().is_none_or(|failure| failure.kind == Kind::Slow);
    let disk = Disk::new(&root, &root.join("images"), schedule, None, failure);
    let mut trial = Trial { disk: disk.clone(), dir: root.join("store"), there: 0, errors: 0, look };
    let mut ended = trial.run().await;
    let failed = disk.failed.lock().unwrap().clone();
    if only_time && trial.errors > 0 {
        ended = ended.and(Err("nothing but time was lost, and the store answered an error".into()));
    }
    let outcome = ended.map_err(|what| format!("{what}; failed: {:?}", failed.first()));
    Ended { outcome, operations: disk.operations(), failed: !failed.is_empty() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_may_fail_once_and_nothing_is_lost() {
    let tried: usize = std::env::var("KV_LANCE_FAILURES").map_or(1, |text| text.parse().unwrap());
    let Ended { outcome, operations, .. } = trial(None, false).await;
    assert_eq!(outcome, Ok(()));
    let (mut trials, mut failed, mut wrong) = (0, 0, vec![]);
    for (number, (of, (access, count))) in operations.iter().enumerate() {
        let writes = *access == Access::Write;
        for n in 0..tried * if writes { 3 } else { 1 } {
            // Where each is tried once, another way for each.
            let kinds = Kind::of(*access);
            let kind = kinds[if writes { n } else { number + n } % kinds.len()];
            // Some that come late do not come each time.
            let at = (number as u64 * 31 + n as u64 * 17) % (count * 3 / 4).max(1);
            let failure = Failure { of: of.clone(), at, kind };
            let look = if writes { n } else { number } % 2 == 0;
            let ended = trial(Some(failure.clone()), look).await;
            trials += 1;
            failed += usize::from(ended.failed);
            if let Err(what) = ended.outcome {
                wrong.push(format!("{failure:?}: {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(failed * 10 >= trials * 9, "of {trials} failures only {failed} came");
    eprintln!("{failed} failures among {} kinds of operations", operations.len());
}
