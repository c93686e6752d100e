//! P4 lost update, and the write predicates of PMP and G-single: writes that build on reads.

use super::script::{Levels, Script, at_both_levels, commits, multiples, number};
use crate::fixture::{Verdict, b};
use kv_api::KeyRange;

pub(super) fn cases() -> Levels {
    at_both_levels![
        p4_lost_update,
        p4_lost_update_of_the_later_commit,
        p4_lost_update_by_conditions,
        p4_lost_update_by_creation,
        p4_lost_update_by_deletion,
        p4_lost_update_of_a_chain,
        pmp_write_predicate,
        g_single_write_predicate,
        g_single_write_predicate_by_range,
    ]
}

async fn p4_lost_update(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!((number(&t1, "1").await?, number(&t2, "1").await?), (10, 10));
    t1.give("1", "11").await?;
    t2.give("1", "12").await?;
    assert!(commits(&t1).await?);
    assert!(!commits(&t2).await?, "both commit: the first update is lost");
    script.store.holds("1=11 2=20").await?;
    Ok(())
}

async fn p4_lost_update_of_the_later_commit(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!((number(&t1, "2").await?, number(&t2, "2").await?), (20, 20));
    t1.give("2", "21").await?;
    t2.apply("1=12 2=22").await?;
    assert!(commits(&t2).await?);
    // A commit elsewhere in between changes nothing.
    script.store.commit("3=30").await?;
    assert!(!commits(&t1).await?, "both commit: an update is lost");
    script.store.holds("1=12 2=22 3=30").await?;
    Ok(())
}

async fn p4_lost_update_by_conditions(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.putc(b("1"), b("11"), Some(b("10"))).await?;
    t2.putc(b("1"), b("12"), Some(b("10"))).await?;
    t1.delc(b("2"), Some(b("20"))).await?;
    assert!(commits(&t1).await?);
    assert!(!commits(&t2).await?, "both conditions are taken for true");
    script.store.holds("1=11").await?;
    Ok(())
}

async fn p4_lost_update_by_creation(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2, t3) = (script.write().await?, script.write().await?, script.write().await?);
    t1.put(b("3"), b("31")).await?;
    t2.put(b("3"), b("32")).await?;
    t3.putc(b("3"), b("33"), None).await?;
    assert!(commits(&t2).await?);
    assert!(!commits(&t1).await?, "a key is created twice");
    assert!(!commits(&t3).await?, "a key is created twice");
    script.store.holds("1=10 2=20 3=32").await?;
    Ok(())
}

async fn p4_lost_update_by_deletion(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!(number(&t1, "1").await?, 10);
    t1.give("1", "11").await?;
    t2.del(b("1")).await?;
    assert!(commits(&t2).await?);
    assert!(!commits(&t1).await?, "the delete is lost");
    let (t3, t4) = (script.write().await?, script.write().await?);
    t3.del(b("2")).await?;
    t4.give("2", "21").await?;
    assert!(commits(&t4).await?);
    assert!(!commits(&t3).await?, "the update is lost");
    script.store.holds("2=21").await?;
    Ok(())
}

async fn p4_lost_update_of_a_chain(script: Script) -> Verdict {
    script.store.given("n=0").await?;
    let mut done = 0;
    for _ in 0..10 {
        let txs = [script.write().await?, script.write().await?, script.write().await?];
        for tx in &txs {
            let next = number(tx, "n").await? + 1;
            tx.give("n", &next.to_string()).await?;
        }
        for tx in &txs {
            done += i64::from(commits(tx).await?);
        }
        assert_eq!(number(&script.read().await?, "n").await?, done, "an increment is lost");
    }
    assert_eq!(done, 10);
    script.store.holds("n=10").await?;
    Ok(())
}

async fn pmp_write_predicate(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    for key in ["1", "2"] {
        let more = number(&t1, key).await? + 10;
        t1.give(key, &more.to_string()).await?;
    }
    assert_eq!(multiples(&t2, 20).await?, "2=20");
    assert!(commits(&t1).await?);
    // "Delete where the value is 20": the snapshot's row, which is another one by now.
    assert_eq!(multiples(&t2, 20).await?, "2=20");
    t2.del(b("2")).await?;
    assert!(!commits(&t2).await?, "a row that did not match any more is deleted");
    script.store.holds("1=20 2=30").await?;
    Ok(())
}

async fn g_single_write_predicate(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!(number(&t1, "1").await?, 10);
    assert_eq!(multiples(&t2, 1).await?, "1=10 2=20");
    t2.apply("1=12 2=18").await?;
    assert!(commits(&t2).await?);
    assert_eq!(multiples(&t1, 20).await?, "2=20");
    t1.del(b("2")).await?;
    assert!(!commits(&t1).await?, "a row that did not match any more is deleted");
    script.store.holds("1=12 2=18").await?;
    Ok(())
}

async fn g_single_write_predicate_by_range(script: Script) -> Verdict {
    script.store.given("a1=1 a2=1 b1=1").await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.delr(KeyRange::prefix("a")).await?;
    t2.apply("a2=2 b1=2").await?;
    assert!(commits(&t2).await?);
    assert!(!commits(&t1).await?, "an update is lost to a range delete");
    let t3 = script.write().await?;
    t3.delr(KeyRange::prefix("a")).await?;
    assert!(commits(&t3).await?);
    script.store.holds("b1=2").await?;
    Ok(())
}
