//! The figures as a plot: a row for each workload and number of clients, in it a dot for each engine, as far to the right
//! as it is faster than the one that all are compared with.

#[allow(dead_code, reason = "kv-bench draws more than this needs")]
#[path = "../../../kv-bench/src/report/chart.rs"]
mod chart;

use crate::engine::Engine;
use crate::report::Row;
use chart::{Svg, colour};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 90.0;
const ROW: f64 = 30.0;
/// How far below each other engines lie in a row, so that none is hidden.
const LANE: f64 = 3.5;
const RADIUS: f64 = 3.5;
const GRID: &str = "#e3e3e3";
const YARDSTICK: &str = "surrealkv";

/// An SVG file; `None` where nothing was measured.
pub(crate) fn throughput(engines: &[Engine], rows: &[Row]) -> Option<String> {
    let names: Vec<_> = engines.iter().map(|engine| engine.name).collect();
    let yardstick = names.iter().position(|name| *name == YARDSTICK).unwrap_or(0);
    let all: Vec<Vec<f64>> = rows.iter().map(|row| ratios(row, yardstick)).collect::<Option<_>>()?;
    let scale = Octaves::around(all.iter().flatten().copied())?;
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 36.0);
    let title = format!("Statements a second, in multiples of {}'s; right is better", names.get(yardstick)?);
    svg.text((20.0, 30.0), "start", r#"font-size="18" font-weight="600""#, &title);
    svg.legend((26.0, 62.0), &names);
    for (ratio, x) in scale.marks() {
        svg.line((x, TOP), (x, bottom), if ratio == 1.0 { "#888888" } else { GRID }, 1.0);
        svg.text((x, bottom + 18.0), "middle", r##"font-size="12" fill="#666""##, &format!("{ratio}"));
    }
    for (index, (row, ratios)) in rows.iter().zip(&all).enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        let label =
            format!("{}, {} client{}", row.workload.name(), row.clients, if row.clients == 1 { "" } else { "s" });
        svg.text((LEFT - 12.0, y + 4.0), "end", r#"font-size="13""#, &label);
        svg.line((LEFT, y + ROW / 2.0), (WIDTH - RIGHT, y + ROW / 2.0), GRID, 1.0);
        let first = y - LANE * (names.len() as f64 - 1.0) / 2.0;
        for (engine, ((name, figures), ratio)) in names.iter().zip(&row.figures).zip(ratios).enumerate() {
            let title = format!("{name}: {:.0}/s, {ratio:.2}", figures.per_second);
            svg.dot((scale.at(*ratio), first + LANE * engine as f64), RADIUS, colour(engine), &title);
        }
    }
    Some(svg.finish())
}

/// For each engine how many times as many statements it answered as one of them.
fn ratios(row: &Row, yardstick: usize) -> Option<Vec<f64>> {
    let of_yardstick = row.figures.get(yardstick)?.per_second;
    Some(row.figures.iter().map(|figures| figures.per_second / of_yardstick).collect())
}

/// Whole octaves: the same distance for the same ratio.
struct Octaves {
    first: i32,
    last: i32,
}

impl Octaves {
    fn around(ratios: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let logs = ratios.filter(|ratio| ratio.is_finite() && *ratio > 0.0).map(f64::log2);
        let (least, greatest) = (logs.clone().reduce(f64::min)?, logs.reduce(f64::max)?);
        let first = least.floor() as i32;
        Some(Self { first, last: (greatest.ceil() as i32).max(first + 1) })
    }

    fn at(&self, ratio: f64) -> f64 {
        let share = (ratio.log2() - f64::from(self.first)) / f64::from(self.last - self.first);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - RIGHT - LEFT)
    }

    /// Ratios to be named, and where they are.
    fn marks(&self) -> impl Iterator<Item = (f64, f64)> {
        let octaves = (self.first..=self.last).map(|octave| 2f64.powi(octave));
        let with_halves = octaves.flat_map(|octave| [octave, 1.5 * octave]);
        with_halves.filter(|ratio| ratio.log2() <= f64::from(self.last)).map(|ratio| (ratio, self.at(ratio)))
    }
}
