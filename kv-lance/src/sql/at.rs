//! The table as it was.

use super::point;
use super::table::KvTable;
use crate::LanceTransaction;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use std::fmt;
use std::sync::Arc;

/// `kv_at(version)`, `kv_at('2026-04-01T12:00:00Z')` or `kv_at('tag:NAME')`.
pub(super) struct KvAt {
    tx: Arc<LanceTransaction>,
}

impl KvAt {
    pub(super) fn new(tx: Arc<LanceTransaction>) -> Self {
        Self { tx }
    }
}

impl fmt::Debug for KvAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KvAt")
    }
}

impl TableFunctionImpl for KvAt {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [point] = arguments else {
            return plan_err!("kv_at takes one argument, a version, a time or a tag, and not {}", arguments.len());
        };
        Ok(Arc::new(KvTable::at(self.tx.clone(), point::version(&self.tx, "kv_at", point)?)))
    }
}
