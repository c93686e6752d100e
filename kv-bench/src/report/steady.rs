//! The steady state: a plot of every second, and whether the end is as the beginning.

use super::chart::{Scale, Svg, colour};
use super::markdown::number;
use super::plots::{GRID, HEAD, LABEL, RIGHT, SMALL, WIDTH};
use crate::series::{Second, Series};
use std::fmt::Write as _;

/// A figure of a second.
type Figure = fn(&Second) -> Option<f64>;

/// What is drawn and compared, from top to bottom.
const FIGURES: [(&str, Figure); 5] = [
    ("transactions a second", |second| Some(second.operations as f64)),
    ("p99.9, µs", |second| second.p999_us),
    ("memory, MB", |second| second.rss_mb),
    ("on disk, MB", |second| second.disk_bytes.map(|bytes| bytes as f64 / 1e6)),
    ("open handles", |second| second.handles.map(|handles| handles as f64)),
];

const LEFT: f64 = 80.0;
const TOP: f64 = 110.0;
const PANEL: f64 = 170.0;
const GAP: f64 = 46.0;

/// A panel for each figure, a line for each engine; `None` where nothing was looked at by second.
pub(super) fn plot(names: &[&str], series: &[Series]) -> Option<String> {
    let seconds = series.iter().map(|series| series.seconds.len()).max().filter(|seconds| *seconds > 1)?;
    let mut svg = Svg::new(WIDTH, TOP + (PANEL + GAP) * FIGURES.len() as f64);
    svg.text((24.0, 34.0), "start", HEAD, "Steady state");
    svg.text((24.0, 54.0), "start", SMALL, "second by second; flat is better, and what is 0 is drawn at the bottom");
    svg.legend((30.0, 80.0), names);
    let x = |second: usize| LEFT + (WIDTH - RIGHT - LEFT) * second as f64 / seconds as f64;
    for (panel, (name, figure)) in FIGURES.iter().enumerate() {
        let top = TOP + (PANEL + GAP) * panel as f64;
        let bottom = top + PANEL;
        svg.text((LEFT, top - 8.0), "start", LABEL, name);
        let values = series.iter().flat_map(|series| series.seconds.iter()).filter_map(figure);
        let Some(scale) = Scale::around(values, bottom, top) else { continue };
        for (y, name) in scale.decades() {
            svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
            svg.text((LEFT - 10.0, y + 4.0), "end", SMALL, &name);
        }
        for part in 0..=4 {
            let second = seconds * part / 4;
            svg.text((x(second), bottom + 18.0), "middle", SMALL, &format!("{second} s"));
        }
        // The first engine is drawn last, above the others.
        for (index, name) in names.iter().enumerate().rev() {
            for series in series.iter().filter(|series| series.engine == *name) {
                let points: Vec<_> = series
                    .seconds
                    .iter()
                    .filter_map(|second| Some((x(second.second as usize), scale.at(figure(second)?))))
                    .collect();
                svg.curve(&points, colour(index), name);
            }
        }
    }
    Some(svg.finish())
}

/// A line for each engine and figure; nothing where nothing was looked at by second.
pub(super) fn markdown(series: &[Series]) -> String {
    let mut out = String::new();
    if series.is_empty() {
        return out;
    }
    out.push_str(
        "## Steady state\n\nMedians of the seconds of the first and of the last fifth of the time, and the greatest second. A slow second has less than half of the median throughput. `steady.csv` has every second.\n\n| engine | figure | first fifth | last fifth | last to first | greatest |\n|---|---|---|---|---|---|\n",
    );
    let shown = |value: Option<f64>| value.map_or("–".into(), number);
    for series in series {
        for (name, figure) in FIGURES {
            let flatness = series.flatness(figure);
            let _ = writeln!(
                out,
                "| {} | {name} | {} | {} | {} | {} |",
                series.engine,
                shown(flatness.map(|flatness| flatness.first)),
                shown(flatness.map(|flatness| flatness.last)),
                flatness.map_or("–".into(), |flatness| format!("{}x", number(flatness.ratio()))),
                shown(series.greatest(figure))
            );
        }
    }
    out.push_str("\n| engine | seconds | worst stall, ms | slow seconds |\n|---|---|---|---|\n");
    for series in series {
        let longest = series.greatest(|second| second.longest_us).map(|micros| micros / 1e3);
        let (engine, seconds, slow) = (&series.engine, series.seconds.len(), series.slow_seconds());
        let _ = writeln!(out, "| {engine} | {seconds} | {} | {slow} |", shown(longest));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::tests::series;

    #[test]
    fn the_end_is_compared_with_the_beginning() {
        let markdown = markdown(&[series("kv-lance", &[1000, 1000, 10, 1000, 500])]);
        assert!(markdown.contains("| kv-lance | transactions a second | 1,000 | 500 | 0.50x | 1,000 |"), "{markdown}");
        assert!(markdown.contains("| kv-lance | on disk, MB | 1.00 | 5.00 | 5.00x | 5.00 |"), "{markdown}");
        assert!(markdown.contains("| kv-lance | open handles | – | – | – | – |"), "{markdown}");
        assert!(markdown.contains("| kv-lance | 5 | 1,000 | 1 |"), "{markdown}");
    }

    #[test]
    fn each_engine_is_a_line_in_each_panel_that_has_figures() {
        let all = [series("a", &[1000, 500, 0]), series("b", &[10, 20, 30])];
        let plot = plot(&["a", "b"], &all).unwrap_or_default();
        assert_eq!(plot.matches("<polyline").count(), 2 * (FIGURES.len() - 1), "{plot}");
        assert!(plot.contains(">3 s<") && !plot.contains("NaN"), "{plot}");
    }

    #[test]
    fn without_seconds_there_is_nothing() {
        assert_eq!((plot(&["a"], &[]), markdown(&[])), (None, String::new()));
    }
}
