//! What is done to a store whose power is cut, and what must be left of it.

use super::super::*;
use super::disk::{Cut, Disk};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use futures::TryStreamExt;
use kv_lance::Durability;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a store is opened.
pub(super) fn config(dir: &Path, durability: Durability) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(2 << 10)
        .partition_bytes(2 << 10)
        .block_bytes(256)
        .durability(durability)
        .sync_interval(std::time::Duration::from_millis(3))
}

/// The state after the first `n` commits.
pub(super) fn state(n: u64) -> Rows {
    let mut state = BTreeMap::new();
    for i in 1..=n {
        for (key, val) in writes(i) {
            match val.is_empty() {
                true => state.remove(&key),
                false => state.insert(key, val),
            };
        }
    }
    state.into_iter().collect()
}

/// What commit `i` writes; an empty value deletes.
pub(super) fn writes(i: u64) -> Vec<(String, String)> {
    let padding = "x".repeat((i * 97 % 301) as usize);
    vec![
        (format!("a{}", i % 7), format!("{i} {padding}")),
        (format!("k{}", i % 5), if i.is_multiple_of(3) { String::new() } else { format!("{i}") }),
        ("n".into(), i.to_string()),
        (format!("z{}", (i + 3) % 11), if i % 4 == 1 { String::new() } else { format!("{i} {padding}") }),
    ]
}

/// Whether commit `i` gets a tag, and which.
fn is_tagged(i: u64) -> bool {
    i % 10 == 4
}

fn tag_of(i: u64) -> String {
    format!("t{i}")
}

/// Opens the store again and again, commits, tags, flushes and compacts; the versions of the commits.
pub(super) async fn run(disk: &Arc<Disk>, dir: &Path, durability: Durability, commits: u64) -> Result<Vec<Version>> {
    let mut versions = vec![];
    let promise = |n: usize| disk.promised.store(n as u64, Ordering::SeqCst);
    let open_store = || open(config(dir, durability).files(disk.files()));
    let mut store = open_store().await?;
    for i in 1..=commits {
        disk.begun.store(i, Ordering::SeqCst);
        let writes = writes(i);
        let rows: Vec<(&str, &str)> = writes.iter().map(|(key, val)| (key.as_str(), val.as_str())).collect();
        versions.push(write(&store, &rows).await?);
        if durability == Durability::Immediate {
            promise(versions.len());
        }
        if is_tagged(i) {
            store.tag(&tag_of(i), None).await?;
            promise(versions.len());
            disk.tagged.store(i, Ordering::SeqCst);
        }
        match i % 23 {
            3 | 11 | 14 => {
                store.publish(None).await?;
                promise(versions.len());
                disk.published.store(i, Ordering::SeqCst);
            }
            6 => {
                store.flush().await?;
                promise(versions.len());
            }
            13 => store.compact().await?,
            17 => {
                store.shutdown().await?;
                promise(versions.len());
                drop(store);
                store = open_store().await?;
            }
            22 => {
                drop(store);
                store = open_store().await?;
            }
            _ => {}
        }
    }
    store.shutdown().await?;
    promise(versions.len());
    Ok(versions)
}

/// Opens what a cut has left; what is wrong with it, if anything is. `thorough` looks at the past
/// as well, and goes on from there.
pub(super) async fn check(
    cut: &Cut,
    durability: Durability,
    versions: &[Version],
    thorough: bool,
) -> std::result::Result<(), String> {
    let dir = cut.image.join("store");
    let wrong = |what: String| format!("{what}; cut: {}; {} promised, {} begun", cut.moment, cut.promised, cut.begun);
    let failed = |e: kv_api::Error| wrong(format!("{e}"));
    for table in ["kv.lance", "history.lance", "published.lance"] {
        outside(&dir.join(table)).await.map_err(&wrong)?;
    }
    published(&dir, cut).await.map_err(&wrong)?;
    let store = open(config(&dir, durability)).await.map_err(failed)?;
    let found = all(&store, None).await.map_err(failed)?;
    let count = found.iter().find(|(key, _)| key == "n").map_or(0, |(_, val)| val.parse().unwrap_or(u64::MAX));
    if !(cut.promised..=cut.begun).contains(&count) || found != state(count) {
        return Err(wrong(format!("it holds {count} commits, whole: {}", found == state(count.min(1 << 20)))));
    }
    for i in (1..=cut.tagged).filter(|i| is_tagged(*i)) {
        let version = store.tagged(&tag_of(i)).await.map_err(failed)?;
        if versions.get(i as usize - 1) != Some(&version) {
            return Err(wrong(format!("the tag of commit {i} stands for version {version}")));
        }
        if thorough && all(&store, Some(version)).await.map_err(failed)? != state(i) {
            return Err(wrong(format!("at the tag of commit {i} it does not hold what it did")));
        }
    }
    if !thorough {
        return Ok(());
    }
    for n in [count / 3, count.saturating_sub(1)] {
        let Some(version) = n.checked_sub(1).and_then(|index| versions.get(index as usize)) else { continue };
        let past = all(&store, Some(*version)).await.map_err(failed)?;
        if past != state(n) {
            return Err(wrong(format!("at version {version}, after {n} commits, it does not hold what it did")));
        }
    }
    // It goes on from there.
    write(&store, &[("n", "goes on")]).await.map_err(failed)?;
    drop(store);
    let store = open(config(&dir, durability)).await.map_err(failed)?;
    let went_on = all(&store, None).await.map_err(failed)?;
    match went_on.iter().any(|(key, val)| key == "n" && val == "goes on") {
        true => Ok(()),
        false => Err(wrong("a commit after it is lost".into())),
    }
}

/// Whether another reader of Lance finds what was published, or what was about to be, whole.
async fn published(dir: &Path, cut: &Cut) -> std::result::Result<(), String> {
    let table = dir.join("published.lance");
    let dataset = match lance::Dataset::open(&table.to_string_lossy()).await {
        Ok(dataset) => dataset,
        Err(e) if cut.published > 0 => return Err(format!("what was published: {e}")),
        Err(_) => return Ok(()),
    };
    let failed = |e: lance::Error| format!("what was published cannot be read: {e}");
    let batches: Vec<RecordBatch> =
        dataset.scan().try_into_stream().await.map_err(failed)?.try_collect().await.map_err(failed)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Rows::new();
    for batch in &batches {
        let (keys, vals) = (batch.column(0).as_binary::<i32>(), batch.column(3).as_binary::<i32>());
        found.extend((0..batch.num_rows()).map(|row| (text(keys.value(row)), text(vals.value(row)))));
    }
    found.sort();
    let count = found.iter().find(|(key, _)| key == "n").map_or(0, |(_, val)| val.parse().unwrap_or(u64::MAX));
    match (cut.published..=cut.begun).contains(&count) && found == state(count) {
        true => Ok(()),
        false => Err(format!("commit {} was published, and it shows {count}: {found:?}", cut.published)),
    }
}

/// Whether another reader of Lance finds the files of the table before the store has been opened.
async fn outside(table: &Path) -> std::result::Result<(), String> {
    let is_manifest = |path: &Path| path.extension().is_some_and(|e| e == "manifest");
    let listed = std::fs::read_dir(table.join("_versions")).into_iter().flatten();
    if !listed.flatten().any(|entry| is_manifest(&entry.path())) {
        return Ok(());
    }
    let dataset = lance::Dataset::open(&table.to_string_lossy()).await.map_err(|e| format!("for others: {e}"))?;
    let mut files = dataset.manifest().fragments.iter().flat_map(|fragment| &fragment.files);
    if let Some(file) = files.find(|file| !table.join("data").join(&file.path).exists()) {
        return Err(format!("for others {} lacks {}", table.display(), file.path));
    }
    for tag in dataset.tags().list().await.map_err(|e| format!("tags for others: {e}"))?.into_keys() {
        let tagged = dataset.checkout_version(tag.as_str()).await;
        tagged.map_err(|e| format!("the tag {tag} for others: {e}"))?;
    }
    Ok(())
}
