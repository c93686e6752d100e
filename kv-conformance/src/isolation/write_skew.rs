//! G2-item, G2 and the read-only anomaly: what snapshot isolation allows and serializability forbids.
//!
//! Under snapshot isolation these cases look at nothing but what was committed: it must be there, whole.

use super::script::{Levels, Script, at_both_levels, commits, multiples, number};
use crate::fixture::{Failure, Tx, Verdict, b};
use kv_api::KeyRange;

pub(super) fn cases() -> Levels {
    at_both_levels![
        g2_item_write_skew,
        g2_item_write_skew_on_missing_keys,
        g2_item_write_skew_of_three,
        g2_item_write_skew_of_conditions,
        g2_anti_dependency_cycles,
        g2_anti_dependency_cycles_by_deletes,
        g2_anti_dependency_cycles_of_counts,
        g2_anti_dependency_cycles_of_backward_scans,
        g2_two_edges,
        read_only_transaction_anomaly,
    ]
}

/// Commits in order and checks that exactly what was committed is there: `rows` are what the store holds with none, and
/// each writer's script adds to it. Under serializability not all may commit.
async fn not_all_commit(script: &Script, txs: &[(&Tx, &str)], base: &str) -> Verdict {
    let mut expected: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let mut apply = |text: &str| {
        for word in text.split_whitespace() {
            match (word.strip_prefix('-'), word.split_once('=')) {
                (Some(key), None) => drop(expected.remove(key)),
                (_, Some((key, val))) => drop(expected.insert(key.into(), val.into())),
                _ => {}
            }
        }
    };
    apply(base);
    let mut committed = 0;
    for (tx, writes) in txs {
        if commits(tx).await? {
            apply(writes);
            committed += 1;
        }
    }
    if committed == 0 {
        return Err(Failure::new("nobody commits, though the first had nothing to conflict with"));
    }
    if script.is_serializable() && committed == txs.len() {
        return Err(Failure::new(format!("all {committed} commit, and no order of them explains what they read")));
    }
    let rows: Vec<String> = expected.iter().map(|(key, val)| format!("{key}={val}")).collect();
    script.store.holds(&rows.join(" ")).await?;
    Ok(())
}

async fn g2_item_write_skew(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    for tx in [&t1, &t2] {
        assert_eq!((number(tx, "1").await?, number(tx, "2").await?), (10, 20));
    }
    t1.give("1", "11").await?;
    t2.give("2", "21").await?;
    not_all_commit(&script, &[(&t1, "1=11"), (&t2, "2=21")], "1=10 2=20").await
}

async fn g2_item_write_skew_on_missing_keys(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!((t1.val("3").await?, t2.val("4").await?), ("-".into(), "-".into()));
    t1.give("4", "1").await?;
    t2.give("3", "1").await?;
    not_all_commit(&script, &[(&t1, "4=1"), (&t2, "3=1")], "1=10 2=20").await
}

async fn g2_item_write_skew_of_three(script: Script) -> Verdict {
    script.store.given("1=1 2=1 3=1").await?;
    let txs = [script.write().await?, script.write().await?, script.write().await?];
    // No two of them depend on each other both ways.
    for (tx, (read, written)) in txs.iter().zip([("1", "2"), ("2", "3"), ("3", "1")]) {
        assert_eq!(number(tx, read).await?, 1);
        tx.give(written, "2").await?;
    }
    let writes = [(&txs[0], "2=2"), (&txs[1], "3=2"), (&txs[2], "1=2")];
    // In this order each is overtaken by the next.
    let order = [writes[0], writes[2], writes[1]];
    not_all_commit(&script, &order, "1=1 2=1 3=1").await
}

async fn g2_item_write_skew_of_conditions(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    // A condition that does not hold is a read as well.
    assert!(t1.putc(b("2"), b("0"), Some(b("0"))).await.is_err());
    assert!(t2.put(b("1"), b("0")).await.is_err());
    t1.give("1", "11").await?;
    t2.give("2", "21").await?;
    not_all_commit(&script, &[(&t1, "1=11"), (&t2, "2=21")], "1=10 2=20").await
}

async fn g2_anti_dependency_cycles(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!((multiples(&t1, 3).await?, multiples(&t2, 3).await?), (String::new(), String::new()));
    t1.give("3", "30").await?;
    t2.give("4", "42").await?;
    not_all_commit(&script, &[(&t1, "3=30"), (&t2, "4=42")], "1=10 2=20").await
}

async fn g2_anti_dependency_cycles_by_deletes(script: Script) -> Verdict {
    script.store.given("1=30 2=60 3=10").await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!((multiples(&t1, 3).await?, multiples(&t2, 3).await?), ("1=30 2=60".into(), "1=30 2=60".into()));
    // Each leaves one, as far as it can see.
    t1.del(b("1")).await?;
    t2.del(b("2")).await?;
    not_all_commit(&script, &[(&t1, "-1"), (&t2, "-2")], "1=30 2=60 3=10").await
}

async fn g2_anti_dependency_cycles_of_counts(script: Script) -> Verdict {
    script.store.given("p1=1 q1=1").await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!(t1.count(KeyRange::prefix("p"), None).await?, 1);
    assert_eq!(t2.count(KeyRange::prefix("q"), None).await?, 1);
    t1.give("q2", "1").await?;
    t2.give("p2", "1").await?;
    not_all_commit(&script, &[(&t1, "q2=1"), (&t2, "p2=1")], "p1=1 q1=1").await
}

async fn g2_anti_dependency_cycles_of_backward_scans(script: Script) -> Verdict {
    script.store.given("p1=1 q1=1").await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    // The greatest key of all, and of a range: a greater one changes the answer.
    assert_eq!(t1.page_back(1, 0).await?, "q1");
    assert_eq!(t2.keysr(KeyRange::prefix("p"), 1.into(), 0, None).await?, [b("p1")]);
    t1.give("p2", "1").await?;
    t2.give("q2", "1").await?;
    not_all_commit(&script, &[(&t1, "p2=1"), (&t2, "q2=1")], "p1=1 q1=1").await
}

/// A reader between two writers closes the cycle: both of its neighbours are already certain to be in order.
async fn g2_two_edges(script: Script) -> Verdict {
    script.given().await?;
    let t1 = script.write().await?;
    assert_eq!(t1.all().await?, "1=10 2=20");
    let t2 = script.write().await?;
    t2.give("2", "25").await?;
    assert!(commits(&t2).await?);
    let t3 = script.write().await?;
    assert_eq!(t3.all().await?, "1=10 2=25");
    script.only_read(&t3).await?;
    t1.give("1", "0").await?;
    let first = commits(&t1).await?;
    assert!(
        !(first && script.is_serializable()),
        "the reader saw the second and not the first, which did not see the second"
    );
    script.store.holds(if first { "1=0 2=25" } else { "1=10 2=25" }).await?;
    Ok(())
}

/// Fekete, O'Neil and O'Neil, "A Read-Only Transaction Anomaly Under Snapshot Isolation" (2004): a checking account `x` and
/// savings `y`, and a fee for an overdraft that the statement in between says cannot have been due.
async fn read_only_transaction_anomaly(script: Script) -> Verdict {
    script.store.given("x=0 y=0").await?;
    let withdrawal = script.write().await?;
    assert_eq!((number(&withdrawal, "x").await?, number(&withdrawal, "y").await?), (0, 0));
    let deposit = script.write().await?;
    let saved = number(&deposit, "y").await? + 20;
    deposit.give("y", &saved.to_string()).await?;
    assert!(commits(&deposit).await?);
    let statement = script.read().await?;
    assert_eq!(statement.all().await?, "x=0 y=20");
    withdrawal.give("x", "-11").await?;
    let charged = commits(&withdrawal).await?;
    assert!(!(charged && script.is_serializable()), "the statement shows the deposit before the fee");
    assert_eq!(statement.all().await?, "x=0 y=20");
    script.store.holds(if charged { "x=-11 y=20" } else { "x=0 y=20" }).await?;
    Ok(())
}
