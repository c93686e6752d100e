//! `kv changes`, and what `watch` prints in the shell: what has been committed, up to now.

use crate::args::{Changes, Watch};
use crate::failure::{Failure, Outcome};
use crate::format::Format;
use crate::output::Output;
use crate::read::key_range;
use crate::session::{Store, with_store};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use kv_api::{ChangeFilter, Datastore, KeyRange, Version, change_schema};
use kv_lance::LanceDatastore;

pub(crate) async fn changes(store: Store<'_>, args: &Changes, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    with_store(store, async |store| {
        let until = store.current_version().await?;
        if args.arrow {
            stream(store, args.since..until, range, out).await?;
        } else {
            print(store, args.since..until, range, out).await?;
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
}

/// Prints the commits after the start of `versions` and up to its end, a line for each row.
async fn print(
    store: &LanceDatastore,
    versions: std::ops::Range<Version>,
    range: KeyRange,
    out: &mut Output,
) -> Outcome {
    let mut feed = store.changes_until(versions.start, versions.end, ChangeFilter { range }).await?;
    while let Some(batch) = feed.next().await? {
        rows(&batch).try_for_each(|(version, key, val)| out.change(version, key, val))?;
    }
    Ok(())
}

/// Writes the same as a stream of Arrow record batches.
async fn stream(
    store: &LanceDatastore,
    versions: std::ops::Range<Version>,
    range: KeyRange,
    out: &mut Output,
) -> Outcome {
    let mut feed = store.changes_until(versions.start, versions.end, ChangeFilter { range }).await?;
    let mut writer = StreamWriter::try_new(out.bytes(), &change_schema()).map_err(not_written)?;
    while let Some(batch) = feed.next().await? {
        writer.write(&batch).map_err(not_written)?;
    }
    writer.finish().map_err(not_written)
}

fn not_written(error: arrow_schema::ArrowError) -> Failure {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => Failure::Output(error),
        other => Failure::Output(std::io::Error::other(other)),
    }
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
            let format = std::mem::replace(&mut out.format, self.format);
            let printed = print(store, self.since..until, self.range.clone(), out).await;
            out.format = format;
            printed?;
            self.since = until;
        }
        Ok(())
    }
}
