//! The rows that another tool has put into the table.

use super::dataset::Table;
use super::error::from_lance;
use super::fragments;
use super::row_columns::{Row, RowColumns};
use super::schema::{self, Columns};
use arrow_array::RecordBatch;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use kv_api::{Error, Result};
use lance::dataset::scanner::ColumnOrdering;
use std::collections::HashSet;

impl Table {
    /// The rows of the dataset that are in no run; all of them where the columns are others. By
    /// version, so that whoever writes them one after the other ends with the newest of each key.
    pub(crate) async fn foreign_rows(&self) -> Result<BoxStream<'_, Result<RecordBatch>>> {
        let failed = |e| from_lance("reading what another tool wrote to", &self.root, e);
        let manifest = self.dataset.manifest();
        if let Some(file) = fragments::outside(manifest) {
            let what = format!("{file} is not in the table's directory, and nothing outside of it is read");
            return Err(Error::backend(format!("reading what another tool wrote to {}", self.root.display()), what));
        }
        let own_columns = schema::is_own(&manifest.schema, Columns::Current);
        let mut scanner = self.dataset.scan();
        if own_columns {
            let own: HashSet<&str> = self.levels.runs().map(|run| run.name.as_str()).collect();
            let is_own = |name: &str| own.contains(name);
            let fragments = manifest.fragments.iter().filter(|f| !fragments::run_name(f).is_some_and(is_own));
            let fragments: Vec<_> = fragments.cloned().collect();
            if fragments.is_empty() {
                return Ok(stream::empty().boxed());
            }
            scanner.with_fragments(fragments);
        }
        if manifest.schema.field("version").is_some_and(|field| field.data_type().is_primitive()) {
            scanner.order_by(Some(vec![ColumnOrdering::asc_nulls_first("version".into())])).map_err(failed)?;
        }
        let batches = scanner.try_into_stream().await.map_err(failed)?;
        let parts = batches.map_err(failed).and_then(move |batch| async move {
            if own_columns { self.without_own(&batch).await } else { Ok(vec![batch]) }
        });
        Ok(parts.map_ok(|parts| stream::iter(parts.into_iter().map(Ok))).try_flatten().boxed())
    }

    /// What of a batch is in no run: stretches of it.
    async fn without_own(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let columns = RowColumns::of(batch);
        let columns = columns.ok_or_else(|| Error::corruption(&self.root, "a column is of another type"))?;
        let mut stretches = Vec::new();
        let mut start = None;
        for at in 0..batch.num_rows() {
            let own = match columns.row(at) {
                Some(row) => self.has(&row).await?,
                None => false,
            };
            match (own, start) {
                (false, None) => start = Some(at),
                (true, Some(from)) => {
                    stretches.push(batch.slice(from, at - from));
                    start = None;
                }
                _ => {}
            }
        }
        stretches.extend(start.map(|from| batch.slice(from, batch.num_rows() - from)));
        Ok(stretches)
    }

    /// Whether a run has this very row.
    async fn has(&self, row: &Row<'_>) -> Result<bool> {
        for run in self.levels.runs() {
            if !(run.statistics().min_version..=run.statistics().max_version).contains(&row.version) {
                continue;
            }
            let Some(found) = run.seek(row.key, row.version).await? else { continue };
            let same = found.keys.version(found.row) == row.version
                && match row.val {
                    None => found.keys.is_tombstone(found.row),
                    Some(_) if found.keys.is_tombstone(found.row) => false,
                    Some(val) => run.vals(found.block).await?.val(found.row) == val,
                };
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
