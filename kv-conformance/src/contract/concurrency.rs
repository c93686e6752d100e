//! Readers and writers on several threads.

use crate::case::{Suite, cases, guarded};
use crate::fixture::{Failure, Store, Tx, Verdict, b};
use futures::future::join_all;
use kv_api::{Error, KeyRange, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "concurrency",
        cases![
            no_increment_is_lost,
            no_conditional_increment_is_lost,
            transfers_keep_the_sum,
            transfers_keep_the_sum_during_maintenance,
            commits_are_seen_whole,
            writers_of_distinct_keys_never_conflict,
            one_creator_wins,
            a_committed_write_is_seen_at_once,
            snapshots_never_run_backwards,
            reads_of_one_transaction_at_once,
            writes_of_one_transaction_at_once,
            begins_and_drops_in_great_number,
        ],
    )
}

/// Runs `tasks` tasks; the first failure is the case's.
async fn all<Task, Running>(tasks: usize, task: Task) -> Verdict
where
    Task: Fn(usize) -> Running,
    Running: Future<Output = Verdict> + Send + 'static,
{
    for ended in join_all((0..tasks).map(|n| tokio::spawn(guarded(task(n))))).await {
        ended??;
    }
    Ok(())
}

/// Runs a transaction again until it does not conflict.
async fn retrying<Running: Future<Output = Result<()>>>(store: &Store, work: impl Fn(Arc<Tx>) -> Running) -> Verdict {
    loop {
        let tx = Arc::new(store.write().await?);
        work(tx.clone()).await?;
        match tx.commit().await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn number(tx: &Tx, key: &str) -> Result<i64> {
    let text = tx.val(key).await?;
    Ok(text.parse().unwrap_or(0))
}

async fn no_increment_is_lost(store: Store) -> Verdict {
    let shared = store.clone();
    all(8, move |_| {
        let store = shared.clone();
        async move {
            for _ in 0..25 {
                retrying(&store, async |tx: Arc<Tx>| {
                    let n = number(&tx, "n").await?;
                    tx.give("n", &(n + 1).to_string()).await
                })
                .await?;
            }
            Ok(())
        }
    })
    .await?;
    store.holds("n=200").await?;
    Ok(())
}

async fn no_conditional_increment_is_lost(store: Store) -> Verdict {
    store.given("n=0").await?;
    let shared = store.clone();
    all(4, move |_| {
        let store = shared.clone();
        async move {
            for _ in 0..25 {
                retrying(&store, async |tx: Arc<Tx>| {
                    let n = number(&tx, "n").await?;
                    tx.putc(b("n"), b(&(n + 1).to_string()), Some(b(&n.to_string()))).await
                })
                .await?;
            }
            Ok(())
        }
    })
    .await?;
    store.holds("n=100").await?;
    Ok(())
}

const ACCOUNTS: i64 = 10;

async fn open_accounts(store: &Store) -> Result<()> {
    let script: Vec<String> = (0..ACCOUNTS).map(|n| format!("acct{n}=100")).collect();
    store.given(&script.join(" ")).await?;
    Ok(())
}

async fn sum(tx: &Tx) -> Result<i64> {
    let rows = tx.rows(KeyRange::prefix("acct")).await?;
    assert_eq!(rows.len() as i64, ACCOUNTS);
    Ok(rows.iter().map(|(_, val)| String::from_utf8_lossy(val).parse::<i64>().unwrap_or(i64::MIN / 100)).sum())
}

/// Moves money about while readers check that none is made or lost.
async fn transfer(store: &Store, transfers: usize) -> Verdict {
    let shared = store.clone();
    let writing = Arc::new(AtomicU64::new(4));
    all(6, move |task| {
        let (store, writing) = (shared.clone(), writing.clone());
        async move {
            if task >= 4 {
                while writing.load(Ordering::SeqCst) > 0 {
                    let tx = store.read().await?;
                    assert_eq!(sum(&tx).await?, ACCOUNTS * 100);
                    tokio::task::yield_now().await;
                }
                return Ok(());
            }
            for n in 0..transfers {
                let (from, to) = ((task * 7 + n) as i64 % ACCOUNTS, (task + n * 3 + 1) as i64 % ACCOUNTS);
                retrying(&store, async |tx: Arc<Tx>| {
                    let (from, to) = (format!("acct{from}"), format!("acct{to}"));
                    let taken = number(&tx, &from).await? - 1;
                    tx.give(&from, &taken.to_string()).await?;
                    let given = number(&tx, &to).await? + 1;
                    tx.give(&to, &given.to_string()).await
                })
                .await?;
            }
            writing.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    })
    .await
}

async fn settled_sum(store: &Store) -> Verdict {
    assert_eq!(sum(&store.read().await?).await?, ACCOUNTS * 100);
    store.settle().await?;
    assert_eq!(sum(&store.read().await?).await?, ACCOUNTS * 100);
    Ok(())
}

async fn transfers_keep_the_sum(store: Store) -> Verdict {
    open_accounts(&store).await?;
    transfer(&store, 50).await?;
    settled_sum(&store).await
}

async fn transfers_keep_the_sum_during_maintenance(store: Store) -> Verdict {
    open_accounts(&store).await?;
    let maintenance = store.maintain();
    transfer(&store, 30).await?;
    maintenance.end().await?;
    settled_sum(&store).await
}

async fn commits_are_seen_whole(store: Store) -> Verdict {
    store.given("a=0 m=0 z=0").await?;
    let shared = store.clone();
    let done = Arc::new(AtomicBool::new(false));
    all(4, move |task| {
        let (store, done) = (shared.clone(), done.clone());
        async move {
            if task == 0 {
                for n in 0..100 {
                    store.commit(&format!("a={n} m={n} z={n}")).await?;
                    tokio::task::yield_now().await;
                }
                done.store(true, Ordering::SeqCst);
                return Ok(());
            }
            while !done.load(Ordering::SeqCst) {
                let tx = store.read().await?;
                let (a, rows) = (tx.val("a").await?, tx.all().await?);
                assert_eq!(rows, format!("a={a} m={a} z={a}"));
                assert_eq!(tx.val("z").await?, a);
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    })
    .await?;
    store.holds("a=99 m=99 z=99").await?;
    Ok(())
}

async fn writers_of_distinct_keys_never_conflict(store: Store) -> Verdict {
    let shared = store.clone();
    all(8, move |task| {
        let store = shared.clone();
        async move {
            for n in 0..20 {
                store.commit(&format!("k{task}-{n:02}={n} last{task}={n}")).await?;
            }
            Ok(())
        }
    })
    .await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 8 * 21);
    assert_eq!(tx.val("last7").await?, "19");
    Ok(())
}

async fn one_creator_wins(store: Store) -> Verdict {
    for round in 0..10 {
        let key = format!("k{round}");
        let mut creators = Vec::new();
        for n in 0..8 {
            let tx = store.write().await?;
            tx.put(b(&key), b(&n.to_string())).await?;
            creators.push((n, tx));
        }
        let commits = creators.into_iter().map(|(n, tx)| tokio::spawn(async move { tx.commit().await.map(|()| n) }));
        let mut winners = Vec::new();
        for commit in commits.collect::<Vec<_>>() {
            match commit.await? {
                Ok(n) => winners.push(n),
                Err(Error::TransactionConflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(store.read().await?.val(&key).await?, winners[0].to_string());
    }
    Ok(())
}

async fn a_committed_write_is_seen_at_once(store: Store) -> Verdict {
    let shared = store.clone();
    all(4, move |task| {
        let store = shared.clone();
        async move {
            for n in 0..50 {
                store.commit(&format!("k{task}={n}")).await?;
                assert_eq!(store.read().await?.val(&format!("k{task}")).await?, n.to_string());
            }
            Ok(())
        }
    })
    .await
}

async fn snapshots_never_run_backwards(store: Store) -> Verdict {
    store.given("n=0").await?;
    let shared = store.clone();
    all(4, move |task| {
        let store = shared.clone();
        async move {
            let mut last = 0;
            for n in 1..=80 {
                if task == 0 {
                    store.commit(&format!("n={n}")).await?;
                }
                let seen = number(&store.read().await?, "n").await?;
                assert!(seen >= last, "{seen} after {last}");
                last = seen;
            }
            Ok(())
        }
    })
    .await
}

async fn reads_of_one_transaction_at_once(store: Store) -> Verdict {
    let script: Vec<String> = (0..50).map(|n| format!("k{n:02}={n}")).collect();
    store.given(&script.join(" ")).await?;
    let tx = Arc::new(store.write().await?);
    tx.give("own", "1").await?;
    store.commit("k00=changed").await?;
    all(8, move |task| {
        let tx = tx.clone();
        async move {
            for n in (task..50).step_by(3) {
                assert_eq!(tx.val(&format!("k{n:02}")).await?, n.to_string());
                assert_eq!(tx.count(KeyRange::all(), None).await?, 51);
                assert_eq!(tx.page_back(1, 0).await?, "own");
            }
            Ok(())
        }
    })
    .await
}

async fn writes_of_one_transaction_at_once(store: Store) -> Verdict {
    let tx = Arc::new(store.write().await?);
    let shared = tx.clone();
    all(4, move |task| {
        let tx = shared.clone();
        async move {
            for n in 0..50 {
                tx.give(&format!("k{task}-{n:02}"), "1").await?;
                assert_eq!(tx.val(&format!("k{task}-{n:02}")).await?, "1");
            }
            Ok(())
        }
    })
    .await?;
    tx.commit().await?;
    store.settle().await?;
    assert_eq!(store.read().await?.count(KeyRange::all(), None).await?, 200);
    Ok(())
}

async fn begins_and_drops_in_great_number(store: Store) -> Verdict {
    store.given("a=1").await?;
    let shared = store.clone();
    all(4, move |task| {
        let store = shared.clone();
        async move {
            for n in 0..250 {
                let tx = if n % 2 == 0 { store.read().await? } else { store.write().await? };
                if n % 10 == 0 && tx.val("a").await? == "-" {
                    return Err(Failure::new(format!("task {task} does not see the key")));
                }
            }
            Ok(())
        }
    })
    .await?;
    store.holds("a=1").await?;
    Ok(())
}
