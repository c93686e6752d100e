//! Only what was asked for.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, b};
use kv_api::KeyRange;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_prefix,
        a_prefix_of_the_greatest_bytes,
        a_range_is_half_open,
        ranges_without_an_end,
        one_key,
        empty_ranges_give_nothing,
        commits_without_a_match_give_nothing,
        a_filtered_history_goes_on_live,
    ]
}

/// Asserts what feeds of `range` give of the commits, one that was there before them and one that was not.
async fn gives(store: Store, range: impl Into<KeyRange>, commits: &[(&str, &str)]) -> Verdict {
    let range = range.into();
    let mut live = store.changes(0, range.clone()).await?;
    let mut expected = Vec::new();
    for (script, rows) in commits {
        let version = store.commit(script).await?;
        if !rows.is_empty() {
            expected.push((version, (*rows).to_owned()));
        }
    }
    live.gives_all(&expected).await?;
    store.changes(0, range).await?.gives_all(&expected).await?;
    Ok(())
}

async fn a_prefix(store: Store) -> Verdict {
    let commits = [
        ("a=1 p=1 p1=1 pp=1 q=1", "p=1 p1=1 pp=1"),
        ("a=2 o=2 q=2", ""),
        ("-p1 -q", "-p1"),
        ("p~=3", "p~=3"),
        ("P=4 pz=4", "pz=4"),
    ];
    gives(store, KeyRange::prefix("p"), &commits).await
}

async fn a_prefix_of_the_greatest_bytes(store: Store) -> Verdict {
    let mut feed = store.changes(0, KeyRange::prefix(vec![0xff])).await?;
    store.commit("a=1").await?;
    let tx = store.write().await?;
    for key in [&b"\xfe\xff"[..], b"\xff", b"\xff\xff\xff"] {
        tx.set(key.into(), b("1")).await?;
    }
    tx.commit().await?;
    feed.gives(store.version().await?, "\\xff=1 \\xff\\xff\\xff=1").await?;
    Ok(())
}

async fn a_range_is_half_open(store: Store) -> Verdict {
    let commits = [
        ("a=1 b=1 b0=1 c=1 d=1", "b=1 b0=1 c=1"),
        ("d=2", ""),
        ("-b -d", "-b"),
        ("a=3 d=3 e=3", ""),
        ("c~=4 d=4", "c~=4"),
    ];
    gives(store, "b".."d", &commits).await
}

async fn ranges_without_an_end(store: Store) -> Verdict {
    let mut upper = store.changes(0, "b"..).await?;
    let mut lower = store.changes(0, .."b").await?;
    let first = store.commit("=1 a=1 b=1 z=1").await?;
    let second = store.commit("-a").await?;
    let third = store.commit("a=3 b=3").await?;
    upper.gives_all(&[(first, "b=1 z=1".into()), (third, "b=3".into())]).await?;
    lower.gives_all(&[(first, "=1 a=1".into()), (second, "-a".into()), (third, "a=3".into())]).await?;
    Ok(())
}

async fn one_key(store: Store) -> Verdict {
    let commits = [("k=1", "k=1"), ("k0=2 l=2", ""), ("j=3 k=3 k0=3", "k=3"), ("-k -l", "-k"), ("k=", "k=")];
    gives(store, KeyRange::single("k"), &commits).await
}

async fn empty_ranges_give_nothing(store: Store) -> Verdict {
    store.commit("a=1 b=1 c=1").await?;
    let mut feeds = Vec::new();
    for range in [KeyRange::from("b".."b"), KeyRange::from("c".."a"), KeyRange::from(..b(""))] {
        feeds.push(store.changes(0, range).await?);
    }
    store.commit("a=2 b=2 c=2").await?;
    store.db().shutdown().await?;
    for mut feed in feeds {
        feed.ends().await?;
    }
    Ok(())
}

async fn commits_without_a_match_give_nothing(store: Store) -> Verdict {
    let mut live = store.changes(0, KeyRange::prefix("p")).await?;
    commit_all(&store, (0..50).map(|n| format!("a{n}=1"))).await?;
    let first = store.commit("p=1").await?;
    live.gives(first, "p=1").await?;
    commit_all(&store, (0..50).map(|n| format!("-a{n}"))).await?;
    let second = store.commit("p=2").await?;
    live.gives(second, "p=2").await?;
    store.changes(0, KeyRange::prefix("p")).await?.gives_all(&[(first, "p=1".into()), (second, "p=2".into())]).await?;
    Ok(())
}

async fn a_filtered_history_goes_on_live(store: Store) -> Verdict {
    let script = |n: u32| format!("a={n} p{n}={n}");
    let mut expected = Vec::new();
    for n in 0..10 {
        expected.push((store.commit(&script(n)).await?, format!("p{n}={n}")));
        store.commit("b=1").await?;
    }
    let mut feed = store.changes(expected[2].0, KeyRange::prefix("p")).await?;
    feed.gives_all(&expected[3..6]).await?;
    for n in 10..20 {
        store.commit("b=2").await?;
        expected.push((store.commit(&script(n)).await?, format!("p{n}={n}")));
    }
    feed.gives_all(&expected[6..]).await?;
    Ok(())
}
