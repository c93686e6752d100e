//! Has a history checked, and says what is wrong with it.

use super::Kind;
use super::record::Recorded;
use crate::fixture::{Failure, Verdict};
use adya::{Opts, Report, Valid, Workload};
use kv_api::Isolation;
use std::time::Duration;

/// How many anomalies of one type are shown.
const SHOWN: usize = 2;

/// How much of one line is shown, in characters: lists grow long.
const LINE: usize = 400;

/// Fails where the history is not what `isolation` allows, in real time: a transaction sees every commit that was
/// acknowledged before it began.
pub(super) fn check(recorded: &Recorded, kind: Kind, isolation: Isolation) -> Verdict {
    let report = report(recorded, kind, isolation);
    match report.valid {
        Valid::True if recorded.committed > 0 => Ok(()),
        Valid::True => Err(Failure::new("not a single transaction committed")),
        Valid::False | Valid::Unknown => Err(Failure::new(explained(&report))),
    }
}

fn report(recorded: &Recorded, kind: Kind, isolation: Isolation) -> Report {
    let model = match isolation {
        Isolation::Serializable => "strict-serializable",
        _ => "strong-snapshot-isolation",
    };
    let workload = match kind {
        Kind::ListAppend => Workload::ListAppend,
        Kind::Register => Workload::RwRegister,
    };
    let options = Opts {
        models: vec![model.into()],
        timeout: Duration::from_secs(5),
        // These tell the order of a register's values, as far as they are known; a list tells it itself.
        wfr_keys: true,
        linearizable_keys: true,
        transaction_order: recorded.order.clone(),
        ..Opts::default()
    };
    adya::check(&recorded.history, workload, &options)
}

fn explained(report: &Report) -> String {
    let mut text = format!("the history shows {}", report.anomaly_types.join(", "));
    if !report.not.is_empty() {
        text.push_str(&format!(": it is not {}", report.not.join(", not ")));
    }
    for (kind, anomalies) in &report.anomalies {
        for anomaly in anomalies.iter().take(SHOWN) {
            text.push_str(&format!("\n{kind}"));
            for line in anomaly.explanation.lines() {
                let cut: String = line.chars().take(LINE).collect();
                text.push_str(&format!("\n  {cut}{}", if cut.len() < line.len() { "…" } else { "" }));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
