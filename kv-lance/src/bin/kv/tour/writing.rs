//! The steps that write.

use super::report::Report;
use super::{Files, expect, holds, read};
use crate::failure::{Failure, Outcome};
use crate::import::directory::{File, Skipped, from_files};
use crate::import::loader;
use crate::import::progress::Progress;
use indicatif::{HumanBytes, HumanCount};
use kv_api::{Datastore, Durability, Error, TransactionOptions, Version};
use kv_lance::LanceDatastore;
use std::time::Instant;

const BATCH: u32 = 100;

pub(super) async fn import(
    store: &LanceDatastore,
    files: &[File],
    skipped: Skipped,
    report: &mut Report<'_>,
) -> Outcome {
    let source = from_files(files.to_vec(), skipped);
    let progress = Progress::new(source.bytes);
    let start = Instant::now();
    let loaded = loader::load(store, source, b"", BATCH, &progress).await?;
    let took = start.elapsed();
    drop(progress);
    let (count, bytes) = (HumanCount(loaded.entries), HumanBytes(loaded.bytes));
    report.step("Import", took, &format!("{count} files, {bytes}, {BATCH} files in a transaction"))?;
    let rate = HumanCount((loaded.entries as f64 / took.as_secs_f64().max(1e-6)) as u64);
    let promise = match store.capabilities().durability {
        Durability::PowerLoss => "; each transaction was on the disk when its commit returned",
        _ => "",
    };
    report.note(&format!("{rate} files a second{promise}"))?;
    if loaded.skipped.is_empty() { Ok(()) } else { report.note(&format!("left out: {}", loaded.skipped)) }
}

/// An overwrite and a deletion: both or none.
pub(super) async fn transaction(store: &LanceDatastore, files: &Files, report: &mut Report<'_>) -> Outcome {
    let (overwritten, deleted) = (files.overwritten()?, files.deleted()?);
    let start = Instant::now();
    let reader = store.begin(TransactionOptions::read()).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    tx.set(overwritten.key.clone().into(), "overwritten".into()).await?;
    tx.del(deleted.key.clone().into()).await?;
    tx.commit().await?;
    let took = start.elapsed();
    let (one, other) = (report.text(&overwritten.key), report.text(&deleted.key));
    report.step("Transaction", took, &format!("{one} overwritten and {other} deleted in one commit"))?;

    let now = store.begin(TransactionOptions::read()).await?;
    let new = holds(now.as_ref(), overwritten, None, Some(b"overwritten")).await?
        && holds(now.as_ref(), deleted, None, None).await?;
    expect(new, || "the transaction's writes are not there".into())?;
    let old = holds(reader.as_ref(), overwritten, None, Some(&read(overwritten)?)).await?
        && holds(reader.as_ref(), deleted, None, Some(&read(deleted)?)).await?;
    expect(old, || "a reader that began before sees the transaction's writes".into())?;
    report.note("a reader that began before it still sees both files as they were")
}

/// Two writers of one key: the first committer wins, the other runs again.
pub(super) async fn conflict(store: &LanceDatastore, files: &Files, report: &mut Report<'_>) -> Outcome {
    let file = files.overwritten()?;
    let start = Instant::now();
    let first = store.begin(TransactionOptions::write()).await?;
    let second = store.begin(TransactionOptions::write()).await?;
    first.set(file.key.clone().into(), "from the first".into()).await?;
    second.set(file.key.clone().into(), "from the second".into()).await?;
    first.commit().await?;
    let refused = match second.commit().await {
        Err(error @ Error::TransactionConflict { .. }) => error,
        Err(error) => return Err(error.into()),
        Ok(()) => return Err(Failure::Unexpected("both writers of one key could commit".into())),
    };
    let again = store.begin(TransactionOptions::write()).await?;
    expect(holds(again.as_ref(), file, None, Some(b"from the first")).await?, || {
        "the first writer's value is lost".into()
    })?;
    again.set(file.key.clone().into(), "from the second".into()).await?;
    again.commit().await?;
    let took = start.elapsed();
    report.step("Conflict", took, &format!("two writers of {}; the second is told:", report.text(&file.key)))?;
    report.note(&format!("\"{refused}\""))?;
    report.note("it runs again, sees the first one's value and commits")
}

/// Reads both files as they were imported, and puts them back.
pub(super) async fn time_travel(
    store: &LanceDatastore,
    files: &Files,
    imported: Version,
    report: &mut Report<'_>,
) -> Outcome {
    let (overwritten, deleted) = (files.overwritten()?, files.deleted()?);
    let start = Instant::now();
    let tx = store.begin(TransactionOptions::write()).await?;
    let mut past = Vec::new();
    for file in [overwritten, deleted] {
        let val = tx.get(&file.key, Some(imported)).await?;
        past.push((file, val.ok_or_else(|| Failure::Unexpected("a file is not there in the past".into()))?));
    }
    let took = start.elapsed();
    for (file, val) in &past {
        expect(*val == read(file)?, || format!("{} was not so in the past", file.path.display()))?;
    }
    report.step("Time travel", took, &format!("both files as of version {imported}: as they were imported"))?;

    let start = Instant::now();
    for (file, val) in past {
        tx.set(file.key.clone().into(), val).await?;
    }
    tx.commit().await?;
    report.step("Undo", start.elapsed(), "both put back from the past, in one transaction")
}
