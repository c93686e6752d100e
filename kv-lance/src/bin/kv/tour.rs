//! `kv tour`: what the store does, shown on real files. Every step checks what it says.

mod folder;
mod reading;
mod report;
mod writing;

use crate::args;
use crate::failure::{Failure, Outcome};
use crate::import::directory::{self, File, Skipped};
use crate::output::Output;
use crate::session::{Store, with_store};
use indicatif::HumanBytes;
use kv_api::{Datastore, Error, Transactable, TransactionOptions, Val, Version};
use kv_lance::{CompactOptions, LanceConfig, LanceDatastore};
use report::Report;
use std::path::Path;
use std::time::Instant;

/// The files that the tour works on: all of them in the order of their keys, one to overwrite and another to delete.
struct Files {
    all: Vec<File>,
    overwritten: usize,
    deleted: usize,
}

pub(crate) async fn tour(args: &args::Tour, out: &mut Output) -> Outcome {
    let into = args.into.as_path();
    folder::remove_earlier(into)?;
    let (all, skipped) = directory::list(&args.source, into)?;
    let files = Files::choose(all, &args.source)?;
    let mut report = Report::new(out);
    report.title(&format!(
        "A transactional store in {}, from the files of {}",
        into.display(),
        args.source.display()
    ))?;

    let (imported, newest, closing) = with_store(store(into)?, async |store| {
        folder::mark(into)?;
        let (imported, newest) = first_session(store, &files, skipped, &mut report).await?;
        Ok((imported, newest, Instant::now()))
    })
    .await?;
    with_store(store(into)?, async |store| {
        let took = closing.elapsed();
        expect(store.current_version().await? == newest, || "the reopened store has another version".into())?;
        let count = reading::compare(store, &files.all).await?.keys;
        report.step("Reopen", took, &format!("closed and opened again: {count} keys, version {newest}"))?;
        maintain(store, into, imported, &mut report).await?;
        let compared = reading::compare(store, &files.all).await?;
        report.note(&format!("every key still equals its file, read from the run: {}", compared.per_key()))
    })
    .await?;
    report.end(into, &args.source)
}

/// Fills the store and plays with it; at the end it holds the files as they are. Gives the version of the import
/// and the newest one.
async fn first_session(
    store: &LanceDatastore,
    files: &Files,
    skipped: Skipped,
    report: &mut Report<'_>,
) -> Outcome<(Version, Version)> {
    writing::import(store, &files.all, skipped, report).await?;
    reading::read_back(store, &files.all, report).await?;
    reading::scan(store, &files.all, report).await?;
    let imported = store.current_version().await?;
    writing::transaction(store, files, report).await?;
    writing::conflict(store, files, report).await?;
    writing::time_travel(store, files, imported, report).await?;
    Ok((imported, store.current_version().await?))
}

/// Flush and compaction.
async fn maintain(store: &LanceDatastore, into: &Path, imported: Version, report: &mut Report<'_>) -> Outcome {
    let dataset = into.join("kv.lance");
    let start = Instant::now();
    store.flush().await?;
    report.step("Flush", start.elapsed(), &format!("memory and journal to a sorted run in {}", dataset.display()))?;

    let before = folder::bytes(&dataset);
    let start = Instant::now();
    store.compact_with(CompactOptions::no_history()).await?;
    let took = start.elapsed();
    let sizes = format!("{} to {}", HumanBytes(before), HumanBytes(folder::bytes(&dataset)));
    report.step("Compact", took, &format!("to one run without history: {sizes}"))?;

    let tx = store.begin(TransactionOptions::read()).await?;
    match tx.get(b"", Some(imported)).await {
        Err(refused @ Error::VersionNotRetained { .. }) => report.note(&format!("the past is refused: {refused}")),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Failure::Unexpected("a read of the past is answered after its history was dropped".into())),
    }
}

fn store(into: &Path) -> Outcome<Store<'static>> {
    Ok(Store::Closed(LanceConfig::from_env(into)?.versioned(true).create(true)))
}

impl Files {
    /// Takes well-known files where they are there.
    fn choose(all: Vec<File>, source: &Path) -> Outcome<Self> {
        let last = all.len().saturating_sub(1);
        let named = |name: &[u8]| all.iter().position(|file| file.key == name);
        let overwritten = named(b"README.md").unwrap_or(0);
        let deleted =
            named(b"LICENSE").filter(|i| *i != overwritten).unwrap_or(if overwritten == last { 0 } else { last });
        if overwritten == deleted {
            return Err(Failure::File(format!("the tour needs two files or more in {}", source.display())));
        }
        Ok(Self { all, overwritten, deleted })
    }

    fn overwritten(&self) -> Outcome<&File> {
        self.all.get(self.overwritten).ok_or_else(|| Failure::Unexpected("no file".into()))
    }

    fn deleted(&self) -> Outcome<&File> {
        self.all.get(self.deleted).ok_or_else(|| Failure::Unexpected("no file".into()))
    }
}

/// The bytes of a file, as they are now.
fn read(file: &File) -> Outcome<Vec<u8>> {
    std::fs::read(&file.path).map_err(|e| Failure::File(format!("reading {}: {e}", file.path.display())))
}

/// Whether a value is what it should be.
async fn holds(tx: &dyn Transactable, file: &File, at: Option<Version>, expected: Option<&[u8]>) -> Outcome<bool> {
    let val: Option<Val> = tx.get(&file.key, at).await?;
    Ok(val.as_deref() == expected)
}

fn expect(held: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if held { Ok(()) } else { Err(Failure::Unexpected(otherwise())) }
}
