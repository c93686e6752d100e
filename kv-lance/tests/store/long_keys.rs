//! Keys up to a mebibyte: an index on a string of 70,000 characters could not be stored.

use super::*;
use bytes::Bytes;
use kv_api::{Error, MAX_KEY_BYTES};

type Entries = Vec<(Bytes, Bytes)>;

/// Keys that share all but their end, of several lengths, and short ones between and around them.
fn keys() -> Vec<Bytes> {
    let mut keys: Vec<Bytes> = vec!["".into(), "a".into(), "l".into(), "long".into(), "m".into(), "z".into()];
    for length in [300, 70_000, MAX_KEY_BYTES] {
        for end in [0, 1, 200, 255] {
            let mut key = vec![b'l'; length];
            key[length - 1] = end;
            keys.push(key.into());
        }
    }
    keys.sort();
    keys
}

async fn put(store: &LanceDatastore, entries: impl Iterator<Item = (Bytes, Bytes)>) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in entries {
        tx.set(key, val).await?;
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

/// Not by `assert_eq`: a failure would print megabytes.
async fn check(store: &LanceDatastore, expected: &Entries, version: Option<Version>) -> Result<()> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let forward = tx.scan(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, version).await?;
    assert!(forward == *expected, "{} rows forwards", forward.len());
    let mut backward = tx.scanr(KeyRange::all(), ScanLimit::Count(u32::MAX), 0, version).await?;
    backward.reverse();
    assert!(backward == *expected, "{} rows backwards", backward.len());
    assert_eq!(tx.count(KeyRange::all(), version).await?, expected.len() as u64);
    for (i, (key, val)) in expected.iter().enumerate() {
        assert!(tx.get(key, version).await?.as_ref() == Some(val), "key {i} of {} bytes", key.len());
        let (behind, before) = ([key, &b"\0"[..]].concat(), &key[..key.len().saturating_sub(1)]);
        if behind.len() <= MAX_KEY_BYTES {
            assert!(!tx.exists(&behind, version).await?);
        }
        assert_eq!(tx.exists(before, version).await?, expected.iter().any(|(key, _)| key == before));
        let rest = tx.keys(KeyRange::from(key.clone()..), ScanLimit::Count(2), 0, version).await?;
        assert!(rest.iter().eq(expected[i..].iter().map(|(key, _)| key).take(2)), "from key {i}");
        let rest = tx.keysr(KeyRange::from(..key.clone()), ScanLimit::Count(1), 0, version).await?;
        assert!(rest.iter().eq(expected[..i].iter().map(|(key, _)| key).next_back()), "before key {i}");
    }
    Ok(())
}

#[tokio::test]
async fn long_keys_are_read_from_memory_journal_and_runs() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).memtable_bytes(64 << 20);
    let entries = |what: &str| -> Entries {
        keys().into_iter().enumerate().map(|(i, key)| (key, format!("{what} {i}").into())).collect()
    };
    let mut states = Vec::new();
    let store = open(config()).await?;
    for what in ["first", "second"] {
        states.push((put(&store, entries(what).into_iter()).await?, entries(what)));
    }
    check(&store, &states[1].1, None).await?;
    store.shutdown().await?;

    let store = open(config()).await?;
    store.flush().await?;
    // Each key has versions in several blocks, and in two runs.
    for what in ["third", "fourth", "fifth"] {
        states.push((put(&store, entries(what).into_iter()).await?, entries(what)));
    }
    store.flush().await?;
    for compacted in [false, true] {
        for (version, expected) in &states {
            check(&store, expected, Some(*version)).await?;
        }
        if !compacted {
            store.compact().await?;
        }
    }
    store.shutdown().await?;

    let store = open(config().index_cache_bytes(0)).await?;
    check(&store, &states[4].1, None).await?;
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    check(&store, &states[4].1, None).await?;
    store.shutdown().await
}

#[tokio::test]
async fn a_key_of_more_than_a_mebibyte_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    match tx.set(vec![0; MAX_KEY_BYTES + 1].into(), "1".into()).await {
        Err(Error::KeyTooLarge { size, limit }) => assert_eq!((size, limit), (1_048_577, 1_048_576)),
        other => panic!("{other:?}"),
    }
    Ok(())
}

/// The first key of every block was kept in memory: half of what a run of long keys had on disk.
#[tokio::test]
async fn long_keys_that_differ_early_do_not_sit_in_the_index() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).cache_bytes(0)).await?;
    let key = |i: u32| -> Bytes { [&i.to_be_bytes()[..], &vec![b'k'; 70_000]].concat().into() };
    put(&store, (0..200).map(|i| (key(i), "1".into()))).await?;
    store.flush().await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    for i in 0..200 {
        assert_eq!(tx.get(&key(i), None).await?.as_deref(), Some(&b"1"[..]));
    }
    let (loaded, resident) = (figure(&store, "index_cache_bytes"), figure(&store, "run_resident_bytes"));
    assert!(loaded < 40_000, "{loaded} bytes");
    // The first and the last key of the run.
    assert!(resident < 160_000, "{resident} bytes");
    store.shutdown().await
}
