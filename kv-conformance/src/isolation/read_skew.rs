//! PMP, G-single and long fork: reads that no point in time explains.

use super::script::{Levels, Script, at_both_levels, commits, multiples};
use crate::fixture::{Tx, Verdict, b, show, text};
use kv_api::{KeyRange, Result, ScanLimit};

pub(super) fn cases() -> Levels {
    at_both_levels![
        pmp_predicate_many_preceders,
        pmp_predicate_many_preceders_by_deletes,
        g_single_read_skew,
        g_single_read_skew_of_every_kind_of_read,
        g_single_read_skew_by_predicates,
        g_single_read_skew_across_flushes,
        g_single_read_skew_of_own_writes,
        long_fork_of_two_readers,
        monotonic_snapshots,
    ]
}

async fn pmp_predicate_many_preceders(script: Script) -> Verdict {
    script.given().await?;
    let (t1, t2) = (script.write().await?, script.write().await?);
    assert_eq!(multiples(&t1, 30).await?, "");
    t2.give("3", "30").await?;
    assert!(commits(&t2).await?);
    assert_eq!(multiples(&t1, 3).await?, "");
    assert_eq!(t1.count(KeyRange::all(), None).await?, 2);
    script.only_read(&t1).await?;
    script.store.holds("1=10 2=20 3=30").await?;
    Ok(())
}

async fn pmp_predicate_many_preceders_by_deletes(script: Script) -> Verdict {
    script.store.given("1=10 2=20 3=30 4=40").await?;
    let t1 = script.read().await?;
    assert_eq!(multiples(&t1, 20).await?, "2=20 4=40");
    script.store.commit("-2").await?;
    assert_eq!(multiples(&t1, 20).await?, "2=20 4=40");
    let t2 = script.write().await?;
    t2.delr(KeyRange::all()).await?;
    assert!(commits(&t2).await?);
    assert_eq!(multiples(&t1, 10).await?, "1=10 2=20 3=30 4=40");
    script.store.holds("").await?;
    Ok(())
}

async fn g_single_read_skew(script: Script) -> Verdict {
    script.given().await?;
    let t1 = script.write().await?;
    assert_eq!(t1.val("1").await?, "10");
    let t2 = script.write().await?;
    assert_eq!((t2.val("1").await?, t2.val("2").await?), ("10".into(), "20".into()));
    t2.apply("1=12 2=18").await?;
    assert!(commits(&t2).await?);
    assert_eq!(t1.val("2").await?, "20");
    script.only_read(&t1).await?;
    script.store.holds("1=12 2=18").await?;
    Ok(())
}

/// All rows, as each kind of read shows them.
async fn every_view(tx: &Tx) -> Result<Vec<String>> {
    let (all, everything) = (ScanLimit::Count(u32::MAX), KeyRange::all());
    let forward = tx.scan(everything.clone(), all, 0, None).await?;
    let mut backward = tx.scanr(everything.clone(), all, 0, None).await?;
    backward.reverse();
    let mut points = Vec::new();
    for key in tx.keys(everything.clone(), all, 0, None).await? {
        if tx.exists(&key, None).await? {
            points.push(format!("{}={}", text(&key), tx.val(&text(&key)).await?));
        }
    }
    let mut several = Vec::new();
    let mut keys = tx.keysr(everything.clone(), all, 0, None).await?;
    keys.reverse();
    for (key, val) in keys.iter().zip(tx.getm(keys.clone(), None).await?) {
        several.push(format!("{}={}", text(key), val.map_or_else(|| "-".into(), |val| text(&val))));
    }
    let batch = tx.batch_keys_vals(everything.clone(), 1000, None).await?.items;
    let counted = tx.count(everything, None).await? as usize == forward.len();
    let counted = if counted { show(&forward) } else { "another count".into() };
    Ok(vec![show(&forward), show(&backward), points.join(" "), several.join(" "), show(&batch), counted])
}

async fn g_single_read_skew_of_every_kind_of_read(script: Script) -> Verdict {
    script.given().await?;
    let (reader, writer) = (script.read().await?, script.write().await?);
    assert_eq!(reader.val("1").await?, "10");
    writer.give("own", "1").await?;
    for n in 0..3 {
        script.store.commit(&format!("1={n} -2 3={n} 4{n}={n}")).await?;
        assert_eq!(every_view(&reader).await?, ["1=10 2=20"; 6]);
        assert_eq!(every_view(&writer).await?, ["1=10 2=20 own=1"; 6]);
    }
    script.store.holds("1=2 3=2 40=0 41=1 42=2").await?;
    Ok(())
}

async fn g_single_read_skew_by_predicates(script: Script) -> Verdict {
    script.given().await?;
    let t1 = script.write().await?;
    assert_eq!(multiples(&t1, 5).await?, "1=10 2=20");
    let t2 = script.write().await?;
    assert_eq!(multiples(&t2, 10).await?, "1=10 2=20");
    t2.give("1", "12").await?;
    assert!(commits(&t2).await?);
    assert_eq!(multiples(&t1, 3).await?, "");
    script.only_read(&t1).await?;
    script.store.holds("1=12 2=20").await?;
    Ok(())
}

async fn g_single_read_skew_across_flushes(script: Script) -> Verdict {
    script.given().await?;
    let t1 = script.read().await?;
    assert_eq!(t1.val("1").await?, "10");
    for n in 0..4 {
        script.store.commit(&format!("1={n} 2={n}")).await?;
        script.store.db().flush().await?;
        assert_eq!(t1.val("2").await?, "20");
        let t2 = script.read().await?;
        script.store.commit(&format!("1=-{n} 2=-{n}")).await?;
        script.store.db().compact().await?;
        assert_eq!(t2.all().await?, format!("1={n} 2={n}"));
    }
    assert_eq!(t1.all().await?, "1=10 2=20");
    script.store.holds("1=-3 2=-3").await?;
    Ok(())
}

async fn g_single_read_skew_of_own_writes(script: Script) -> Verdict {
    script.given().await?;
    let t1 = script.write().await?;
    t1.give("1", "11").await?;
    script.store.commit("2=21 3=31").await?;
    assert_eq!(t1.all().await?, "1=11 2=20");
    assert_eq!(t1.val("3").await?, "-");
    // A refused condition shows the snapshot as well.
    assert!(t1.putc(b("2"), b("22"), Some(b("21"))).await.is_err());
    let first = commits(&t1).await?;
    assert!(first || script.is_serializable(), "nobody else wrote the key");
    script.store.holds(if first { "1=11 2=21 3=31" } else { "1=10 2=21 3=31" }).await?;
    Ok(())
}

async fn long_fork_of_two_readers(script: Script) -> Verdict {
    for round in 0..4 {
        script.store.given("x=0 y=0").await?;
        let before = script.read().await?;
        script.store.commit("x=1").await?;
        let between = script.read().await?;
        script.store.commit("y=1").await?;
        let after = (script.read().await?, script.read().await?);
        assert_eq!(before.all().await?, "x=0 y=0", "round {round}");
        assert_eq!(between.all().await?, "x=1 y=0", "round {round}");
        for reader in [&after.0, &after.1] {
            assert_eq!((reader.val("y").await?, reader.val("x").await?), ("1".into(), "1".into()), "round {round}");
        }
    }
    script.store.holds("x=1 y=1").await?;
    Ok(())
}

async fn monotonic_snapshots(script: Script) -> Verdict {
    script.store.given("n=0").await?;
    for n in 1..20 {
        script.store.commit(&format!("n={n}")).await?;
        let (reader, writer) = (script.read().await?, script.write().await?);
        assert_eq!((reader.val("n").await?, writer.val("n").await?), (n.to_string(), n.to_string()));
    }
    script.store.holds("n=19").await?;
    Ok(())
}
