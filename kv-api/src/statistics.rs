//! Figures of a running store, with what somebody who exports them has to know.

/// How a figure behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FigureKind {
    /// It goes up and down.
    Gauge,
    /// It counts since the store was opened, and never falls.
    Counter,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Small letters, digits and `_`, as metrics are called; stable within a backend. A size in
    /// bytes says so in its name (`memtable_bytes`).
    pub name: &'static str,
    /// What it is now.
    pub value: u64,
    /// Of what, in the plural: `bytes`, `rows`, `commits`.
    pub unit: &'static str,
    /// Whether it may fall.
    pub kind: FigureKind,
    /// What it is, in a sentence without its full stop.
    pub description: &'static str,
    /// Of which level of the store, where there is one figure for each.
    pub level: Option<u32>,
}

impl Figure {
    /// A figure that goes up and down.
    pub fn gauge(name: &'static str, value: u64, unit: &'static str, description: &'static str) -> Self {
        Self { name, value, unit, kind: FigureKind::Gauge, description, level: None }
    }

    /// A figure that counts since the store was opened.
    pub fn counter(name: &'static str, value: u64, unit: &'static str, description: &'static str) -> Self {
        Self { name, value, unit, kind: FigureKind::Counter, description, level: None }
    }

    /// The same of a level.
    pub fn at_level(self, level: u32) -> Self {
        Self { level: Some(level), ..self }
    }
}

/// Figures of a running store, each with unit and description, in the order in which a person would
/// read them.
///
/// ```
/// use kv_api::{Figure, FigureKind, Statistics};
///
/// /// A line for each figure, in the text format of Prometheus.
/// fn exported(statistics: &Statistics) -> String {
///     let level = |figure: &Figure| figure.level.map_or(String::new(), |level| format!("{{level=\"{level}\"}}"));
///     let line = |figure: &Figure| format!("kv_{}{} {}\n", figure.name, level(figure), figure.value);
///     statistics.figures.iter().map(line).collect()
/// }
///
/// let commits = Figure::counter("commits", 7, "commits", "Commits since the store was opened");
/// let runs = Figure::gauge("level_runs", 2, "runs", "Sorted runs of the level").at_level(0);
/// let figures = vec![commits, runs];
/// assert_eq!(exported(&Statistics { figures }), "kv_commits 7\nkv_level_runs{level=\"0\"} 2\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// All of them.
    pub figures: Vec<Figure>,
}

impl Statistics {
    /// The value of the figure called `name`, of the store as a whole.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.find(name, None)
    }

    /// The value of the figure called `name` of a level.
    pub fn get_at(&self, name: &str, level: u32) -> Option<u64> {
        self.find(name, Some(level))
    }

    fn find(&self, name: &str, level: Option<u32>) -> Option<u64> {
        self.figures.iter().find(|figure| figure.name == name && figure.level == level).map(|figure| figure.value)
    }
}
