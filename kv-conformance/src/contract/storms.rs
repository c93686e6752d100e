//! Tasks that retry at once: each conflict that is reported is over by then.

use crate::case::{Need, Suite, cases, guarded};
use crate::fixture::{Failure, Store, Tx, Verdict, b};
use futures::future::join_all;
use kv_api::{Error, Result};

pub(crate) fn suite() -> Suite {
    Suite::new("storms", cases![increments, conditional_increments, a_conflict_does_not_show_its_key])
        .needing(Need::ReadChecks, cases![checked_reads_beside_increments])
        .needing(Need::Serializable, cases![serializable_reads_beside_increments])
}

/// Tasks that increment one counter.
const TASKS: usize = 6;

/// Increments of each.
const INCREMENTS: usize = 20;

/// A key that would be recognised in a text.
const KEY: &str = "counter-of-account-4711";

/// What a task does to the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Set,
    Putc,
    /// Reads it with `getu` and writes something else.
    Checks,
    /// Reads it in a serializable transaction and writes something else.
    Reads,
}

impl Work {
    async fn begin(self, store: &Store) -> Result<Tx> {
        match self {
            Self::Reads => store.serializable().await,
            Self::Set | Self::Putc | Self::Checks => store.write().await,
        }
    }

    /// The answer is the count that it saw.
    async fn prepare(self, tx: &Tx, task: usize) -> Result<String, Failure> {
        let seen = tx.val(KEY).await?;
        let next = (seen.parse::<u64>()? + 1).to_string();
        match self {
            Self::Set => tx.give(KEY, &next).await?,
            Self::Putc => tx.putc(b(KEY), b(&next), Some(b(&seen))).await?,
            Self::Checks => {
                tx.getu(KEY.as_bytes()).await?;
                tx.give(&format!("own{task}"), &seen).await?;
            }
            Self::Reads => tx.give(&format!("own{task}"), &seen).await?,
        }
        Ok(seen)
    }
}

/// Tasks whose retries began before the commit that they had lost to was visible were refused again, thousands of times: a
/// transaction begun after a conflict was reported sees the commit that caused it.
async fn storm(store: &Store, even: Work, odd: Work) -> Verdict {
    store.given(&format!("{KEY}=0")).await?;
    let tasks = (0..TASKS).map(|task| {
        let (store, work) = (store.clone(), if task % 2 == 0 { even } else { odd });
        tokio::spawn(guarded(async move {
            for _ in 0..INCREMENTS {
                until_committed(&store, work, task).await?;
            }
            Ok(())
        }))
    });
    for ended in join_all(tasks).await {
        ended??;
    }
    let increments = [even, odd].map(|work| if matches!(work, Work::Set | Work::Putc) { TASKS / 2 } else { 0 });
    let expected = increments.iter().sum::<usize>() * INCREMENTS;
    assert_eq!(store.read().await?.val(KEY).await?, expected.to_string());
    Ok(())
}

async fn until_committed(store: &Store, work: Work, task: usize) -> Verdict {
    let mut lost_with: Option<String> = None;
    loop {
        let tx = work.begin(store).await?;
        let seen = work.prepare(&tx, task).await?;
        if lost_with.as_ref() == Some(&seen) {
            return Err(Failure::new(format!(
                "{work:?}: begun after a conflict was reported, a transaction sees the count of {seen} that the one before \
                 saw: the commit which that conflict was with is not visible"
            )));
        }
        match tx.commit().await {
            Ok(()) => return Ok(()),
            Err(Error::TransactionConflict { .. }) => lost_with = Some(seen),
            Err(other) => return Err(other.into()),
        }
    }
}

async fn increments(store: Store) -> Verdict {
    storm(&store, Work::Set, Work::Set).await
}

async fn conditional_increments(store: Store) -> Verdict {
    storm(&store, Work::Putc, Work::Putc).await
}

async fn checked_reads_beside_increments(store: Store) -> Verdict {
    storm(&store, Work::Set, Work::Checks).await
}

async fn serializable_reads_beside_increments(store: Store) -> Verdict {
    storm(&store, Work::Set, Work::Reads).await
}

/// The text of an error travels to clients; the key has a field of its own.
async fn a_conflict_does_not_show_its_key(store: Store) -> Verdict {
    store.given(&format!("{KEY}=0")).await?;
    let mut works = vec![Work::Set, Work::Putc];
    works.extend(store.declared().read_checks.then_some(Work::Checks));
    works.extend((store.declared().isolation >= kv_api::Isolation::Serializable).then_some(Work::Reads));
    for (n, work) in works.into_iter().enumerate() {
        let tx = work.begin(&store).await?;
        work.prepare(&tx, 0).await?;
        store.commit(&format!("{KEY}={}", n + 10)).await?;
        let error = tx.commit().await.expect_err("the counter has been written");
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(shown) = cause {
            assert!(!shown.to_string().contains(KEY), "{work:?}: the text shows the key: {shown}");
            cause = shown.source();
        }
        let Error::TransactionConflict { key, .. } = &error else { return Err(error.into()) };
        assert!(key.as_ref().is_none_or(|key| *key == KEY), "{work:?}: conflicts over {key:?}");
    }
    Ok(())
}
