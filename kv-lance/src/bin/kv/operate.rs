//! `kv stat`, `kv flush`, `kv compact` and `kv restore`.

use crate::args::Compact;
use crate::failure::Outcome;
use crate::output::{Output, show_time};
use crate::session::with_store;
use jiff::Timestamp;
use kv_api::{Datastore, Durability, Figure, HybridClock, Isolation, MvccSource, Version};
use kv_lance::{CompactOptions, LanceConfig, Restored};
use serde_json::{Map, Value, json};
use std::time::Instant;

pub(crate) async fn stat(config: LanceConfig, out: &mut Output) -> Outcome {
    let path = config.path().to_path_buf();
    with_store(config, async |store| {
        let capabilities = store.capabilities();
        let version = if capabilities.versioned_reads { Some(store.current_version().await?) } else { None };
        let figures = store.statistics().figures;
        if out.format.json {
            let statistics: Map<String, Value> =
                figures.iter().map(|figure| (figure.name.to_owned(), json!(figure.value))).collect();
            return Ok(out.line(
                json!({
                    "backend": store.kind(),
                    "path": path.to_string_lossy(),
                    "version": version,
                    "capabilities": {
                        "isolation": isolation(capabilities.isolation),
                        "durability": durability(capabilities.durability),
                        "versioned_reads": capabilities.versioned_reads,
                        "read_checks": capabilities.read_checks,
                        "erases_history": capabilities.erases_history,
                        "change_feed": capabilities.change_feed,
                        "safe_timestamps": capabilities.safe_timestamps,
                    },
                    "statistics": statistics,
                })
                .to_string(),
            )?);
        }
        let yes_or_no = |yes| if yes { "yes" } else { "no" };
        let mut row = |name: &str, value: &str| out.line(format!("{name:<26} {value}"));
        row("backend", store.kind())?;
        row("path", &path.to_string_lossy())?;
        row("version", &version.map_or("none: the store keeps no versions".into(), show_version))?;
        row("isolation up to", isolation(capabilities.isolation))?;
        row("commits survive", durability(capabilities.durability))?;
        row("reads at a version", yes_or_no(capabilities.versioned_reads))?;
        row("checked reads (getu)", yes_or_no(capabilities.read_checks))?;
        row("clr erases history", yes_or_no(capabilities.erases_history))?;
        row("change feed", yes_or_no(capabilities.change_feed))?;
        row("safe timestamps", yes_or_no(capabilities.safe_timestamps))?;
        for Figure { name, value, unit, description, .. } in figures {
            row(name, &format!("{:<30} {description}", format!("{value} {unit}")))?;
        }
        Ok(())
    })
    .await
}

pub(crate) async fn flush(config: LanceConfig, out: &mut Output) -> Outcome {
    with_store(config, async |store| {
        let start = Instant::now();
        store.flush().await?;
        let took = start.elapsed();
        Ok(out.say(format!("flushed in {}", show_time(took)), json!({ "seconds": took.as_secs_f64() }))?)
    })
    .await
}

pub(crate) async fn compact(config: LanceConfig, args: &Compact, out: &mut Output) -> Outcome {
    with_store(config, async |store| {
        let start = Instant::now();
        if args.no_history {
            store.compact_with(CompactOptions::no_history()).await?;
        } else {
            store.compact().await?;
        }
        let took = start.elapsed();
        Ok(out.say(format!("compacted in {}", show_time(took)), json!({ "seconds": took.as_secs_f64() }))?)
    })
    .await
}

pub(crate) async fn restore(config: LanceConfig, out: &mut Output) -> Outcome {
    let Some(restored) = kv_lance::restore(&config).await? else {
        return Ok(out.say("nothing to restore: the table is as the store left it", json!({ "restored": false }))?);
    };
    let Restored { version, tag, .. } = restored;
    let text = format!("restored; version {version} of the table, which another tool had made, has the tag {tag}");
    Ok(out.say(text, json!({ "restored": true, "version": version, "tag": tag }))?)
}

/// With the time it was issued, where that is known.
fn show_version(version: Version) -> String {
    if version == 0 {
        return "0: nothing has been committed".into();
    }
    let time = HybridClock::new().time_of(version).and_then(|time| Timestamp::try_from(time).ok());
    time.map_or_else(|| version.to_string(), |time| format!("{version} ({time})"))
}

fn isolation(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Snapshot => "snapshot",
        Isolation::Serializable => "serializable",
        _ => "unknown",
    }
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Volatile => "nothing",
        Durability::ProcessCrash => "the death of the process",
        Durability::PowerLoss => "power loss",
        _ => "unknown",
    }
}
