//! The steady state: a plot of every second, and whether the end is as the beginning.

use super::chart::{Scale, Svg, colour};
use super::markdown::number;
use super::plots::{GRID, HEAD, LABEL, RIGHT, SMALL, WIDTH};
use crate::series::{Flatness, Second, Series};
use std::fmt::Write as _;

/// A figure of a second.
type Figure = fn(&Second) -> Option<f64>;

/// What is drawn and compared, from top to bottom, and whether it is a latency.
const FIGURES: [(&str, Figure, bool); 5] = [
    ("transactions a second", |second| Some(second.operations as f64), false),
    ("p99.9, µs", |second| second.p999_us, true),
    ("memory, MB", |second| second.rss_mb, false),
    ("on disk, MB", |second| second.disk_bytes.map(|bytes| bytes as f64 / 1e6), false),
    ("open handles", |second| second.handles.map(|handles| handles as f64), false),
];

const LEFT: f64 = 80.0;
const TOP: f64 = 110.0;
const PANEL: f64 = 170.0;
const GAP: f64 = 46.0;

/// The vertical axis of a panel.
enum Axis {
    Ratios(Scale),
    /// From 0 to a round number.
    FromZero {
        greatest: f64,
        bottom: f64,
        top: f64,
    },
}

impl Axis {
    /// `None` without positive values.
    fn around(values: impl Iterator<Item = f64> + Clone, ratios: bool, bottom: f64, top: f64) -> Option<Self> {
        if ratios {
            return Scale::around(values, bottom, top).map(Self::Ratios);
        }
        let greatest = values.reduce(f64::max).filter(|greatest| *greatest > 0.0)?;
        let decade = 10f64.powf(greatest.log10().floor());
        let round = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|n| n * decade).find(|round| *round >= greatest)?;
        Some(Self::FromZero { greatest: round, bottom, top })
    }

    fn at(&self, value: f64) -> f64 {
        match self {
            Self::Ratios(scale) => scale.at(value),
            Self::FromZero { greatest, bottom, top } => bottom + value / greatest * (top - bottom),
        }
    }

    /// Positions and names of its marks.
    fn marks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Ratios(scale) => scale.decades().collect(),
            Self::FromZero { greatest, .. } => {
                [0.0, greatest / 2.0, *greatest].map(|value| (self.at(value), number(value))).into()
            }
        }
    }
}

/// A panel for each figure, a line for each engine; `None` where nothing was looked at by second.
pub fn plot(title: &str, names: &[&str], series: &[Series]) -> Option<String> {
    let seconds = series.iter().map(|series| series.seconds.len()).max().filter(|seconds| *seconds > 1)?;
    let mut svg = Svg::new(WIDTH, TOP + (PANEL + GAP) * FIGURES.len() as f64);
    svg.text((24.0, 34.0), "start", HEAD, title);
    svg.text(
        (24.0, 54.0),
        "start",
        SMALL,
        "second by second; flat is better. Latencies are on a scale of ratios, all else begins at 0",
    );
    svg.legend((30.0, 80.0), names);
    let x = |second: usize| LEFT + (WIDTH - RIGHT - LEFT) * second as f64 / seconds as f64;
    for (panel, (name, figure, latency)) in FIGURES.iter().enumerate() {
        let top = TOP + (PANEL + GAP) * panel as f64;
        let bottom = top + PANEL;
        svg.text((LEFT, top - 8.0), "start", LABEL, name);
        let values = series.iter().flat_map(|series| series.seconds.iter()).filter_map(figure);
        let Some(scale) = Axis::around(values, *latency, bottom, top) else { continue };
        for (y, name) in scale.marks() {
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

/// The names of the figures, and each in the first and in the last fifth of the time.
pub fn flatness(series: &Series) -> impl Iterator<Item = (&'static str, Option<Flatness>)> {
    FIGURES.iter().map(|(name, figure, _)| (*name, series.flatness(figure)))
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
        for (name, figure, _) in FIGURES {
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
        let plot = plot("Steady state", &["a", "b"], &all).unwrap_or_default();
        assert_eq!(plot.matches("<polyline").count(), 2 * (FIGURES.len() - 1), "{plot}");
        assert!(plot.contains(">3 s<") && !plot.contains("NaN"), "{plot}");
    }

    #[test]
    fn what_is_half_of_the_greatest_mark_is_half_way_up() {
        let axis = |values: &[f64]| Axis::around(values.iter().copied(), false, 100.0, 0.0);
        let of = |values: &[f64]| {
            axis(values).map(|axis| (axis.at(15.0), axis.marks().into_iter().map(|(_, name)| name).collect::<Vec<_>>()))
        };
        let marks = ["0.00", "10.0", "20.0"].map(String::from).to_vec();
        assert_eq!(of(&[3.0, 17.0]), Some((25.0, marks)));
        assert_eq!((of(&[]), of(&[0.0])), (None, None));
    }

    #[test]
    fn without_seconds_there_is_nothing() {
        assert_eq!((plot("Steady state", &["a"], &[]), markdown(&[])), (None, String::new()));
    }
}
