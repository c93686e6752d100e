//! `kv doctor`: what a store is configured to be, what it would run on, and what that advises. Opens nothing.

mod advice;
mod facts;
mod machine;
mod medium;
mod settings;

use crate::failure::{Failure, Outcome};
use crate::output::{Output, show_time};
use crate::session;
use facts::{Facts, Medium};
use indicatif::HumanBytes;
use serde_json::{Map, Value, json};
use settings::Setting;

pub(crate) fn doctor(url: &Option<String>, read_only: bool, out: &mut Output) -> Outcome {
    let config = session::any(url)?;
    let settings = settings::resolve(url.as_deref().unwrap_or_default(), &config)?;
    let facts = Facts::gather(&config, read_only).map_err(|(path, e)| Failure::File(format!("{path}: {e}")))?;
    let advice = advice::of(&facts, &settings);
    if out.format.json {
        return Ok(out.line(as_json(&facts, &settings, &advice).to_string())?);
    }
    show(&facts, &settings, &advice, out)
}

fn show(facts: &Facts, settings: &[Setting], advice: &[String], out: &mut Output) -> Outcome {
    let unknown = || "unknown".to_owned();
    let mut row = |name: &str, value: &str| out.line(format!("{name:<26} {value}"));
    row("path", &facts.path.display().to_string())?;
    row("store", &facts.store_bytes.map_or("none yet".into(), |bytes| format!("there, {}", HumanBytes(bytes))))?;
    for Setting { name, value, origin, .. } in settings {
        row(name, &format!("{value:<10} {}", origin.text()))?;
    }
    let file_system = facts
        .mount
        .as_ref()
        .map(|mount| format!("{} on {}", mount.kind, mount.point.display()))
        .unwrap_or_else(unknown);
    row("file system", &file_system)?;
    row("free space", &HumanBytes(facts.free_bytes).to_string())?;
    row("memory of the machine", &facts.memory_bytes.map_or_else(unknown, |bytes| HumanBytes(bytes).to_string()))?;
    row("memory that is budgeted", &HumanBytes(settings::budget(settings)).to_string())?;
    row("open files allowed", &facts.open_files.map_or_else(unknown, |files| files.to_string()))?;
    match &facts.medium {
        Some(Medium { hard_links, syncs, median, slowest }) => {
            row("hard links", if *hard_links { "yes" } else { "no" })?;
            row(
                "fdatasync of 4 KiB",
                &format!("{} (median of {syncs}; the slowest {})", show_time(*median), show_time(*slowest)),
            )?;
        }
        None => row("fdatasync of 4 KiB", "not measured under --read-only")?,
    }
    for advice in advice {
        out.line(format!("\n{advice}"))?;
    }
    if advice.is_empty() {
        out.line("\nnothing to advise")?;
    }
    Ok(())
}

fn as_json(facts: &Facts, settings: &[Setting], advice: &[String]) -> Value {
    let settings_object: Map<_, _> = settings
        .iter()
        .map(|setting| (setting.name.to_owned(), json!({ "value": setting.value, "from": setting.origin.name() })))
        .collect();
    json!({
        "path": facts.path.to_string_lossy(),
        "store_bytes": facts.store_bytes,
        "settings": settings_object,
        "file_system": facts.mount.as_ref().map(|mount| &mount.kind),
        "mounted_at": facts.mount.as_ref().map(|mount| mount.point.to_string_lossy()),
        "free_bytes": facts.free_bytes,
        "memory_bytes": facts.memory_bytes,
        "budget_bytes": settings::budget(settings),
        "open_files": facts.open_files,
        "hard_links": facts.medium.as_ref().map(|medium| medium.hard_links),
        "fdatasync_seconds": facts.medium.as_ref().map(|medium| medium.median.as_secs_f64()),
        "fdatasync_slowest_seconds": facts.medium.as_ref().map(|medium| medium.slowest.as_secs_f64()),
        "advice": advice,
    })
}
