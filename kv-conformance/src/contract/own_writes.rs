//! A transaction sees its own writes merged into its snapshot, and nobody else does.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, show};
use kv_api::KeyRange;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "own_writes",
        cases![
            points_see_them,
            scans_merge_them_in,
            backward_scans_merge_them_in,
            keys_and_counts_merge_them_in,
            deletes_hide_what_is_stored,
            a_range_of_nothing_but_own_deletes,
            only_those_in_the_range_count,
            they_stand_at_both_ends_of_what_is_stored,
            others_do_not_see_them,
            an_overwritten_key_is_answered_once,
            many_of_them_between_many_stored,
        ],
    )
}

async fn points_see_them(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=1").await?;
    assert_eq!(
        (tx.val("a").await?.as_str(), tx.val("b").await?.as_str(), tx.val("c").await?.as_str()),
        ("2", "-", "1")
    );
    assert!(tx.exists(b"a", None).await?);
    assert!(!tx.exists(b"b", None).await?);
    assert!(tx.exists(b"c", None).await?);
    Ok(())
}

async fn scans_merge_them_in(store: Store) -> Verdict {
    store.given("b=1 d=1 f=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2 d=2 -f g=2").await?;
    assert_eq!(tx.all().await?, "a=2 b=1 c=2 d=2 g=2");
    Ok(())
}

async fn backward_scans_merge_them_in(store: Store) -> Verdict {
    store.given("b=1 d=1 f=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2 d=2 -f g=2").await?;
    let rows = tx.scanr(KeyRange::all(), 100.into(), 0, None).await?;
    assert_eq!(show(&rows), "g=2 d=2 c=2 b=1 a=2");
    Ok(())
}

async fn keys_and_counts_merge_them_in(store: Store) -> Verdict {
    store.given("b=1 d=1 f=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2 d=2 -f g=2").await?;
    assert_eq!(tx.page(100, 0).await?, "a b c d g");
    assert_eq!(tx.page_back(100, 0).await?, "g d c b a");
    assert_eq!(tx.count((..).into(), None).await?, 5);
    Ok(())
}

async fn deletes_hide_what_is_stored(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.apply("-a -c").await?;
    assert_eq!(tx.all().await?, "b=1");
    tx.give("a", "2").await?;
    assert_eq!(tx.all().await?, "a=2 b=1");
    tx.commit().await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn a_range_of_nothing_but_own_deletes(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1 d=1").await?;
    let tx = store.write().await?;
    tx.apply("-b -c -bb").await?;
    assert_eq!(tx.show("b".."d").await?, "");
    assert_eq!(tx.count(("b".."d").into(), None).await?, 0);
    assert!(tx.scanr(("b".."d").into(), 100.into(), 0, None).await?.is_empty());
    Ok(())
}

async fn only_those_in_the_range_count(store: Store) -> Verdict {
    store.given("c=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2 d=2 e=2").await?;
    assert_eq!(tx.show("b".."e").await?, "b=2 c=1 d=2");
    assert_eq!(tx.show("c".."d").await?, "c=1");
    assert_eq!(tx.show("d"..).await?, "d=2 e=2");
    assert_eq!(tx.show(.."b").await?, "a=2");
    Ok(())
}

async fn they_stand_at_both_ends_of_what_is_stored(store: Store) -> Verdict {
    store.given("m=1").await?;
    let tx = store.write().await?;
    tx.set(b(""), b("first")).await?;
    tx.set(vec![0xff; 3].into(), b("last")).await?;
    assert_eq!(tx.all().await?, r"=first m=1 \xff\xff\xff=last");
    assert_eq!(tx.page(1, 0).await?, "");
    assert_eq!(tx.page_back(1, 0).await?, r"\xff\xff\xff");
    Ok(())
}

async fn others_do_not_see_them(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let before = store.read().await?;
    let tx = store.write().await?;
    tx.apply("a=2 -b c=2").await?;
    assert_eq!(before.all().await?, "a=1 b=1");
    assert_eq!(store.all().await?, "a=1 b=1");
    assert_eq!(store.write().await?.val("a").await?, "1");
    tx.commit().await?;
    assert_eq!(before.all().await?, "a=1 b=1");
    assert_eq!(store.all().await?, "a=2 c=2");
    Ok(())
}

async fn an_overwritten_key_is_answered_once(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    store.commit("a=2").await?;
    let tx = store.write().await?;
    tx.apply("a=3 a=4").await?;
    assert_eq!(tx.all().await?, "a=4 b=1");
    assert_eq!(tx.page_back(100, 0).await?, "b a");
    assert_eq!(tx.count((..).into(), None).await?, 2);
    Ok(())
}

async fn many_of_them_between_many_stored(store: Store) -> Verdict {
    let script =
        |step: usize, val: &str| (0..600).step_by(step).map(|n| format!("k{n:03}={val}")).collect::<Vec<_>>().join(" ");
    store.given(&script(2, "stored")).await?;
    let tx = store.write().await?;
    tx.apply(&script(3, "own")).await?;
    for n in (0..600).step_by(5) {
        tx.del(b(&format!("k{n:03}"))).await?;
    }
    let expected: Vec<_> = (0..600)
        .filter(|n| n % 5 != 0 && (n % 2 == 0 || n % 3 == 0))
        .map(|n| (b(&format!("k{n:03}")), b(if n % 3 == 0 { "own" } else { "stored" })))
        .collect();
    assert_eq!(tx.rows(..).await?, expected);
    let mut back = tx.scanr((..).into(), u32::MAX.into(), 0, None).await?;
    back.reverse();
    assert_eq!(back, expected);
    assert_eq!(tx.count((..).into(), None).await?, expected.len() as u64);
    tx.commit().await?;
    store.holds(&show(&expected)).await?;
    Ok(())
}
