//! The figures for people.

use crate::Args;
use crate::engine::Engine;
use crate::measure::{Figures, Measured};
use crate::workload::Workload;
use std::fmt::Write as _;
use std::time::Duration;

/// A workload with a number of clients.
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) clients: usize,
    /// For each engine the medians of its turns, each figure by itself.
    pub(crate) figures: Vec<Figures>,
    /// How many times as many statements kv-lance answered as SurrealKV, in each round.
    ratios: Vec<f64>,
}

pub(crate) fn rows(args: &Args, engines: &[Engine], all: &[Measured]) -> Vec<Row> {
    let row = |workload: Workload, clients: usize| {
        let turns = |engine: &str| -> Vec<&Measured> {
            let same = |m: &&Measured| m.engine == engine && m.workload == workload && m.clients == clients;
            all.iter().filter(same).collect()
        };
        let figures = engines.iter().map(|engine| Figures::medians(&turns(engine.name))).collect();
        let theirs = turns("surrealkv");
        let ratio = |ours: &Measured| {
            let theirs = theirs.iter().find(|theirs| theirs.round == ours.round)?;
            Some(ours.figures.per_second / theirs.figures.per_second)
        };
        let ratios = turns("lance").into_iter().filter_map(ratio).collect();
        Row { workload, clients, figures, ratios }
    };
    let each = args.workloads.iter().flat_map(|&workload| args.clients.iter().map(move |&clients| (workload, clients)));
    each.map(|(workload, clients)| row(workload, clients)).collect()
}

impl Figures {
    fn medians(turns: &[&Measured]) -> Self {
        let of = |figure: fn(&Figures) -> f64| median(turns.iter().map(|turn| figure(&turn.figures)).collect());
        let time = |figure: fn(&Figures) -> Duration| {
            let mut times: Vec<_> = turns.iter().map(|turn| figure(&turn.figures)).collect();
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        Self {
            per_second: of(|f| f.per_second),
            p50: time(|f| f.p50),
            p99: time(|f| f.p99),
            conflicts: of(|f| f.conflicts),
            cpu_us: of(|f| f.cpu_us),
        }
    }
}

/// Zero of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn markdown(args: &Args, engines: &[Engine], all: &[Measured]) -> String {
    let rows = rows(args, engines, all);
    let mut out = String::new();
    let cpus = std::thread::available_parallelism().map_or(1, Into::into);
    let build = if cfg!(debug_assertions) { "An **unoptimised** build" } else { "A release build" };
    let _ = writeln!(
        out,
        "{build}, {}, {cpus} processors, clients in the same process. {} items of some 100 bytes. Durability: {}; \
         memory has none. Medians of {} rounds, in each of which every engine has a turn of {} s.\n",
        cpu(),
        args.rows,
        args.sync.told(),
        args.rounds,
        args.seconds
    );
    for engine in engines {
        let _ = writeln!(out, "- {}: {}", engine.name, engine.told());
    }
    table(&mut out, "statements a second", engines, &rows, |f| number(f.per_second));
    table(&mut out, "processor time, µs a statement", engines, &rows, |f| number(f.cpu_us));
    table(&mut out, "p50, µs", engines, &rows, |f| micros(f.p50));
    table(&mut out, "p99, µs", engines, &rows, |f| micros(f.p99));
    let contended: Vec<Row> = rows.into_iter().filter(|row| row.figures.iter().any(|f| f.conflicts > 0.0)).collect();
    if !contended.is_empty() {
        table(&mut out, "conflicts for each statement", engines, &contended, |f| format!("{:.3}", f.conflicts));
    }
    out
}

/// Where `what` is the throughput, a last column says how much faster than SurrealKV kv-lance is: the median of the
/// rounds' ratios, and in how many of the rounds it was.
fn table(out: &mut String, what: &str, engines: &[Engine], rows: &[Row], show: impl Fn(&Figures) -> String) {
    let names: Vec<_> = engines.iter().map(|engine| engine.name).collect();
    let compared = what.starts_with("statements") && rows.iter().any(|row| !row.ratios.is_empty());
    let last = if compared { " lance ÷ surrealkv | faster in |" } else { "" };
    let _ = writeln!(out, "\n| {what} | clients | {} |{last}", names.join(" | "));
    let _ = writeln!(out, "|---|{}{}", "--:|".repeat(1 + names.len()), if compared { "--:|--:|" } else { "" });
    for row in rows {
        let cells: Vec<_> = row.figures.iter().map(&show).collect();
        let _ = write!(out, "| {} | {} | {} |", row.workload.name(), row.clients, cells.join(" | "));
        if compared {
            let faster = row.ratios.iter().filter(|ratio| **ratio > 1.0).count();
            let _ = write!(out, " {:.2} | {faster} of {} |", median(row.ratios.clone()), row.ratios.len());
        }
        out.push('\n');
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
