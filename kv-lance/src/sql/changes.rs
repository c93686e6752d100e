//! The commits of a store, as a table.

use super::columns::{KEY, VERSION};
use super::error::external;
use super::exec::{Batches, Source, SourceExec};
use super::point;
use super::predicate::{keys_of, keys_of_all};
use super::scan::show_ranges;
use super::versions::{limits_versions, versions_of_all};
use crate::LanceTransaction;
use crate::read::Versions;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use kv_api::{ChangeFeed, KeyRange, Version, change_schema};
use std::fmt;
use std::sync::Arc;

/// `changes(since)` or `changes(since, until)`.
pub(super) struct ChangesFunction {
    tx: Arc<LanceTransaction>,
}

impl ChangesFunction {
    pub(super) fn new(tx: Arc<LanceTransaction>) -> Self {
        Self { tx }
    }
}

impl fmt::Debug for ChangesFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangesFunction")
    }
}

impl TableFunctionImpl for ChangesFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let version = |point| point::version(&self.tx, "changes", point);
        let (since, until) = match arguments {
            [since] => (version(since)?, Version::MAX),
            [since, until] => (version(since)?, version(until)?),
            _ => {
                let number = arguments.len();
                return plan_err!("changes takes one argument or two, versions or times, and not {number}");
            }
        };
        if until < since {
            return plan_err!("changes goes from a version to a later one, and not from {since} to {until}");
        }
        Ok(Arc::new(ChangesTable::new(self.tx.clone(), since, until)))
    }
}

/// The commits that a transaction sees, as a DataFusion table with the columns of a
/// [change feed](kv_api::change_schema): `version`, `key`, `val` and `tombstone`.
///
/// It has what a [feed](kv_api::Datastore::changes_until) gives of the commits after one version and up to another, or up to
/// the transaction's snapshot, in commit order and as it is read.
///
/// # Errors of queries
/// As those of [`KvTable`](super::KvTable), and those of the feed:
/// [`VersionNotRetained`](kv_api::Error::VersionNotRetained) where the first of the commits are gone.
pub struct ChangesTable {
    tx: Arc<LanceTransaction>,
    since: Version,
    until: Version,
}

impl ChangesTable {
    /// The commits that `tx` sees after `since` and up to `until`.
    pub fn new(tx: Arc<LanceTransaction>, since: Version, until: Version) -> Self {
        Self { tx, since, until }
    }
}

impl fmt::Debug for ChangesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangesTable").field("since", &self.since).field("until", &self.until).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for ChangesTable {
    fn schema(&self) -> SchemaRef {
        change_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// A feed has one range: one that has the ranges of several predicates may have more.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            let keys = keys_of(filter);
            let (exact, all) = (keys.exact, keys.ranges.is_all());
            match keys.ranges.into_vec().len() {
                0 | 1 if exact => TableProviderFilterPushDown::Exact,
                _ if !all || limits_versions(filter) => TableProviderFilterPushDown::Inexact,
                _ => TableProviderFilterPushDown::Unsupported,
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Versions { from, to } = versions_of_all(filters);
        let (since, until) = (self.since.max(from.saturating_sub(1)), self.until.min(to));
        let range = around(keys_of_all(filters).ranges.into_vec());
        let projection = projection.cloned();
        let schema = match &projection {
            Some(places) => Arc::new(change_schema().project(places)?),
            None => change_schema(),
        };
        let tx = self.tx.clone();
        Ok(Arc::new(SourceExec::new(ChangesSource { tx, since, until, range, projection, schema })))
    }
}

/// One range with all of some, which are in the order of their keys; `None` where there are none.
fn around(ranges: Vec<KeyRange>) -> Option<KeyRange> {
    let end = ranges.last()?.end.clone();
    Some(KeyRange { start: ranges.into_iter().next()?.start, end })
}

/// A feed to be read.
struct ChangesSource {
    tx: Arc<LanceTransaction>,
    since: Version,
    until: Version,
    /// `None` = no key.
    range: Option<KeyRange>,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
}

impl Source for ChangesSource {
    fn name(&self) -> &'static str {
        "KvChanges"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since={}, ", self.since)?;
        if self.until < Version::MAX {
            write!(f, "until={}, ", self.until)?;
        }
        show_ranges(f, self.range.iter())
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn order(&self) -> &'static [(&'static str, bool)] {
        &[(VERSION, false), (KEY, false)]
    }

    fn partitions(&self) -> usize {
        1
    }

    fn open(&self, _: usize, _: usize) -> Batches {
        let Some(range) = self.range.clone() else { return futures::stream::empty().boxed() };
        let feed: Box<dyn ChangeFeed> = match self.tx.changes(self.since, self.until, range) {
            Ok(feed) => feed,
            Err(e) => return futures::stream::iter([Err(external(e))]).boxed(),
        };
        let projection = self.projection.clone();
        Box::pin(futures::stream::try_unfold((feed, projection), async |(mut feed, projection)| {
            let Some(batch) = feed.next().await.map_err(external)? else { return Ok(None) };
            let batch = match &projection {
                Some(places) => batch.project(places)?,
                None => batch,
            };
            Ok(Some((batch, (feed, projection))))
        }))
    }
}
