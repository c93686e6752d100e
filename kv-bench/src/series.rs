//! A workload second by second, and whether it stays as it began.

use crate::summary::median;
use serde::{Deserialize, Serialize};

/// One second of a workload. What could not be measured is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Which, from 1.
    pub second: u32,
    /// Transactions that ended in it, of all clients.
    pub operations: u64,
    /// The latency that one in a thousand of them exceeds; `None` where none ended.
    pub p999_us: Option<f64>,
    /// The longest of them.
    pub longest_us: Option<f64>,
    /// Resident memory of the process at its end.
    pub rss_mb: Option<f64>,
    /// The space that the store takes at its end.
    pub disk_bytes: Option<u64>,
    /// Open handles of the process at its end.
    pub handles: Option<u64>,
}

/// What an engine did, second by second.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The engine's name.
    pub engine: String,
    /// The workload's name.
    pub workload: String,
    /// In order, without a gap.
    pub seconds: Vec<Second>,
}

/// A figure in the first and in the last fifth of the time, as medians of their seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flatness {
    /// In the first fifth.
    pub first: f64,
    /// In the last fifth.
    pub last: f64,
}

impl Flatness {
    /// How many times the first the last is.
    pub fn ratio(&self) -> f64 {
        self.last / self.first.max(f64::MIN_POSITIVE)
    }
}

impl Series {
    /// How a figure of its seconds changes; `None` where it was not measured.
    pub fn flatness(&self, of: impl Fn(&Second) -> Option<f64>) -> Option<Flatness> {
        let fifth = self.seconds.len().div_ceil(5);
        let of_some = |seconds: &[Second]| median(&mut seconds.iter().filter_map(&of).collect::<Vec<_>>());
        let first = of_some(self.seconds.get(..fifth)?)?;
        let last = of_some(self.seconds.get(self.seconds.len() - fifth..)?)?;
        Some(Flatness { first, last })
    }

    /// The greatest of a figure.
    pub fn greatest(&self, of: impl Fn(&Second) -> Option<f64>) -> Option<f64> {
        self.seconds.iter().filter_map(of).reduce(f64::max)
    }

    /// The seconds with less than half of the median throughput.
    pub fn slow_seconds(&self) -> usize {
        let operations = |second: &Second| second.operations as f64;
        let usual = median(&mut self.seconds.iter().map(operations).collect::<Vec<_>>()).unwrap_or_default();
        self.seconds.iter().filter(|second| operations(second) < usual / 2.0).count()
    }
}

/// All series as CSV, with a heading.
pub fn csv(series: &[Series]) -> String {
    let mut out = String::from("engine,workload,second,operations,p999_us,longest_us,rss_mb,disk_bytes,handles\n");
    let float = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
    let whole = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    for Series { engine, workload, seconds } in series {
        for s in seconds {
            let (latencies, memory) = ([float(s.p999_us), float(s.longest_us)].join(","), float(s.rss_mb));
            let (disk, handles) = (whole(s.disk_bytes), whole(s.handles));
            let (second, operations) = (s.second, s.operations);
            out += &format!("{engine},{workload},{second},{operations},{latencies},{memory},{disk},{handles}\n");
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn series(engine: &str, operations: &[u64]) -> Series {
        let second = |(operations, second): (&u64, u32)| Second {
            second,
            operations: *operations,
            p999_us: (*operations > 0).then(|| 1e6 / *operations as f64),
            longest_us: (*operations > 0).then(|| 1e7 / *operations as f64),
            rss_mb: Some(100.0),
            disk_bytes: Some(u64::from(second) * 1_000_000),
            handles: None,
        };
        let seconds = operations.iter().zip(1..).map(second).collect();
        Series { engine: engine.into(), workload: "steady".into(), seconds }
    }

    #[test]
    fn the_last_fifth_is_compared_with_the_first() {
        let series = series("a", &[100, 80, 90, 1, 1, 1, 1, 1, 1, 1, 1, 1, 50, 40, 45]);
        let flatness = series.flatness(|second| Some(second.operations as f64));
        assert_eq!(flatness, Some(Flatness { first: 90.0, last: 45.0 }));
        assert_eq!(flatness.map(|flatness| flatness.ratio()), Some(0.5));
        assert_eq!(series.flatness(|second| second.handles.map(|handles| handles as f64)), None);
        assert_eq!(series.greatest(|second| second.longest_us), Some(1e7));
    }

    #[test]
    fn a_second_in_which_nothing_ended_is_a_slow_one() {
        assert_eq!(series("a", &[100, 0, 100, 40, 100]).slow_seconds(), 2);
    }

    #[test]
    fn nothing_is_neither_flat_nor_slow() {
        let series = series("a", &[]);
        assert_eq!((series.flatness(|_| Some(1.0)), series.slow_seconds()), (None, 0));
    }

    #[test]
    fn what_was_not_measured_is_empty_in_the_csv() {
        let csv = csv(&[series("a", &[1000, 0])]);
        let lines: Vec<_> = csv.lines().skip(1).collect();
        assert_eq!(lines, ["a,steady,1,1000,1000.0,10000.0,100.0,1000000,", "a,steady,2,0,,,100.0,2000000,"]);
    }
}
