//! Drawing: a logarithmic scale, and the few shapes that the plots consist of.

use std::fmt::Write as _;

/// One colour for each engine, told apart by people who see colours differently (Okabe, Ito: "Color universal
/// design", 2008).
const COLOURS: [&str; 10] =
    ["#d55e00", "#5e3c99", "#999999", "#0072b2", "#009e73", "#004d38", "#e69f00", "#cc79a7", "#56b4e9", "#222222"];

/// The colour of the `index`-th engine.
pub(super) fn colour(index: usize) -> &'static str {
    COLOURS.iter().cycle().nth(index).copied().unwrap_or("#222222")
}

/// Maps positive values to positions, the same distance for the same ratio.
pub(super) struct Scale {
    first: i32,
    last: i32,
    from: f64,
    to: f64,
}

impl Scale {
    /// A scale from `from` to `to` of whole decades around `values`; `None` without positive values.
    pub(super) fn around(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Option<Self> {
        let values = values.filter(|value| *value > 0.0 && value.is_finite());
        let least = values.clone().reduce(f64::min)?;
        let greatest = values.reduce(f64::max)?;
        let first = least.log10().floor() as i32;
        let last = (greatest.log10().ceil() as i32).max(first + 1);
        Some(Self { first, last, from, to })
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Positions and names of the decades.
    pub(super) fn decades(&self) -> impl Iterator<Item = (f64, String)> {
        (self.first..=self.last).map(|power| (self.at(10f64.powi(power)), decade(power)))
    }
}

fn decade(power: i32) -> String {
    let (unit, rest) = match power {
        9.. => ("G", power - 9),
        6.. => ("M", power - 6),
        3.. => ("k", power - 3),
        _ => ("", power),
    };
    format!("{}{unit}", 10f64.powi(rest))
}

/// An SVG file that grows.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: &str, style: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" {style}>{text}</text>"#);
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}"/>"#
        );
    }

    /// A line through points, in order.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], colour: &str, title: &str) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.body,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"><title>{title}</title></polyline>"#,
            points.join(" ")
        );
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, title: &str) {
        let _ = writeln!(
            self.body,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{colour}" fill-opacity="0.9" stroke="white"><title>{title}</title></circle>"#
        );
    }

    /// Names and colours of the engines, in a row.
    pub(super) fn legend(&mut self, (x, y): (f64, f64), names: &[&str]) {
        let mut x = x;
        for (index, name) in names.iter().enumerate() {
            self.dot((x, y - 4.0), 6.0, colour(index), name);
            self.text((x + 11.0, y), "start", r#"font-size="13""#, name);
            x += 34.0 + 7.2 * name.len() as f64;
        }
    }

    pub(super) fn finish(self) -> String {
        let Self { width, height, body } = self;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" fill="#222">
<rect width="100%" height="100%" fill="white"/>
{body}</svg>
"##
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_distances() {
        let scale = Scale::around([1.0, 900.0].into_iter(), 0.0, 300.0);
        let at = |value| scale.as_ref().map(|scale| scale.at(value)).unwrap_or_default();
        assert!((at(10.0) - 100.0).abs() < 1e-9 && (at(100.0) - 200.0).abs() < 1e-9);
        let names: Vec<_> = scale.iter().flat_map(|scale| scale.decades()).map(|(_, name)| name).collect();
        assert_eq!(names, ["1", "10", "100", "1k"]);
    }

    #[test]
    fn nothing_has_no_scale() {
        assert!(Scale::around([0.0].into_iter(), 0.0, 1.0).is_none());
    }
}
