//! Whatever is done to one of a store's files: a repair saves what lies outside of the damage, and invents nothing.

use super::super::*;
use super::image::Image;
use super::sample::{self, Sample};
use kv_lance::{Loss, RepairOptions, Repaired, repair};
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::Duration;

/// Repairs a store, which is as in `damaged`, with and without doubtful rows, and looks at what is saved.
pub(super) async fn trial(sample: &Sample, dir: &Path, damaged: &Image) -> Result<(), String> {
    for strict in [false, true] {
        let wrong = |what: String| Err(format!("repairing it, strict {strict}: {what}"));
        let into = dir.with_file_name("saved");
        let (repaired, saved) = match saved(dir, &into, strict).await {
            Ok(saved) => saved,
            Err(what) => return wrong(what),
        };
        if Image::take(dir) != *damaged {
            return wrong("it changed the store".into());
        }
        if let Err(what) = check(sample, &repaired, &saved, strict) {
            return wrong(format!("{what}; {:#?}", repaired.losses));
        }
    }
    Ok(())
}

/// Repairs a store into another place, where nothing is then any more; what was in it.
pub(super) async fn saved(
    dir: &Path,
    into: &Path,
    strict: bool,
) -> Result<(Repaired, BTreeMap<String, String>), String> {
    let (config, new) = (sample::config(dir), LanceConfig::new(into).background_optimize(false));
    // On a task of its own, so that a panic or a loop is seen from outside.
    let repairing = tokio::spawn({
        let new = new.clone();
        async move { repair(&config, &new, &RepairOptions::default().strict(strict), |_, _| ()).await }
    });
    let repaired = match tokio::time::timeout(Duration::from_secs(60), repairing).await {
        Err(_) => return Err("it takes more than a minute".into()),
        Ok(Err(panicked)) => return Err(format!("it panicked: {panicked}")),
        Ok(Ok(repaired)) => repaired.map_err(|e| e.to_string())?,
    };
    let read = async {
        let store = open(new).await?;
        let rows = all(&store, None).await;
        store.shutdown().await?;
        rows
    };
    let rows = read.await.map_err(|e| format!("the new store: {e}"))?;
    std::fs::remove_dir_all(into).unwrap();
    if repaired.keys != rows.len() as u64 {
        return Err(format!("it tells of {} keys, and saved {}", repaired.keys, rows.len()));
    }
    Ok((repaired, rows.into_iter().collect()))
}

fn check(sample: &Sample, repaired: &Repaired, saved: &BTreeMap<String, String>, strict: bool) -> Result<(), String> {
    let right: BTreeMap<String, String> = sample.states.last().unwrap().1.iter().cloned().collect();
    if repaired.losses.is_empty() && *saved != right {
        return Err("it says that nothing is damaged, and something is missing".into());
    }
    if let Some((key, val)) = saved.iter().find(|(key, val)| !sample.was_written(key, val)) {
        return Err(format!("it made up '{val}' for '{key}'"));
    }
    let mut differing = 0;
    for key in right.keys().chain(saved.keys().filter(|key| !right.contains_key(*key))) {
        if right.get(key) == saved.get(key) {
            continue;
        }
        if strict && saved.contains_key(key) {
            return Err(format!("it saved '{:?}' for '{key}', which is doubtful", saved.get(key)));
        }
        if !repaired.losses.iter().any(|loss| covers(loss, key)) {
            return Err(format!("'{key}' is {:?}, and nothing says so", saved.get(key)));
        }
        differing += u64::from(saved.contains_key(key));
    }
    let doubtful: u64 = repaired.losses.iter().map(|loss| loss.doubtful).sum();
    if differing > repaired.doubtful || doubtful != repaired.doubtful {
        return Err(format!("{differing} values are outdated, {doubtful} and {} doubtful", repaired.doubtful));
    }
    Ok(())
}

/// Whether a loss says that it may hide rows of a key.
pub(super) fn covers(loss: &Loss, key: &str) -> bool {
    loss.keys.as_ref().is_some_and(|range| range.contains(&kv_api::Key::copy_from_slice(key.as_bytes())))
}
