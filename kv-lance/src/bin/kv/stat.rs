//! `kv stat`: what a store is, and its figures, once or again and again.

use crate::args::Stat;
use crate::failure::Outcome;
use crate::output::{Output, show_time};
use crate::session::{Store, with_store};
use crate::tags;
use jiff::Timestamp;
use kv_api::{Capabilities, Datastore, Durability, Figure, FigureKind, HybridClock, Isolation, MvccSource, Version};
use kv_lance::LanceDatastore;
use serde_json::{Map, Value, json};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) async fn stat(store: Store<'_>, args: &Stat, out: &mut Output) -> Outcome {
    let path = store.path().to_path_buf();
    with_store(store, async |store| {
        let start = Instant::now();
        let mut before = store.statistics().figures;
        show(store, &path, &before, out).await?;
        let Some(every) = args.watch else { return Ok(()) };
        let mut last = start;
        for _ in 1..args.count.unwrap_or(u64::MAX) {
            // Whoever watches, or reads this through a pipe, wants it now.
            out.flush()?;
            tokio::time::sleep(every).await;
            let (figures, now) = (store.statistics().figures, Instant::now());
            if out.format.json {
                show(store, &path, &figures, out).await?;
            } else {
                show_changes(&before, &figures, (now - start, now - last), out)?;
            }
            (before, last) = (figures, now);
        }
        Ok(())
    })
    .await
}

async fn show(store: &LanceDatastore, path: &Path, figures: &[Figure], out: &mut Output) -> Outcome {
    let capabilities = store.capabilities();
    let version = if capabilities.versioned_reads { Some(store.current_version().await?) } else { None };
    let tagged = if capabilities.tags { store.tags().await? } else { Vec::new() };
    if out.format.json {
        let described = json!({
            "backend": store.kind(),
            "path": path.to_string_lossy(),
            "version": version,
            "capabilities": capabilities_as_json(&capabilities),
            "tags": tagged.iter().map(tags::as_json).collect::<Vec<_>>(),
            "statistics": of_the_store(figures),
            "levels": of_levels(figures),
        });
        return Ok(out.line(described.to_string())?);
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
    row("tags", yes_or_no(capabilities.tags))?;
    for tag in &tagged {
        row("tag", &format!("{} of version {}, made {}", tag.name, show_version(tag.version), tags::made(tag)))?;
    }
    for figure in figures {
        row(&name(figure), &format!("{:<30} {}", value(figure), figure.description))?;
    }
    Ok(())
}

/// What has changed since `before`, `since_last` ago.
fn show_changes(
    before: &[Figure],
    now: &[Figure],
    (since_start, since_last): (Duration, Duration),
    out: &mut Output,
) -> io::Result<()> {
    let was = |figure: &Figure| before.iter().find(|b| b.name == figure.name && b.level == figure.level);
    let changed: Vec<_> = now
        .iter()
        .map(|figure| (figure, i128::from(figure.value) - was(figure).map_or(0, |was| i128::from(was.value))))
        .filter(|(_, change)| *change != 0)
        .collect();
    if changed.is_empty() {
        return out.line(format!("after {}: nothing has changed", show_time(since_start)));
    }
    out.line(format!("after {}:", show_time(since_start)))?;
    for (figure, change) in changed {
        let rate = match figure.kind {
            FigureKind::Counter => format!(", {:.1} a second", change as f64 / since_last.as_secs_f64().max(1e-9)),
            _ => String::new(),
        };
        out.line(format!("{:<26} {:<30} {change:+}{rate}", name(figure), value(figure)))?;
    }
    Ok(())
}

/// With the level, where it is of one.
fn name(figure: &Figure) -> String {
    figure.level.map_or_else(|| figure.name.to_owned(), |level| format!("{}{{level={level}}}", figure.name))
}

fn value(figure: &Figure) -> String {
    format!("{} {}", figure.value, figure.unit)
}

fn of_the_store(figures: &[Figure]) -> Map<String, Value> {
    let of_the_store = figures.iter().filter(|figure| figure.level.is_none());
    of_the_store.map(|figure| (figure.name.to_owned(), json!(figure.value))).collect()
}

/// An object for each level.
fn of_levels(figures: &[Figure]) -> Vec<Value> {
    let deepest = figures.iter().filter_map(|figure| figure.level).max();
    let level = |level: u32| {
        let name = |figure: &Figure| figure.name.strip_prefix("level_").unwrap_or(figure.name).to_owned();
        let of_level = figures.iter().filter(|figure| figure.level == Some(level));
        let object: Map<_, _> = of_level.map(|figure| (name(figure), json!(figure.value))).collect();
        Value::Object(std::iter::once(("level".to_owned(), json!(level))).chain(object).collect())
    };
    deepest.map_or_else(Vec::new, |deepest| (0..=deepest).map(level).collect())
}

fn capabilities_as_json(capabilities: &Capabilities) -> Value {
    json!({
        "isolation": isolation(capabilities.isolation),
        "durability": durability(capabilities.durability),
        "versioned_reads": capabilities.versioned_reads,
        "read_checks": capabilities.read_checks,
        "erases_history": capabilities.erases_history,
        "change_feed": capabilities.change_feed,
        "safe_timestamps": capabilities.safe_timestamps,
        "tags": capabilities.tags,
    })
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
