//! The figures as a plot: a row for each workload and number of clients, a dot for each engine.

#[allow(dead_code, reason = "kv-bench draws more than this needs")]
#[path = "../../../kv-bench/src/report/chart.rs"]
mod chart;

use crate::engine::Engine;
use crate::report::Row;
use chart::{Scale, Svg, colour};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 90.0;
const ROW: f64 = 22.0;
const GRID: &str = "#e3e3e3";

/// An SVG file; `None` where nothing was measured.
pub(crate) fn throughput(engines: &[Engine], rows: &[Row]) -> Option<String> {
    let values = rows.iter().flat_map(|row| row.figures.iter().map(|figures| figures.per_second));
    let scale = Scale::around(values, LEFT, WIDTH - RIGHT)?;
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 36.0);
    svg.text((20.0, 30.0), "start", r#"font-size="18" font-weight="600""#, "Statements a second; more is better");
    let names: Vec<_> = engines.iter().map(|engine| engine.name).collect();
    svg.legend((26.0, 62.0), &names);
    for (x, name) in scale.decades() {
        svg.line((x, TOP), (x, bottom), GRID, 1.0);
        svg.text((x, bottom + 18.0), "middle", r##"font-size="12" fill="#666""##, &name);
    }
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        let label =
            format!("{}, {} client{}", row.workload.name(), row.clients, if row.clients == 1 { "" } else { "s" });
        svg.text((LEFT - 12.0, y + 4.0), "end", r#"font-size="13""#, &label);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), GRID, 1.0);
        for (engine, (figures, name)) in row.figures.iter().zip(&names).enumerate() {
            let title = format!("{name}: {:.0}/s", figures.per_second);
            svg.dot((scale.at(figures.per_second), y), 5.0, colour(engine), &title);
        }
    }
    Some(svg.finish())
}
