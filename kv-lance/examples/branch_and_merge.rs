//! A branch of a store, worked on apart and merged back: three-way, by hand, with a difference and conditional writes.
//!
//! `cargo run --features kv-lance/cli,kv-lance/metrics --example branch_and_merge`

use futures::TryStreamExt;
use kv_api::{Datastore, Error, Key, KeyRange, Result, Transactable, TransactionOptions, Version};
use kv_lance::{LanceConfig, LanceDatastore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let main = LanceDatastore::open(LanceConfig::new(dir.path().join("main"))).await?;
    commit(&main, &[("doc/a", Some("one")), ("doc/b", Some("two")), ("doc/c", Some("three"))]).await?;

    // The branch has the same files, however large they are, and is a store of its own.
    let base = main.make_branch(dir.path().join("branch"), None).await?;
    let branch = LanceDatastore::open(LanceConfig::new(dir.path().join("branch"))).await?;

    // Both go on.
    commit(&main, &[("doc/a", Some("one, by main")), ("doc/d", Some("new on main"))]).await?;
    let changes = [("doc/a", Some("one, by branch")), ("doc/b", Some("two, by branch")), ("doc/c", None)];
    commit(&branch, &changes).await?;

    // What differs now is what either has changed; what the branch has changed is what it has otherwise than at its beginning.
    let differing: Vec<_> = main.diff_with(&branch, KeyRange::all())?.try_collect().await?;
    assert_eq!(differing.len(), 4);
    let merged = merge(&branch, base, &main).await?;
    println!("merged {} changes; in conflict: {:?}", merged.applied, merged.conflicts);
    assert_eq!((merged.applied, &merged.conflicts[..]), (2, &[Key::from("doc/a")][..]));

    let tx = main.begin(TransactionOptions::read()).await?;
    let docs = tx.getr(KeyRange::prefix("doc/"), None).await?;
    let expected = [("doc/a", "one, by main"), ("doc/b", "two, by branch"), ("doc/d", "new on main")];
    assert_eq!(docs, expected.map(|(key, val)| (key.into(), val.into())));

    branch.shutdown().await?;
    main.shutdown().await?;
    Ok(())
}

struct Merged {
    applied: usize,
    /// Keys that both have changed, each in its own way. They are left as they are.
    conflicts: Vec<Key>,
}

/// Makes the changes of a branch since `base` where the other store still has what the branch began with.
async fn merge(branch: &LanceDatastore, base: Version, into: &dyn Datastore) -> Result<Merged> {
    let mut changes = branch.diff(base, branch.current_version().await?, KeyRange::all())?;
    let tx = into.begin(TransactionOptions::write()).await?;
    let mut merged = Merged { applied: 0, conflicts: Vec::new() };
    while let Some(change) = changes.try_next().await? {
        let key = change.key.clone();
        let done = match change.new.clone() {
            Some(new) => tx.putc(key, new, change.old).await,
            None => tx.delc(key, change.old).await,
        };
        match done {
            Ok(()) => merged.applied += 1,
            // Both may have made the same change.
            Err(Error::TransactionConditionNotMet) if tx.get(&change.key, None).await? == change.new => {}
            Err(Error::TransactionConditionNotMet) => merged.conflicts.push(change.key),
            Err(error) => return Err(error),
        }
    }
    // Whoever writes one of these keys meanwhile makes this a conflict: then the merge is to be run again.
    tx.commit().await?;
    Ok(merged)
}

async fn commit(store: &dyn Datastore, changes: &[(&'static str, Option<&'static str>)]) -> Result<()> {
    let tx: Box<dyn Transactable> = store.begin(TransactionOptions::write()).await?;
    for (key, val) in changes {
        match val {
            Some(val) => tx.set((*key).into(), (*val).into()).await?,
            None => tx.del((*key).into()).await?,
        }
    }
    tx.commit().await
}
