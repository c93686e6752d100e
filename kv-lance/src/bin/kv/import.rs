//! `kv import`: a folder or a file of lines or rows, in batches.

pub(crate) mod directory;
mod entry;
mod lines;
pub(crate) mod loader;
pub(crate) mod progress;
mod rows;

use crate::args;
use crate::failure::{Failure, Outcome};
use crate::output::{Output, show_time};
use crate::session::{Store, with_store};
use entry::Columns;
use indicatif::{HumanBytes, HumanCount};
use progress::Progress;
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::time::Instant;

/// What `path` is taken for.
enum Kind<'a> {
    Folder,
    Lines(Columns<'a>),
    Rows(Columns<'a>, u8),
}

pub(crate) async fn import(store: Store<'_>, args: &args::Import, out: &mut Output) -> Outcome {
    let prefix = args.prefix.as_deref().map(|prefix| out.format.read(prefix)).transpose()?.unwrap_or_default();
    let kind = kind_of(args)?;
    let folder = store.path().to_path_buf();
    let start = Instant::now();
    let loaded = with_store(store, async |store| {
        // After the store was opened: it is there now, and so can be told from what is to be imported.
        let source = match kind {
            Kind::Folder => directory::source(&args.path, &folder)?,
            Kind::Lines(columns) => lines::source(&args.path, columns)?,
            Kind::Rows(columns, delimiter) => rows::source(&args.path, columns, delimiter)?,
        };
        let progress = Progress::new(source.bytes);
        loader::load(store, source, &prefix, args.batch, &progress).await
    })
    .await?;
    let took = start.elapsed();
    let rate = loaded.entries as f64 / took.as_secs_f64().max(1e-6);
    let mut text = format!(
        "imported {} entries ({}) in {}: {} a second",
        HumanCount(loaded.entries),
        HumanBytes(loaded.bytes),
        show_time(took),
        HumanCount(rate as u64)
    );
    if !loaded.skipped.is_empty() {
        text.push_str(&format!("\nleft out: {}", loaded.skipped));
    }
    let object = json!({
        "imported": loaded.entries,
        "bytes": loaded.bytes,
        "seconds": took.as_secs_f64(),
        "left_out": loaded.skipped.to_json(),
    });
    Ok(out.say(text, object)?)
}

fn kind_of(args: &args::Import) -> Outcome<Kind<'_>> {
    let path = args.path.as_path();
    let metadata = fs::metadata(path).map_err(|e| Failure::File(format!("reading {}: {e}", path.display())))?;
    if metadata.is_dir() {
        return match args.key {
            None => Ok(Kind::Folder),
            Some(_) => Err(Failure::Usage("--key is for a file; the keys of a folder are its files' paths".into())),
        };
    }
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let key = args.key.as_deref();
    let key = key.ok_or_else(|| Failure::Usage("which column holds the key? Give --key COLUMN".into()));
    let columns = key.map(|key| Columns { key, value: args.value.as_deref() });
    match extension.as_deref() {
        Some("jsonl") => Ok(Kind::Lines(columns?)),
        Some("csv") => Ok(Kind::Rows(columns?, b',')),
        Some("tsv") => Ok(Kind::Rows(columns?, b'\t')),
        _ => Err(Failure::Usage(format!(
            "{}: kv imports a folder or a file that ends in .jsonl, .csv or .tsv",
            path.display()
        ))),
    }
}
