//! Live queries among writers on several threads: nothing twice, nothing missed, and the old values are the right ones.

use super::write_all;
use crate::case::{Case, cases};
use crate::fixture::{Failure, Happening, Live, Mismatch, Store, Told, Verdict, show};
use kv_api::{Error, Key, KeyRange, Val, Version};
use kv_live::{Contents, LiveQueries};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_snapshot_and_then_everything,
        a_snapshot_and_what_is_committed_at_once,
        commits_at_the_beginning,
        live_queries_through_maintenance,
    ]
}

/// What a live query said: its snapshot, the version of that, and the commits after it.
type Heard = (BTreeMap<Key, Option<Val>>, Version, Vec<(Version, String)>);

async fn listen(mut query: Live) -> Result<Heard, Mismatch> {
    let (rows, version) = query.snapshot().await?;
    // One begun behind the last commit has it in its snapshot.
    let commits = if rows.contains_key(b"~".as_slice()) { Vec::new() } else { query.until("~").await? };
    Ok((rows, version, commits))
}

/// Asserts that the snapshot is the store at its version.
async fn compare_snapshot(store: &Store, heard: &Heard, range: &KeyRange) -> Verdict {
    let (rows, version, _) = heard.clone();
    let rows: Vec<(Key, Val)> = rows.into_iter().map(|(key, val)| (key, val.unwrap_or_default())).collect();
    let expected = store.read().await?.rows_at(range.clone(), version).await?;
    assert_eq!(show(&rows), show(&expected), "the snapshot of version {version}");
    Ok(())
}

async fn a_snapshot_and_then_everything(store: Store) -> Verdict {
    let live = store.live();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { write_all(&store, 60).await }
    });
    let mut listening = Vec::new();
    for n in 0..12 {
        // Everything, or a part that has the last commit; some with old values, which take a transaction for each commit.
        let range = if n % 2 == 0 { KeyRange::all() } else { KeyRange::from("k05"..) };
        let contents = if n % 4 < 2 { Contents::New } else { Contents::OldAndNew };
        let query = Live::with(&live, range.clone(), |query| query.contents(contents)).await?;
        listening.push((range, contents, tokio::spawn(listen(query))));
        sleep(Duration::from_micros(800)).await;
    }
    let given = writing.await??;
    let happening = Happening::of(&given);
    for (range, contents, heard) in listening {
        let heard = heard.await??;
        compare_snapshot(&store, &heard, &range).await?;
        let (_, version, commits) = heard;
        let expected = match contents {
            Contents::OldAndNew => happening.after(version, &range),
            _ => happening.new_after(version, &range),
        };
        assert_eq!(commits, expected, "the commits after {version}");
    }
    Ok(())
}

/// Where the snapshot ends and what is live begins, there must be no seam.
async fn a_snapshot_and_what_is_committed_at_once(store: Store) -> Verdict {
    let live = store.live();
    let mut happening = Happening::default();
    let counting = tokio::spawn({
        let store = store.clone();
        async move {
            let mut given = Vec::new();
            for n in 0..150 {
                let script = format!("n={n} n{}={n}", n % 7);
                given.push((store.commit(&script).await?, script));
            }
            let end = "~=end".to_owned();
            given.push((store.commit(&end).await?, end));
            Ok::<_, Error>(given)
        }
    });
    let mut listening = Vec::new();
    while !counting.is_finished() && listening.len() < 40 {
        let query = Live::with(&live, .., |query| query.contents(Contents::New)).await?;
        listening.push(tokio::spawn(listen(query)));
        sleep(Duration::from_micros(200)).await;
    }
    for (version, script) in counting.await?? {
        happening.add(version, &script);
    }
    for heard in listening {
        let heard = heard.await??;
        compare_snapshot(&store, &heard, &KeyRange::all()).await?;
        let (_, version, commits) = heard;
        assert_eq!(commits, happening.new_after(version, &KeyRange::all()), "the commits after {version}");
    }
    Ok(())
}

/// The first live query of a store begins to follow it: what is committed right then must not get lost.
async fn commits_at_the_beginning(store: Store) -> Verdict {
    for n in 0..30 {
        let live = store.live();
        let (mut query, begun) = (Live::begin(&live, "a".."b").await?, store.commit(&format!("a={n} x=1")).await?);
        let (rows, version) = query.snapshot().await?;
        assert!(version < begun, "the snapshot is from before the commit");
        let old = rows.values().flatten().next().map(|val| String::from_utf8_lossy(val).into_owned());
        let expected = old.map_or_else(|| format!("+a={n}"), |old| format!("a={old}>{n}"));
        query.gives(begun, &expected).await?;
    }
    Ok(())
}

/// What a consumer does that may be told that it fell behind.
async fn follow(live: &LiveQueries) -> Result<BTreeMap<Key, Option<Val>>, Failure> {
    let options = |query: kv_live::LiveQuery| query.contents(Contents::New);
    'anew: for _ in 0..1000 {
        let mut query = Live::with(live, .., options).await?;
        let (mut rows, _) = query.snapshot().await?;
        while !rows.contains_key(b"~".as_slice()) {
            match query.next().await? {
                Told::Commit(_, events) => apply(&mut rows, &events),
                Told::NotRetained(_) => continue 'anew,
                Told::Closed => return Err(Failure::new("the store has not been closed")),
            }
        }
        return Ok(rows);
    }
    Err(Failure::new("what is current is never retained"))
}

fn apply(rows: &mut BTreeMap<Key, Option<Val>>, events: &str) {
    for event in events.split(' ') {
        match (event.strip_prefix('-'), event.split_once('=')) {
            (Some(key), _) => rows.remove(key.as_bytes()),
            (None, Some((key, val))) => rows.insert(Key::copy_from_slice(key.as_bytes()), Some(val.to_owned().into())),
            (None, None) => panic!("'{event}' says nothing of a value"),
        };
    }
}

async fn live_queries_through_maintenance(store: Store) -> Verdict {
    let (maintenance, live) = (store.maintain(), store.live());
    let (given, one, other) = tokio::join!(write_all(&store, 60), follow(&live), follow(&live));
    maintenance.end().await?;
    given?;
    let all = store.read().await?.rows(..).await?;
    for rows in [one?, other?] {
        let rows: Vec<(Key, Val)> = rows.into_iter().map(|(key, val)| (key, val.unwrap_or_default())).collect();
        assert_eq!(show(&rows), show(&all));
    }
    Ok(())
}
