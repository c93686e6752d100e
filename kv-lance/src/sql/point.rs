//! A point in time, as table functions take it.

use crate::LanceTransaction;
use chrono::DateTime;
use datafusion::common::{ScalarValue, plan_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use kv_api::Version;
use std::time::{Duration, UNIX_EPOCH};

/// What they take.
const POINTS: &str = "a version, a time such as '2026-04-01T12:00:00Z', or a tag as in 'tag:NAME'";

/// The version that an argument of `function` stands for: itself, that of a tag, or the last at a time.
pub(super) fn version(tx: &LanceTransaction, function: &str, point: &Expr) -> Result<Version> {
    match point {
        Expr::Literal(ScalarValue::UInt64(Some(version)), _) => Ok(*version),
        Expr::Literal(ScalarValue::Int64(Some(version)), _) if *version >= 0 => Ok(version.unsigned_abs()),
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => match text.strip_prefix("tag:") {
            Some(name) => tx.tagged(name).map_err(|e| plan_datafusion_err!("{function}: {e}")),
            None => version_at(tx, function, text),
        },
        other => plan_err!("{function} takes {POINTS}, and not {other}"),
    }
}

fn version_at(tx: &LanceTransaction, function: &str, time: &str) -> Result<Version> {
    let parsed = DateTime::parse_from_rfc3339(time)
        .map_err(|e| plan_datafusion_err!("{function} takes {POINTS}, and not '{time}': {e}"))?;
    let Ok(since_1970) = u64::try_from(parsed.timestamp_millis()) else { return Ok(0) };
    let version = tx.version_at(UNIX_EPOCH + Duration::from_millis(since_1970));
    version.ok_or_else(|| plan_datafusion_err!("{function}: the versions of this store have no relation to time"))
}
