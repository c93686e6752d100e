//! The table as it was.

use super::table::KvTable;
use crate::LanceTransaction;
use chrono::DateTime;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{ScalarValue, plan_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use kv_api::Version;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// What it takes.
const POINTS: &str = "a version, a time such as '2026-04-01T12:00:00Z', or a tag as in 'tag:NAME'";

/// `kv_at(version)`, `kv_at('2026-04-01T12:00:00Z')` or `kv_at('tag:NAME')`.
pub(super) struct KvAt {
    tx: Arc<LanceTransaction>,
}

impl KvAt {
    pub(super) fn new(tx: Arc<LanceTransaction>) -> Self {
        Self { tx }
    }

    fn version(&self, point: &Expr) -> Result<Version> {
        match point {
            Expr::Literal(ScalarValue::UInt64(Some(version)), _) => Ok(*version),
            Expr::Literal(ScalarValue::Int64(Some(version)), _) if *version >= 0 => Ok(version.unsigned_abs()),
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => match text.strip_prefix("tag:") {
                Some(name) => self.tx.tagged(name).map_err(|e| plan_datafusion_err!("kv_at: {e}")),
                None => self.version_at(text),
            },
            other => plan_err!("kv_at takes {POINTS}, and not {other}"),
        }
    }

    /// The last version at a time.
    fn version_at(&self, time: &str) -> Result<Version> {
        let parsed = DateTime::parse_from_rfc3339(time)
            .map_err(|e| plan_datafusion_err!("kv_at takes {POINTS}, and not '{time}': {e}"))?;
        let Ok(since_1970) = u64::try_from(parsed.timestamp_millis()) else { return Ok(0) };
        let version = self.tx.version_at(UNIX_EPOCH + Duration::from_millis(since_1970));
        version.ok_or_else(|| plan_datafusion_err!("kv_at: the versions of this store have no relation to time"))
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
        Ok(Arc::new(KvTable::at(self.tx.clone(), self.version(point)?)))
    }
}
