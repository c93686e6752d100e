//! Commits that wait for the same sync share it, on any kind of runtime.

use super::*;
use std::sync::Arc;

const CLIENTS: usize = 32;
const EACH: usize = 10;

async fn commit_at_once(dir: &std::path::Path) -> Result<()> {
    let store = Arc::new(open(LanceConfig::new(dir)).await?);
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut last = 0;
            for i in 0..EACH {
                let version = write(&store, &[(&format!("{client:03}/{i:03}"), "x")]).await?;
                assert!(version > last);
                last = version;
                // Visible to whoever asks after the commit.
                assert!(store.current_version().await? >= version);
            }
            Ok::<_, kv_api::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap()?;
    }
    assert_eq!(all(&store, None).await?.len(), CLIENTS * EACH);
    let (commits, groups) = (figure(&store, "commits"), figure(&store, "commit_groups"));
    assert_eq!(commits, (CLIENTS * EACH) as u64);
    assert!(groups < commits / 2, "{commits} commits in {groups} groups");
    // What a check remembers does not pile up.
    write(&store, &[("last", "x")]).await?;
    assert!(figure(&store, "conflict_check_keys") <= 2);
    Ok(())
}

#[tokio::test]
async fn on_one_thread() -> Result<()> {
    commit_at_once(tempfile::tempdir().unwrap().path()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads() -> Result<()> {
    commit_at_once(tempfile::tempdir().unwrap().path()).await
}

#[tokio::test]
async fn a_commit_whose_future_is_dropped_holds_nobody_up() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    for round in 0..20 {
        let tx = store.begin(TransactionOptions::write()).await?;
        let key = format!("dropped {round}");
        tx.set(key.clone().into(), "x".into()).await?;
        let mut commit = tx.commit();
        assert!(futures::poll!(&mut commit).is_pending(), "it does not wait: the test shows nothing");
        drop(commit);
        assert!(tx.closed());
        write(&store, &[(&key, "y")]).await?;
        assert_eq!(all(&store, None).await?.iter().find(|(k, _)| *k == key).unwrap().1, "y");
    }
    Ok(())
}
