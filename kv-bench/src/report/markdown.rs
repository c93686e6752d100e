//! The report for people.

use super::{Input, OURS, OURS_UNVERSIONED, USUAL, limit, steady};
use crate::engine::Engine;
use crate::results::Run;
use crate::summary::{Comparison, Line, drifted};
use crate::workload::{Durability, Kind, Workload};
use std::fmt::Write as _;

/// Writing to a string does not fail.
macro_rules! line {
    ($out:expr, $($what:tt)*) => { let _ = writeln!($out, $($what)*); };
}

/// The report as Markdown.
pub fn markdown(input: &Input<'_>) -> String {
    let names: Vec<&str> = input.engines.iter().map(|engine| engine.name).collect();
    let runs = &input.results.runs;
    let comparisons: Vec<Comparison<'_>> =
        input.workloads.iter().map(|workload| Comparison::of(runs, &names, workload)).collect();
    let behind_the_trait: Vec<&str> = input.engines.iter().filter(|e| !e.native).map(|e| e.name).collect();
    let mut out = String::from("# Comparison\n\n");
    machine(&mut out, input);
    notes(&mut out, input);
    engines(&mut out, input);
    for ours in [OURS, OURS_UNVERSIONED] {
        ratios(&mut out, input, &comparisons, ours);
    }
    for (name, _) in super::plots(input) {
        line!(out, "![{name}]({name})\n");
    }
    out.push_str(&steady::markdown(input.series));
    throughput(&mut out, &behind_the_trait, &comparisons);
    natives(&mut out, input, &comparisons);
    latencies(&mut out, &comparisons);
    resources(&mut out, &comparisons);
    out
}

fn machine(out: &mut String, input: &Input<'_>) {
    let machine = &input.results.machine;
    let repetitions = input.results.runs.iter().map(|run| run.run).max().unwrap_or_default();
    line!(
        out,
        "{}, {} processors, {} MB of memory, Linux {}, {}.",
        machine.cpu,
        machine.cpus,
        machine.memory_mb,
        machine.kernel,
        machine.filesystem
    );
    line!(out, "Medians of {repetitions} runs; engines take turns within each run.");
    let once = |engine: &Engine, workload: &Workload| engine.runs(workload) && !engine.runs_in(2, workload);
    if repetitions > 1 && input.engines.iter().any(|engine| input.workloads.iter().any(|w| once(engine, w))) {
        line!(out, "What is slow was measured in the first of them only: original, and the workloads of minutes.");
    }
    out.push('\n');
    let (before, after) = (&input.results.limits_before, &input.results.limits_after);
    line!(out, "| the machine itself | before | after |\n|---|---|---|");
    let rows = [
        ("write + fdatasync of 150 B, µs", before.fdatasync_us, after.fdatasync_us),
        ("memcpy, GB/s", before.memcpy_gb_s, after.memcpy_gb_s),
        ("pread of 4 KiB, cached, µs", before.pread_us, after.pread_us),
        ("dependent cache miss, ns", before.miss_ns, after.miss_ns),
        ("skip list get, ns", before.skiplist_get_ns, after.skiplist_get_ns),
    ];
    for (what, before, after) in rows {
        let note = if drifted(before, after) { " **drifted**" } else { "" };
        line!(out, "| {what} | {} | {}{note} |", number(before), number(after));
    }
    out.push('\n');
}

fn notes(out: &mut String, input: &Input<'_>) {
    let (before, after) = (&input.results.limits_before, &input.results.limits_after);
    let mut notes = input.results.notes.clone();
    if drifted(before.fdatasync_us, after.fdatasync_us) {
        notes.push(
            "fdatasync drifted by more than 20% from beginning to end: durable figures are not to be relied on".into(),
        );
    }
    if input.results.machine.load_before > 0.5 {
        notes.push(format!("the machine was busy before the first run (load {})", input.results.machine.load_before));
    }
    notes.extend(unsynced(input));
    if notes.is_empty() {
        return;
    }
    line!(out, "## Notes\n");
    for note in notes {
        line!(out, "- {note}");
    }
    out.push('\n');
}

/// Engines that acknowledge durable commits of a single client without a sync for each.
fn unsynced(input: &Input<'_>) -> Vec<String> {
    let alone = |run: &&Run| run.run == 1 && run.clients == 1 && run.durability == Durability::Immediate.to_string();
    let of_single_rows = |run: &&Run| {
        input.workloads.iter().any(|w| w.name == run.workload && w.kind == Kind::Commit && w.pace.is_none())
    };
    let runs = input.results.runs.iter().filter(alone).filter(of_single_rows);
    let few = runs.filter_map(|run| Some((run, run.fsyncs.filter(|syncs| *syncs < 1000)?)));
    few.map(|(run, syncs)| format!("{}: {syncs} syncs for 1000 durable commits of a single client", run.engine))
        .collect()
}

fn engines(out: &mut String, input: &Input<'_>) {
    line!(out, "## Engines\n\n| engine | isolation | |\n|---|---|---|");
    for engine in input.engines {
        line!(out, "| {} | {} | {} |", engine.name, engine.isolation, engine.note);
    }
    out.push('\n');
}

fn ratios(out: &mut String, input: &Input<'_>, comparisons: &[Comparison<'_>], ours: &str) {
    if !comparisons.iter().any(|comparison| comparison.line(ours).is_some()) {
        return;
    }
    let peers: Vec<&str> =
        input.engines.iter().filter(|engine| engine.peer && !engine.native).map(|engine| engine.name).collect();
    line!(out, "## {ours} beside the others\n\nMore than 1 is better for {ours}, whatever is measured.\n");
    line!(
        out,
        "| workload | {ours} | to the best peer | to {USUAL} | to original | share of the limit |\n|---|---|---|---|---|---|"
    );
    for comparison in comparisons {
        let Some(line) = comparison.line(ours) else { continue };
        let best = comparison.best(&peers);
        let to_best = best.and_then(|peer| Some(format!("{} ({peer})", times(comparison.ratio(ours, peer)?))));
        let ratio = |other| comparison.ratio(ours, other).map_or("–".into(), times);
        let run = input.results.runs.iter().find(|run| run.engine == ours && run.workload == comparison.workload.name);
        let bound = run.and_then(|run| limit::bound(comparison.workload, &input.results.limits_before, run));
        let [ops, ..] = line.ops_per_s;
        let share = bound.map(|(what, most)| format!("{} of {what}", percent(ops / most)));
        let (title, figure) = (&comparison.workload.title, figure(comparison.workload, line));
        let dash = || "–".to_owned();
        line!(
            out,
            "| {title} | {figure} | {} | {} | {} | {} |",
            to_best.unwrap_or_else(dash),
            ratio(USUAL),
            ratio("original"),
            share.unwrap_or_else(dash)
        );
    }
    out.push('\n');
}

fn throughput(out: &mut String, names: &[&str], comparisons: &[Comparison<'_>]) {
    line!(
        out,
        "## Throughput\n\nOperations in a second, and half the distance between the extremes, where there was more than one run. For what it says so: MB on disk, the time it took, or the latency that one in a hundred exceeds.\n"
    );
    line!(out, "| workload | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for comparison in comparisons {
        let cells = names.iter().map(|name| {
            let line = comparison.line(name);
            line.map_or("–".into(), |line| {
                let spread = line.spread().map_or_else(String::new, |spread| format!(" ± {}", percent(spread)));
                figure(comparison.workload, line) + &spread
            })
        });
        line!(out, "| {} | {} |", comparison.workload.title, cells.collect::<Vec<_>>().join(" | "));
    }
}

/// What the trait and its adapters cost.
fn natives(out: &mut String, input: &Input<'_>, comparisons: &[Comparison<'_>]) {
    let natives: Vec<_> = input.engines.iter().filter(|engine| engine.native).collect();
    if natives.is_empty() {
        return;
    }
    line!(
        out,
        "\n## Called natively\n\nThe same engines without the trait and their adapters: what those cost, and {OURS}, through the trait, beside them.\n"
    );
    line!(
        out,
        "| workload | engine | natively | through the trait | of it | {OURS} to native |\n|---|---|---|---|---|---|"
    );
    for comparison in comparisons {
        for native in &natives {
            let Some(line) = comparison.line(native.name) else { continue };
            let base = Engine::base(native.name);
            let through = comparison.line(base).map_or("–".into(), |line| figure(comparison.workload, line));
            let share = comparison.ratio(base, native.name).map_or("–".into(), percent);
            let ours = comparison.ratio(OURS, native.name).map_or("–".into(), times);
            let (title, natively) = (&comparison.workload.title, figure(comparison.workload, line));
            line!(out, "| {title} | {base} | {natively} | {through} | {share} | {ours} |");
        }
    }
}

fn latencies(out: &mut String, comparisons: &[Comparison<'_>]) {
    line!(
        out,
        "\n## Latency\n\nµs of one commit, read or scan: in a closed loop, or, where operations arrive, from the moment that each was to begin.\n\n| workload | engine | p50 | p99 | p99.9 |\n|---|---|---|---|---|"
    );
    for comparison in comparisons {
        for line in &comparison.lines {
            let [p50, p99, p999] = line.latencies_us.map(number);
            line!(out, "| {} | {} | {p50} | {p99} | {p999} |", comparison.workload.title, line.engine);
        }
    }
}

fn resources(out: &mut String, comparisons: &[Comparison<'_>]) {
    line!(
        out,
        "\n## What it takes\n\nSyncs are for 1000 operations, opening and closing included; counted in an extra, shorter run under strace.\n"
    );
    line!(
        out,
        "| workload | engine | written, MB | on disk, MB | memory, MB | processor, s | syncs |\n|---|---|---|---|---|---|---|"
    );
    for comparison in comparisons.iter().filter(|comparison| comparison.workload.writes()) {
        for line in &comparison.lines {
            let mega = |bytes: Option<f64>| bytes.map_or("–".into(), |bytes| number(bytes / 1e6));
            let plain = |value: Option<f64>| value.map_or("–".into(), number);
            let (title, engine) = (&comparison.workload.title, &line.engine);
            let syncs = line.fsyncs.map_or("–".into(), |syncs| syncs.to_string());
            line!(
                out,
                "| {title} | {engine} | {} | {} | {} | {} | {syncs} |",
                mega(line.bytes_written),
                mega(line.disk_bytes),
                plain(line.rss_mb),
                plain(line.cpu_s)
            );
        }
    }
}

pub(super) fn figure(workload: &Workload, line: &Line) -> String {
    let [ops, ..] = line.ops_per_s;
    let [p50, p99, _] = line.latencies_us;
    match workload.kind {
        Kind::Size => line.disk_bytes.map_or("–".into(), |bytes| format!("{} MB", number(bytes / 1e6))),
        Kind::Settle => format!("{} s", number(p50 / 1e6)),
        _ if workload.pace.is_some() => format!("p99 {} µs", number(p99)),
        _ => format!("{}/s", number(ops)),
    }
}

fn times(ratio: f64) -> String {
    format!("{}x", number(ratio))
}

fn percent(share: f64) -> String {
    format!("{}%", number(share * 100.0))
}

/// Three digits, and commas between thousands.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value < 100.0 {
        let decimals = if value < 10.0 { 2 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let unit = 10f64.powf((value.log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let grouped = digits.char_indices().flat_map(|(i, digit)| {
        let comma = i > 0 && (digits.len() - i).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    });
    grouped.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::ENGINES;
    use crate::limits::Limits;
    use crate::machine::Machine;
    use crate::results::Results;
    use crate::summary::tests::{run, workload};

    pub(in crate::report) fn results(after: f64) -> Results {
        let limits = |fdatasync_us| Limits {
            fdatasync_us,
            memcpy_gb_s: 10.0,
            pread_us: 1.0,
            miss_ns: 100.0,
            skiplist_get_ns: 500.0,
        };
        let machine = Machine {
            cpu: "a".into(),
            cpus: 2,
            memory_mb: 1,
            kernel: "6".into(),
            filesystem: "ext4".into(),
            load_before: 0.0,
        };
        let runs = vec![
            run("kv-lance", "get-hot", 1, 1_000_000.0),
            run("rocksdb", "get-hot", 1, 500_000.0),
            run("redb", "get-hot", 1, 2_000_000.0),
        ];
        Results { machine, limits_before: limits(100.0), limits_after: limits(after), runs, notes: Vec::new() }
    }

    fn report(after: f64) -> String {
        let workloads = [workload("get-hot")];
        markdown(&Input { results: &results(after), engines: ENGINES, workloads: &workloads, series: &[] })
    }

    #[test]
    fn losses_are_shown_as_plainly_as_wins() {
        let report = report(100.0);
        let row = "| point get, hot | 1,000,000/s | 0.50x (redb) | 2.00x | – | 50.0% of skip list get |";
        assert!(report.contains(row), "{report}");
        assert!(report.contains("| rocksdb | snapshot |"), "isolation stands beside the name");
        assert!(!report.contains("drifted"));
    }

    #[test]
    fn a_drift_of_the_medium_is_said() {
        assert!(report(121.0).contains("fdatasync drifted by more than 20%"));
        assert!(report(121.0).contains("121 **drifted**"));
    }

    #[test]
    fn an_engine_that_does_not_sync_each_durable_commit_is_named() {
        let mut results = results(100.0);
        let durable = |engine, fsyncs| Run {
            durability: "immediate".into(),
            fsyncs: Some(fsyncs),
            ..run(engine, "commit-durable-1", 1, 1000.0)
        };
        results.runs = vec![durable("kv-lance", 1005), durable("redb", 3)];
        let workloads = [workload("commit-durable-1")];
        let report = markdown(&Input { results: &results, engines: ENGINES, workloads: &workloads, series: &[] });
        assert!(report.contains("- redb: 3 syncs for 1000 durable commits of a single client"), "{report}");
        assert!(!report.contains("- kv-lance: "), "{report}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.5, 12.34, 123.4, 1234.0, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.50", "12.3", "123", "1,230", "1,230,000"]);
    }
}
