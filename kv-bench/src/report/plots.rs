//! The plots: one line a workload with a dot for each engine, and durable commits by the number of clients.

use super::chart::{Scale, Svg, colour};
use super::markdown::number;
use super::{Input, steady};
use crate::summary::{Comparison, Line};
use crate::workload::{Durability, Kind};

pub(super) const WIDTH: f64 = 1000.0;
const LEFT: f64 = 330.0;
pub(super) const RIGHT: f64 = 30.0;
const TOP: f64 = 100.0;
const ROW: f64 = 27.0;
pub(super) const HEAD: &str = r#"font-size="19" font-weight="600""#;
pub(super) const SMALL: &str = r##"font-size="12" fill="#666""##;
pub(super) const LABEL: &str = r#"font-size="13""#;
pub(super) const GRID: &str = "#e3e3e3";

/// Names and contents of the plots. One of which there is nothing to show is left out.
pub fn plots(input: &Input<'_>) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = input.engines.iter().filter(|e| !e.native).map(|engine| engine.name).collect();
    let comparisons: Vec<Comparison<'_>> = input
        .workloads
        .iter()
        .filter(|workload| workload.is_throughput())
        .map(|workload| Comparison::of(&input.results.runs, &names, workload))
        .collect();
    let throughput = |line: &Line| line.ops_per_s;
    let latency = |line: &Line| {
        let [p50, p99, _] = line.latencies_us;
        [p50, p50, p99]
    };
    let about = "operations in a second, median and extremes of all runs; more is better";
    let throughput = dots("Throughput", about, &names, &comparisons, throughput);
    let about = "µs of one operation, median with a line to the 99th percentile; less is better";
    let latency = dots("Latency", about, &names, &comparisons, latency);
    let clients = clients(&names, &comparisons);
    let steady = steady::plot("Steady state", &names, input.series);
    let plots =
        [("throughput.svg", throughput), ("latency.svg", latency), ("clients.svg", clients), ("steady.svg", steady)];
    plots.into_iter().filter_map(|(name, plot)| Some((name, plot?))).collect()
}

/// A row for each workload; `figures` gives the dot and the ends of its line.
fn dots(
    title: &str,
    about: &str,
    names: &[&str],
    comparisons: &[Comparison<'_>],
    figures: impl Fn(&Line) -> [f64; 3],
) -> Option<String> {
    let values = comparisons.iter().flat_map(|comparison| comparison.lines.iter()).flat_map(&figures);
    let scale = Scale::around(values, LEFT, WIDTH - RIGHT)?;
    let bottom = TOP + ROW * comparisons.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 40.0);
    svg.text((24.0, 34.0), "start", HEAD, title);
    svg.text((24.0, 54.0), "start", SMALL, about);
    svg.legend((30.0, 80.0), names);
    for (x, name) in scale.decades() {
        svg.line((x, TOP), (x, bottom), GRID, 1.0);
        svg.text((x, bottom + 20.0), "middle", SMALL, &name);
    }
    for (row, comparison) in comparisons.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        svg.text((LEFT - 14.0, y + 4.0), "end", LABEL, &comparison.workload.title);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
        // The first engine is drawn last, above the others.
        for (index, name) in names.iter().enumerate().rev() {
            let Some(line) = comparison.line(name) else { continue };
            let [at, from, to] = figures(line);
            svg.line((scale.at(from), y), (scale.at(to), y), colour(index), 2.5);
            svg.dot(
                (scale.at(at), y),
                if index == 0 { 7.0 } else { 5.5 },
                colour(index),
                &format!("{name}: {}", number(at)),
            );
        }
    }
    Some(svg.finish())
}

/// Durable commits of all clients together, by their number.
fn clients(names: &[&str], comparisons: &[Comparison<'_>]) -> Option<String> {
    const HEIGHT: f64 = 480.0;
    const LEFT: f64 = 80.0;
    let durable =
        |c: &&Comparison<'_>| c.workload.kind == Kind::Commit && c.workload.durability == Durability::Immediate;
    let steps: Vec<&Comparison<'_>> = comparisons.iter().filter(durable).collect();
    if steps.len() < 2 {
        return None;
    }
    let values = steps.iter().flat_map(|step| step.lines.iter()).flat_map(|line| line.ops_per_s);
    let scale = Scale::around(values, HEIGHT - 60.0, TOP)?;
    let mut svg = Svg::new(WIDTH, HEIGHT);
    svg.text((24.0, 34.0), "start", HEAD, "Durable commits of one row");
    svg.text(
        (24.0, 54.0),
        "start",
        SMALL,
        "commits in a second of all clients together, by their number; more is better",
    );
    svg.legend((30.0, 80.0), names);
    for (y, name) in scale.decades() {
        svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
        svg.text((LEFT - 10.0, y + 4.0), "end", SMALL, &name);
    }
    let x = |step: usize| LEFT + 60.0 + (WIDTH - RIGHT - LEFT - 120.0) * step as f64 / (steps.len() - 1) as f64;
    for (at, step) in steps.iter().enumerate() {
        let label =
            if step.workload.clients == 1 { "1 client".into() } else { format!("{} clients", step.workload.clients) };
        svg.text((x(at), HEIGHT - 34.0), "middle", LABEL, &label);
    }
    for (index, name) in names.iter().enumerate().rev() {
        let mut before = None;
        for (at, step) in steps.iter().enumerate() {
            let Some(line) = step.line(name) else { continue };
            let [ops, ..] = line.ops_per_s;
            let here = (x(at), scale.at(ops));
            if let Some(before) = before.replace(here) {
                svg.line(before, here, colour(index), 2.5);
            }
            svg.dot(here, 6.0, colour(index), &format!("{name}: {}", number(ops)));
        }
    }
    Some(svg.finish())
}
