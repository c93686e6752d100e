//! Why the adapter for fjall writes something whenever it opens: `cargo run --example fjall_collection`, without the adapter.
//!
//! A database that holds nothing begins with the sequence number 0 when it is opened again, and so does its first snapshot.
//! `SnapshotTracker::gc` of fjall takes 0 for "none seen yet" while it looks for the lowest snapshot that is open, and so can forget the
//! others: those that its hash map lists before that one. What they read is dropped, and their next read panics.

use fjall::{KeyspaceCreateOptions, OptimisticTxDatabase, Readable};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

/// Whether a snapshot that is taken after `before` writes can still be read once others, `after` at a time, were flushed.
fn readable(before: u32, after: u32, beside_an_empty_one: bool) -> Result<bool, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let open = || {
        let db = OptimisticTxDatabase::builder(dir.path()).open()?;
        db.keyspace("data", KeyspaceCreateOptions::default).map(|keyspace| (db, keyspace))
    };
    drop(open()?);
    let (db, keyspace) = open()?;
    let _empty = beside_an_empty_one.then(|| db.read_tx());
    let write = |times| (0..times).try_for_each(|_| keyspace.insert("key", "val"));
    write(before)?;
    let snapshot = db.read_tx();
    for _ in 0..3 {
        write(after)?;
        // The newest that a collection sees.
        drop(db.read_tx());
        keyspace.inner().rotate_memtable_and_wait()?;
    }
    Ok(catch_unwind(AssertUnwindSafe(|| snapshot.get(&keyspace, "key"))).is_ok())
}

fn main() -> Result<(), Box<dyn Error>> {
    set_hook(Box::new(|_| {}));
    for beside_an_empty_one in [false, true] {
        let mut read = 0;
        for (before, after) in (1..=10).flat_map(|before| (1..=10).map(move |after| (before, after))) {
            read += u32::from(readable(before, after, beside_an_empty_one)?);
        }
        println!("beside a snapshot of nothing: {beside_an_empty_one}; {read} of 100 other snapshots could be read");
    }
    Ok(())
}
