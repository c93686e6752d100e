//! Values as columns: a range of keys as a table of its own.

mod decoder;
mod exec;
mod json;
mod mapping;
#[cfg(any(feature = "cbor", feature = "msgpack"))]
mod maps;
mod pattern;

pub use decoder::{Decoder, Undecodable};
pub use json::Json;
#[cfg(any(feature = "cbor", feature = "msgpack"))]
pub use maps::{Encoding, Maps};

use super::KvTable;
use crate::LanceTransaction;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use exec::ViewExec;
use kv_api::Version;
use mapping::{Mapping, Source};
use pattern::Pattern;
use std::fmt;
use std::sync::Arc;

/// How keys and values become the columns of a table.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # use kv_api::{Datastore, Transactable, TransactionOptions};
/// # use kv_lance::{LanceConfig, LanceDatastore, sql};
/// # use std::sync::Arc;
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
/// let tx = Arc::new(store.transaction(TransactionOptions::write())?);
/// tx.set("user/7/order/1".into(), r#"{"item": "pen", "price": 2.5}"#.into()).await?;
/// tx.set("user/7/order/2".into(), r#"{"item": "ink", "price": 6}"#.into()).await?;
///
/// let orders = sql::View::new("user/{user}/order/{n:int}", sql::Json::inferred(&tx, "user/", 1000).await?)?;
/// let session = sql::session(tx.clone())?;
/// session.register_table("orders", Arc::new(orders.table(tx)))?;
/// let spent = session.sql("SELECT sum(price) FROM orders WHERE user = '7'").await?.collect().await?;
/// # let spent = sql::datafusion::arrow::util::pretty::pretty_format_batches(&spent)?.to_string();
/// assert!(spent.contains("8.5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct View {
    pattern: Pattern,
    decoder: Arc<dyn Decoder>,
    undecodable: Undecodable,
}

impl View {
    /// The keys like `pattern`, and columns that `decoder` makes of their values.
    ///
    /// A pattern is text with parts in it, which become columns: `user/{id}/order/{n:int}`. A part is text, or an integer in
    /// decimal, is not empty, and ends where the text after it first comes. What is not like the pattern is not in the view.
    /// A pattern without parts is a prefix. Where a value has a field of the name of a part, the column is the part.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration) that says what is wrong with the pattern.
    pub fn new(pattern: &str, decoder: impl Decoder) -> kv_api::Result<Self> {
        let pattern = Pattern::parse(pattern)?;
        Ok(Self { pattern, decoder: Arc::new(decoder), undecodable: Undecodable::default() })
    }

    /// What becomes of rows whose value cannot be decoded. Default = [`Undecodable::Error`].
    pub fn undecodable(mut self, undecodable: Undecodable) -> Self {
        self.undecodable = undecodable;
        self
    }

    /// The view of what `tx` sees, its own writes included.
    pub fn table(self, tx: Arc<LanceTransaction>) -> ViewTable {
        ViewTable::new(self, KvTable::new(tx))
    }

    /// The view of what `tx` sees of the commits up to `version`.
    pub fn table_at(self, tx: Arc<LanceTransaction>, version: Version) -> ViewTable {
        ViewTable::new(self, KvTable::at(tx, version))
    }
}

/// A [`View`] of a transaction, as a DataFusion table.
pub struct ViewTable {
    view: View,
    kv: KvTable,
    /// Where each column comes from.
    sources: Vec<Source>,
    schema: SchemaRef,
}

impl ViewTable {
    fn new(view: View, kv: KvTable) -> Self {
        let parts: Vec<_> = view.pattern.fields().collect();
        let of_values = view.decoder.schema();
        let is_free = |name: &str| parts.iter().all(|part| part.name() != name);
        let of_values = of_values.fields().iter().enumerate().filter(|(_, field)| is_free(field.name()));
        let columns = (0..).map(Source::Part).zip(parts.iter().cloned());
        let columns = columns.chain(of_values.map(|(i, field)| (Source::Value(i), field.as_ref().clone())));
        let (sources, fields): (Vec<_>, Vec<_>) = columns.unzip();
        Self { view, kv, sources, schema: Arc::new(Schema::new(fields)) }
    }
}

impl fmt::Debug for ViewTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewTable").field("view", &self.view).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for ViewTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let names: Vec<_> = self.view.pattern.fields().map(|field| field.name().clone()).collect();
        let narrows = |filter: &&Expr| names.iter().any(|name| values_of(filter, name).is_some());
        let support = filters.iter().map(|filter| match narrows(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ranges = self.view.pattern.ranges(|name| filters.iter().find_map(|filter| values_of(filter, name)));
        let places = projection.cloned().unwrap_or_else(|| (0..self.sources.len()).collect());
        let sources = places.iter().filter_map(|place| self.sources.get(*place)).copied().collect();
        let mapping = Mapping::new(&self.view, sources, Arc::new(self.schema.project(&places)?));
        let scan = self.kv.scan_ranges(session, mapping.reads(), ranges).await?;
        Ok(Arc::new(ViewExec::new(scan, Arc::new(mapping))))
    }
}

/// The values that a column must have one of for a predicate to hold; `None` where others are possible.
fn values_of(predicate: &Expr, column: &str) -> Option<Vec<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(found) if found.name == column);
    let text = |expr: &Expr| match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    };
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (is_column(left), is_column(right)) {
            (true, false) => Some(vec![text(right)?]),
            (false, true) => Some(vec![text(left)?]),
            _ => None,
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let mut values = values_of(left, column)?;
            values.extend(values_of(right, column)?);
            Some(values)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            values_of(left, column).or_else(|| values_of(right, column))
        }
        Expr::InList(InList { expr, list, negated: false }) if is_column(expr) => list.iter().map(text).collect(),
        _ => None,
    }
}
