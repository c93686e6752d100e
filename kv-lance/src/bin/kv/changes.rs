//! `kv changes`, and what `watch` prints in the shell: what has been committed, up to now.

use crate::args::{Changes, Watch};
use crate::failure::Outcome;
use crate::format::Format;
use crate::output::Output;
use crate::read::key_range;
use crate::session::{Store, with_store};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use kv_api::{ChangeFeed, ChangeFilter, Datastore, KeyRange, Version, change_schema};
use kv_lance::LanceDatastore;

pub(crate) async fn changes(store: Store<'_>, args: &Changes, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    with_store(store, async |store| {
        let until = store.current_version().await?;
        let feed = store.changes_until(args.since, until, ChangeFilter { range }).await?;
        if args.arrow {
            stream(feed, out).await?;
        } else {
            print(feed, out).await?;
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
}

/// Prints the commits of a feed that ends, a line for each row.
async fn print(mut feed: Box<dyn ChangeFeed>, out: &mut Output) -> Outcome {
    while let Some(batch) = feed.next().await? {
        rows(&batch).try_for_each(|(version, key, val)| out.change(version, key, val))?;
    }
    Ok(())
}

/// Writes the same as a stream of Arrow record batches.
async fn stream(mut feed: Box<dyn ChangeFeed>, out: &mut Output) -> Outcome {
    let mut writer = StreamWriter::try_new(out.bytes(), &change_schema())?;
    while let Some(batch) = feed.next().await? {
        writer.write(&batch)?;
    }
    Ok(writer.finish()?)
}

/// Version, key, and value unless that is a deletion.
fn rows(batch: &RecordBatch) -> impl Iterator<Item = (Version, &[u8], Option<&[u8]>)> {
    let versions = batch.column(0).as_primitive::<UInt64Type>();
    let (keys, vals) = (batch.column(1).as_binary::<i32>(), batch.column(2).as_binary::<i32>());
    (0..batch.num_rows()).map(|row| (versions.value(row), keys.value(row), vals.is_valid(row).then(|| vals.value(row))))
}

/// What a `watch` prints after each command of the shell.
pub(crate) struct Watched {
    range: KeyRange,
    format: Format,
    /// What came up to here has been printed.
    since: Version,
}

impl Watched {
    /// From here on.
    pub(crate) async fn begin(store: &LanceDatastore, args: &Watch, format: Format) -> Outcome<Self> {
        let range = key_range(&args.range, format)?;
        Ok(Self { range, format, since: store.current_version().await? })
    }

    /// Prints what has been committed since the last time.
    pub(crate) async fn print(&mut self, store: &LanceDatastore, out: &mut Output) -> Outcome {
        let until = store.current_version().await?;
        if until > self.since {
            let filter = ChangeFilter { range: self.range.clone() };
            let feed = store.changes_until(self.since, until, filter).await?;
            let format = std::mem::replace(&mut out.format, self.format);
            let printed = print(feed, out).await;
            out.format = format;
            printed?;
            self.since = until;
        }
        Ok(())
    }
}
