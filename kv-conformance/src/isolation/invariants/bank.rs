//! Accounts whose sum never changes, though they close at 0 and open again.

use super::crowd::{crowd, until_committed};
use crate::case::mixed;
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, b, text};
use crate::isolation::script::{Script, number};
use kv_api::{Key, KeyRange, ScanLimit, Val, Version};
use parking_lot::Mutex;
use std::sync::Arc;

const ACCOUNTS: usize = 8;
const TOTAL: i64 = 200;
const TIMES: usize = 20;

fn account(n: u64) -> String {
    format!("acct{}", n % ACCOUNTS as u64)
}

async fn opened(script: &Script) -> Verdict {
    // Some accounts are closed to begin with.
    script.store.given("acct0=50 acct2=50 acct4=50 acct6=50").await?;
    Ok(())
}

/// Moves money from one account to another, and closes what is empty.
async fn transfer(script: &Script, writer: usize, n: usize) -> Result<Option<Version>, Failure> {
    let drawn = mixed((writer * 1000 + n) as u64);
    let (from, to, amount) = (account(drawn), account(drawn >> 8), (drawn >> 16) % 60);
    let committed = until_committed(script, async |tx: Arc<Tx>| {
        let has = number(&tx, &from).await?;
        let moved = has.min(amount as i64);
        put(&tx, &from, has - moved).await?;
        let had = number(&tx, &to).await?;
        put(&tx, &to, had + moved).await
    })
    .await?;
    Ok(committed.commit_version())
}

async fn put(tx: &Tx, account: &str, balance: i64) -> Result<(), Mismatch> {
    match balance {
        0 => tx.del(b(account)).await?,
        balance => tx.give(account, &balance.to_string()).await?,
    }
    Ok(())
}

fn sum(rows: &[(Key, Val)], how: &str) -> Verdict {
    let sum: i64 = rows.iter().map(|(_, val)| text(val).parse::<i64>().unwrap_or(i64::MIN / 100)).sum();
    match sum {
        TOTAL => Ok(()),
        sum => Err(Failure::new(format!(
            "{how}, the accounts hold {sum} instead of {TOTAL}: {}",
            crate::fixture::show(rows)
        ))),
    }
}

/// The sum, by all kinds of reads of one transaction.
async fn audit(tx: Tx) -> Verdict {
    let (range, all) = (KeyRange::prefix("acct"), ScanLimit::Count(u32::MAX));
    sum(&tx.scan(range.clone(), all, 0, None).await?, "scanned")?;
    tokio::task::yield_now().await;
    let keys: Vec<Key> = (0..ACCOUNTS).map(|n| b(&account(n as u64))).collect();
    let vals = tx.getm(keys.clone(), None).await?;
    let found: Vec<(Key, Val)> = keys.into_iter().zip(vals).filter_map(|(key, val)| Some((key, val?))).collect();
    sum(&found, "read one by one")?;
    sum(&tx.scanr(range, all, 0, None).await?, "scanned backwards")
}

pub(super) async fn bank_of_closing_accounts(script: Script) -> Verdict {
    opened(&script).await?;
    crowd(&script, TIMES, |script, writer, n| async move { transfer(&script, writer, n).await.map(drop) }, audit).await
}

/// The sum at each commit's version, while others commit and afterwards.
pub(super) async fn bank_at_every_version(store: Store) -> Verdict {
    let script = Script::snapshot(store);
    opened(&script).await?;
    let versions = Arc::new(Mutex::new(Vec::new()));
    let (writing, reading) = (versions.clone(), versions.clone());
    let change = move |script: Script, writer, n| {
        let versions = writing.clone();
        async move {
            // A transfer of nothing to the same account writes as well, so only a store without versions answers none.
            if let Some(version) = transfer(&script, writer, n).await? {
                versions.lock().push(version);
            }
            Ok(())
        }
    };
    let check = move |tx: Tx| {
        let versions = reading.clone();
        async move {
            let known = versions.lock().clone();
            for version in known.into_iter().rev().take(3) {
                at(&tx, version).await?;
            }
            Ok(())
        }
    };
    // History may be pruned by the compactions that run meanwhile: what is answered must be right.
    crowd(&script, TIMES, change, check).await?;
    let (tx, known) = (script.read().await?, versions.lock().clone());
    for version in known {
        at(&tx, version).await?;
    }
    Ok(())
}

/// The sum at a version and just before it.
async fn at(tx: &Tx, version: Version) -> Verdict {
    exactly_at(tx, version).await?;
    exactly_at(tx, version - 1).await
}

async fn exactly_at(tx: &Tx, version: Version) -> Verdict {
    match tx.scan(KeyRange::prefix("acct"), ScanLimit::Count(u32::MAX), 0, Some(version)).await {
        Ok(rows) => sum(&rows, &format!("at version {version}")),
        Err(kv_api::Error::VersionNotRetained { .. }) => Ok(()),
        Err(other) => Err(other.into()),
    }
}
