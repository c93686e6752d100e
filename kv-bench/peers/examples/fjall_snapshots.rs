//! Why the adapter for fjall takes its snapshots between commits: `cargo run --example fjall_snapshots`, without the adapter.
//!
//! One thread moves a value from key to key, so that a snapshot always holds exactly one; another one compacts. A compaction (and a
//! flush) takes a sequence number and makes everything below it visible (`upgrade_version` in lsm-tree), also the batch that a commit
//! is just applying: a snapshot taken then sees a part of it, and the rest later.

use fjall::{KeyspaceCreateOptions, OptimisticTxDatabase, Readable};
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const KEYS: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let db = OptimisticTxDatabase::builder(dir.path()).open()?;
    let keyspace = db.keyspace("data", KeyspaceCreateOptions::default)?;
    let moved = |from: u32, to: u32| -> Result<(), fjall::Error> {
        let mut tx = db.write_tx()?.durability(None);
        // What is written beside it makes the batch take longer.
        for other in 0..KEYS {
            tx.insert(&keyspace, format!("other{other}"), "");
        }
        tx.remove(&keyspace, format!("key{from}"));
        tx.insert(&keyspace, format!("key{to}"), "");
        tx.commit()?.map_err(|_| fjall::Error::Poisoned)
    };
    moved(0, 1)?;
    let (stop, snapshots, torn) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for n in 1.. {
                if stop.load(Ordering::Relaxed) || moved(n % KEYS, (n + 1) % KEYS).is_err() {
                    break;
                }
            }
        });
        threads.spawn(|| {
            while !stop.load(Ordering::Relaxed) && keyspace.inner().rotate_memtable_and_wait().is_ok() {
                let _ = keyspace.inner().major_compact();
            }
        });
        while started.elapsed() < Duration::from_secs(20) {
            let found = db.read_tx().prefix(&keyspace, "key").count();
            snapshots.fetch_add(1, Ordering::Relaxed);
            torn.fetch_add(usize::from(found != 1), Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!("{} of {} snapshots did not hold exactly one value", torn.into_inner(), snapshots.into_inner());
    Ok(())
}
