//! G0, G1a, G1b, G1c and OTV: what even read committed forbids.

use super::script::{Levels, Script, at_both_levels, commits, multiples};
use crate::fixture::Verdict;

pub(super) fn cases() -> Levels {
    at_both_levels![
        g0_write_cycles,
        g0_write_cycles_over_many_keys,
        g1a_aborted_reads,
        g1a_reads_of_a_loser,
        g1b_intermediate_reads,
        g1c_circular_information_flow,
        otv_observed_transaction_vanishes,
    ]
}

async fn g0_write_cycles(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.give("1", "11").await?;
    t2.give("1", "12").await?;
    t1.give("2", "21").await?;
    assert!(commits(&t1).await?);
    assert_eq!(script.store.all().await?, "1=11 2=21");
    t2.give("2", "22").await?;
    let expected = if commits(&t2).await? { "1=12 2=22" } else { "1=11 2=21" };
    script.store.holds(expected).await?;
    Ok(())
}

async fn g0_write_cycles_over_many_keys(script: Script) -> Verdict {
    let row = |n: usize| (0..20).map(|key| format!("k{key:02}={n}")).collect::<Vec<_>>();
    script.store.given(&row(0).join(" ")).await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    // Each writes half of the keys before the other does, in the opposite order.
    for (one, other) in row(1).iter().zip(row(2).iter().rev()) {
        t1.apply(one).await?;
        t2.apply(other).await?;
    }
    let (second, first) = (commits(&t2).await?, commits(&t1).await?);
    assert!(second, "the first to commit has nothing to conflict with");
    let winner = if first { 1 } else { 2 };
    script.store.holds(&row(winner).join(" ")).await?;
    Ok(())
}

async fn g1a_aborted_reads(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.give("1", "101").await?;
    t1.apply("-2 3=30").await?;
    assert_eq!(t2.all().await?, "1=10 2=20");
    assert_eq!(script.read().await?.all().await?, "1=10 2=20");
    t1.cancel().await?;
    assert_eq!(t2.val("1").await?, "10");
    assert_eq!(t2.all().await?, "1=10 2=20");
    assert!(commits(&t2).await?);
    script.store.holds("1=10 2=20").await?;
    Ok(())
}

async fn g1a_reads_of_a_loser(script: Script) -> Verdict {
    script.given().await?;
    let loser = script.write().await?;
    loser.apply("1=101 2=102").await?;
    script.store.commit("1=11").await?;
    let before = script.read().await?;
    assert!(!commits(&loser).await?, "the first committer of a key wins");
    assert_eq!(before.all().await?, "1=11 2=20");
    assert_eq!(script.read().await?.all().await?, "1=11 2=20");
    script.store.holds("1=11 2=20").await?;
    Ok(())
}

async fn g1b_intermediate_reads(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.give("1", "101").await?;
    assert_eq!(t2.val("1").await?, "10");
    t1.give("1", "11").await?;
    let t3 = script.read().await?;
    assert!(commits(&t1).await?);
    assert_eq!(t2.val("1").await?, "10");
    assert_eq!(t3.val("1").await?, "10");
    assert_eq!(script.read().await?.val("1").await?, "11");
    script.only_read(&t2).await?;
    script.store.holds("1=11 2=20").await?;
    Ok(())
}

async fn g1c_circular_information_flow(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.give("1", "11").await?;
    t2.give("2", "22").await?;
    assert_eq!(t1.val("2").await?, "20");
    assert_eq!(t2.val("1").await?, "10");
    let (first, second) = (commits(&t1).await?, commits(&t2).await?);
    assert!(first, "the first to commit has nothing to conflict with");
    // Each read before the other wrote: no order explains both.
    assert!(!(second && script.is_serializable()), "both commit");
    script.store.holds(if second { "1=11 2=22" } else { "1=11 2=20" }).await?;
    Ok(())
}

async fn otv_observed_transaction_vanishes(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    t1.apply("1=11 2=19").await?;
    t2.give("1", "12").await?;
    assert!(commits(&t1).await?);
    let t3 = script.read().await?;
    assert_eq!(t3.val("1").await?, "11");
    t2.give("2", "18").await?;
    assert_eq!(t3.val("2").await?, "19");
    let second = commits(&t2).await?;
    assert_eq!((t3.val("2").await?, t3.val("1").await?), ("19".into(), "11".into()));
    assert_eq!(multiples(&t3, 1).await?, "1=11 2=19");
    script.store.holds(if second { "1=12 2=18" } else { "1=11 2=19" }).await?;
    Ok(())
}
