//! The same anomalies where the commits run at once: a check made before another commit shows is made too early.

use super::script::{Levels, Script, at_both_levels, commits, number};
use crate::case::guarded;
use crate::fixture::{Failure, Tx, Verdict};
use futures::future::join_all;
use kv_api::KeyRange;

pub(super) fn cases() -> Levels {
    at_both_levels![
        g0_write_cycles_in_a_race,
        otv_observed_transaction_vanishes_in_a_race,
        p4_lost_update_in_a_race,
        g2_item_write_skew_in_a_race,
        g2_anti_dependency_cycles_in_a_race,
        long_fork_in_a_race,
    ]
}

const ROUNDS: usize = 12;

/// Commits all at once, each on a task of its own. Which of them did.
async fn race(txs: Vec<Tx>) -> Result<Vec<bool>, Failure> {
    let mut outcomes = Vec::new();
    for raced in join_all(txs.into_iter().map(|tx| tokio::spawn(async move { commits(&tx).await }))).await {
        outcomes.push(raced??);
    }
    Ok(outcomes)
}

fn count(outcomes: &[bool]) -> usize {
    outcomes.iter().filter(|committed| **committed).count()
}

async fn g0_write_cycles_in_a_race(script: Script) -> Verdict {
    for round in 0..ROUNDS {
        let mut txs = Vec::new();
        for n in 0..4 {
            let tx = script.write().await?;
            for key in 0..8 {
                // Each in an order of its own.
                tx.give(&format!("k{}", (key * 3 + n) % 8), &format!("{round}-{n}")).await?;
            }
            txs.push(tx);
        }
        assert_eq!(count(&race(txs).await?), 1, "concurrent writers of one key: the first commits");
        let seen = script.read().await?.all().await?;
        let whole = |n| (0..8).map(|key| format!("k{key}={round}-{n}")).collect::<Vec<_>>().join(" ");
        assert!((0..4).any(|n| seen == whole(n)), "round {round} ends with '{seen}'");
    }
    let last = script.store.all().await?;
    script.store.holds(&last).await?;
    Ok(())
}

/// Readers look while commits of many keys are under way: each must be seen whole.
async fn otv_observed_transaction_vanishes_in_a_race(script: Script) -> Verdict {
    let row = |n: usize| (0..10).map(|key| format!("k{key}={n}")).collect::<Vec<_>>().join(" ");
    script.store.given(&row(0)).await?;
    for round in 1..=ROUNDS {
        let (writer, writes) = (script.clone(), row(round));
        let writing = tokio::spawn(async move { writer.store.commit(&writes).await });
        while !writing.is_finished() {
            let tx = script.read().await?;
            let (first, last) = (tx.val("k0").await?, tx.val("k9").await?);
            assert_eq!(first, last, "round {round}");
            let seen = tx.all().await?;
            assert!(seen == row(round) || seen == row(round - 1), "round {round}: '{seen}'");
            tokio::task::yield_now().await;
        }
        writing.await??;
        assert_eq!(script.read().await?.all().await?, row(round));
    }
    script.store.holds(&row(ROUNDS)).await?;
    Ok(())
}

async fn p4_lost_update_in_a_race(script: Script) -> Verdict {
    script.store.given("n=0").await?;
    for round in 1..=ROUNDS {
        let mut txs = Vec::new();
        for _ in 0..4 {
            let tx = script.write().await?;
            let next = number(&tx, "n").await? + 1;
            tx.give("n", &next.to_string()).await?;
            txs.push(tx);
        }
        assert_eq!(count(&race(txs).await?), 1, "concurrent writers of one key: the first commits");
        assert_eq!(number(&script.read().await?, "n").await?, round as i64);
    }
    script.store.holds(&format!("n={ROUNDS}")).await?;
    Ok(())
}

async fn g2_item_write_skew_in_a_race(script: Script) -> Verdict {
    for round in 0..ROUNDS {
        script.store.commit("1=1 2=1 3=1").await?;
        let mut txs = Vec::new();
        for own in ["1", "2", "3"] {
            let tx = script.write().await?;
            assert_eq!(tx.all().await?, "1=1 2=1 3=1");
            tx.give(own, "0").await?;
            txs.push(tx);
        }
        let outcomes = race(txs).await?;
        let expected: Vec<String> =
            outcomes.iter().enumerate().map(|(n, done)| format!("{}={}", n + 1, i32::from(!done))).collect();
        assert_eq!(script.store.all().await?, expected.join(" "), "round {round}");
        assert!(count(&outcomes) >= 1, "nobody commits");
        let allowed = if script.is_serializable() { 1 } else { 3 };
        assert!(count(&outcomes) <= allowed, "round {round}: {} commit of what they all read", count(&outcomes));
    }
    Ok(())
}

async fn g2_anti_dependency_cycles_in_a_race(script: Script) -> Verdict {
    for round in 0..ROUNDS {
        let prefix = format!("r{round:02}-");
        let mut txs = Vec::new();
        for n in 0..3 {
            let tx = script.write().await?;
            assert_eq!(tx.count(KeyRange::prefix(prefix.clone()), None).await?, 0);
            tx.give(&format!("{prefix}{n}"), "1").await?;
            txs.push(tx);
        }
        let committed = count(&race(txs).await?);
        let found = script.read().await?.count(KeyRange::prefix(prefix), None).await?;
        assert_eq!(found, committed as u64, "round {round}");
        assert!(committed >= 1, "nobody commits");
        let allowed = if script.is_serializable() { 1 } else { 3 };
        assert!(committed <= allowed, "round {round}: {committed} commit on finding nothing");
    }
    Ok(())
}

/// Two writers of different keys commit while readers begin: no two readers may see them in opposite orders.
async fn long_fork_in_a_race(script: Script) -> Verdict {
    const READERS: usize = 6;
    script.store.given("x=0 y=0").await?;
    for round in 1..=ROUNDS {
        let writers = ["x", "y"].map(|key| {
            let script = script.clone();
            tokio::spawn(guarded(async move {
                script.store.commit(&format!("{key}={round}")).await?;
                Ok(())
            }))
        });
        let readers = (0..READERS).map(|n| {
            let script = script.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..3 {
                    let tx = script.read().await?;
                    tokio::task::yield_now().await;
                    // Both ways round, so that a snapshot taken at the first read would show.
                    let (x, y) = match n % 2 {
                        0 => (number(&tx, "x").await?, number(&tx, "y").await?),
                        _ => {
                            let y = number(&tx, "y").await?;
                            (number(&tx, "x").await?, y)
                        }
                    };
                    seen.push((x, y));
                }
                Ok::<_, Failure>(seen)
            })
        });
        let mut seen = Vec::new();
        for reader in join_all(readers.collect::<Vec<_>>()).await {
            seen.extend(reader??);
        }
        for writer in writers {
            writer.await??;
        }
        let round = round as i64;
        let one = seen.iter().find(|(x, y)| *x == round && *y < round);
        let other = seen.iter().find(|(x, y)| *y == round && *x < round);
        assert!(one.is_none() || other.is_none(), "round {round}: one reader sees {one:?}, another {other:?}");
        assert_eq!(script.read().await?.all().await?, format!("x={round} y={round}"));
    }
    script.store.holds(&format!("x={ROUNDS} y={ROUNDS}")).await?;
    Ok(())
}
