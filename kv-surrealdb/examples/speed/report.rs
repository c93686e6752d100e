//! The figures for people.

use crate::Args;
use crate::engine::Engine;
use crate::measure::{Figures, Measured};
use crate::workload::Workload;
use std::fmt::Write as _;
use std::time::Duration;

/// A workload with a number of clients, and for each engine the median of its runs.
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) clients: usize,
    pub(crate) figures: Vec<Figures>,
}

pub(crate) fn rows(args: &Args, engines: &[Engine], all: &[Measured]) -> Vec<Row> {
    let of = |engine: &Engine, workload: Workload, clients: usize| {
        let same = |m: &&Measured| m.engine == engine.name && m.workload == workload && m.clients == clients;
        let mut runs: Vec<Figures> = all.iter().filter(same).map(|m| m.figures).collect();
        runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        runs.get(runs.len() / 2).copied()
    };
    let row = |workload: Workload, clients: usize| {
        let figures = engines.iter().filter_map(|engine| of(engine, workload, clients)).collect();
        Row { workload, clients, figures }
    };
    let each = Workload::ALL.iter().flat_map(|&workload| args.clients.iter().map(move |&clients| (workload, clients)));
    each.map(|(workload, clients)| row(workload, clients)).collect()
}

pub(crate) fn markdown(args: &Args, engines: &[Engine], all: &[Measured]) -> String {
    let rows = rows(args, engines, all);
    let mut out = String::new();
    let cpus = std::thread::available_parallelism().map_or(1, Into::into);
    let build = if cfg!(debug_assertions) { "An **unoptimised** build" } else { "A release build" };
    let _ = writeln!(
        out,
        "{build}, {}, {cpus} processors, clients in the same process. {} items of some 100 bytes. Durability: {}; \
         memory has none. Medians of {} runs of {} s.\n",
        cpu(),
        args.rows,
        args.sync.told(),
        args.runs,
        args.seconds
    );
    for engine in engines {
        let _ = writeln!(out, "- {}: {}", engine.name, engine.told());
    }
    table(&mut out, "statements a second", engines, &rows, |f| number(f.per_second));
    table(&mut out, "p50, µs", engines, &rows, |f| micros(f.p50));
    table(&mut out, "p99, µs", engines, &rows, |f| micros(f.p99));
    let contended: Vec<Row> = rows.into_iter().filter(|row| row.figures.iter().any(|f| f.conflicts > 0.0)).collect();
    if !contended.is_empty() {
        table(&mut out, "conflicts for each statement", engines, &contended, |f| format!("{:.3}", f.conflicts));
    }
    out
}

/// Where `what` is the throughput, a last column says how much faster than SurrealKV kv-lance is.
fn table(out: &mut String, what: &str, engines: &[Engine], rows: &[Row], show: impl Fn(&Figures) -> String) {
    let names: Vec<_> = engines.iter().map(|engine| engine.name).collect();
    let position = |name: &str| names.iter().position(|other| *other == name);
    let compared = position("lance").zip(position("surrealkv")).filter(|_| what.starts_with("statements"));
    let ratio = |row: &Row| {
        let (ours, theirs) = compared?;
        Some(row.figures.get(ours)?.per_second / row.figures.get(theirs)?.per_second)
    };
    let last = if compared.is_some() { " lance ÷ surrealkv |" } else { "" };
    let _ = writeln!(out, "\n| {what} | clients | {} |{last}", names.join(" | "));
    let _ = writeln!(out, "|---|{}{}", "--:|".repeat(1 + names.len()), if last.is_empty() { "" } else { "--:|" });
    for row in rows {
        let cells: Vec<_> = row.figures.iter().map(&show).collect();
        let ratio = ratio(row).map(|ratio| format!(" {ratio:.2} |")).unwrap_or_default();
        let _ = writeln!(out, "| {} | {} | {} |{ratio}", row.workload.name(), row.clients, cells.join(" | "));
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    let unit = 10f64.powf((value.max(1.0).log10().floor() - 2.0).max(0.0));
    let rounded = ((value / unit).round() * unit) as u64;
    let digits = rounded.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn micros(time: Duration) -> String {
    number(time.as_secs_f64() * 1e6)
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.into(), |(_, model)| model.into())
}
