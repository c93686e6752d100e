//! Medians and ratios.

use crate::results::Run;
use crate::workload::{Kind, Workload};

/// The median; `None` of nothing. Sorts.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    match values.len().is_multiple_of(2) {
        true => values.get(values.len() / 2 - 1).map(|lower| (lower + upper) / 2.0),
        false => Some(upper),
    }
}

/// One engine in one workload, over all repetitions.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The engine's name.
    pub engine: String,
    /// How many repetitions those are.
    pub runs: usize,
    /// The median, least and greatest number of operations in a second.
    pub ops_per_s: [f64; 3],
    /// The medians of the latencies: median, 99th, 99.9th percentile.
    pub latencies_us: [f64; 3],
    /// Medians of what else there is.
    pub disk_bytes: Option<f64>,
    /// See [`Run::bytes_written`].
    pub bytes_written: Option<f64>,
    /// See [`Run::rss_mb`].
    pub rss_mb: Option<f64>,
    /// See [`Run::cpu_s`].
    pub cpu_s: Option<f64>,
    /// See [`Run::fsyncs`].
    pub fsyncs: Option<u64>,
}

impl Line {
    /// The line of `engine` in `workload`; `None` where it did not run.
    pub fn of(runs: &[Run], engine: &str, workload: &str) -> Option<Self> {
        let mine: Vec<&Run> = runs.iter().filter(|run| run.engine == engine && run.workload == workload).collect();
        let all =
            |of: &dyn Fn(&Run) -> Option<f64>| median(&mut mine.iter().filter_map(|run| of(run)).collect::<Vec<_>>());
        let ops = || mine.iter().map(|run| run.ops_per_s);
        Some(Self {
            engine: engine.into(),
            runs: mine.len(),
            ops_per_s: [
                all(&|run| Some(run.ops_per_s))?,
                ops().fold(f64::INFINITY, f64::min),
                ops().fold(0.0, f64::max),
            ],
            latencies_us: [
                all(&|run| Some(run.p50_us))?,
                all(&|run| Some(run.p99_us))?,
                all(&|run| Some(run.p999_us))?,
            ],
            disk_bytes: all(&|run| run.disk_bytes.map(|bytes| bytes as f64)),
            bytes_written: all(&|run| run.bytes_written.map(|bytes| bytes as f64)),
            rss_mb: all(&|run| run.rss_mb),
            cpu_s: all(&|run| run.cpu_s),
            fsyncs: mine.iter().find_map(|run| run.fsyncs),
        })
    }

    /// How good it is: more is better, whatever the workload is about.
    pub fn score(&self, workload: &Workload) -> f64 {
        match workload.kind {
            Kind::Size => self.disk_bytes.map_or(0.0, |bytes| 1.0 / bytes.max(1.0)),
            // What arrives is the same for all; what counts is how long the slowest in a hundred took.
            _ if workload.pace.is_some() => 1.0 / self.p99_us().max(f64::MIN_POSITIVE),
            _ => median_of(self.ops_per_s),
        }
    }

    fn p99_us(&self) -> f64 {
        let [_, p99, _] = self.latencies_us;
        p99
    }

    /// Half of the distance between the extremes, as a share of the median; `None` of a single run.
    pub fn spread(&self) -> Option<f64> {
        let [median, least, greatest] = self.ops_per_s;
        (self.runs > 1).then_some((greatest - least) / 2.0 / median.max(f64::MIN_POSITIVE))
    }
}

fn median_of([median, ..]: [f64; 3]) -> f64 {
    median
}

/// The lines of one workload.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// What was measured.
    pub workload: &'a Workload,
    /// One for each engine that ran, in the order of the engines.
    pub lines: Vec<Line>,
}

impl<'a> Comparison<'a> {
    /// The lines of `workload` in the order of `engines`, and the lines of what stands in for it where an engine has none.
    pub fn of(runs: &[Run], engines: &[&str], workload: &'a Workload) -> Self {
        let stand_in = |engine: &str| Line::of(runs, engine, workload.stand_in.as_deref()?);
        let line = |engine: &&str| Line::of(runs, engine, &workload.name).or_else(|| stand_in(engine));
        Self { workload, lines: engines.iter().filter_map(line).collect() }
    }

    /// The line of `engine`.
    pub fn line(&self, engine: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.engine == engine)
    }

    /// How many times as good `engine` is as `other`.
    pub fn ratio(&self, engine: &str, other: &str) -> Option<f64> {
        let other = self.line(other)?.score(self.workload);
        (other > 0.0).then_some(self.line(engine)?.score(self.workload) / other)
    }

    /// The best engine among `peers`.
    pub fn best<'p>(&self, peers: &[&'p str]) -> Option<&'p str> {
        let scored = peers.iter().filter_map(|peer| Some((*peer, self.line(peer)?.score(self.workload))));
        scored.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(peer, _)| peer)
    }
}

/// Whether a value moved by more than a fifth from one measurement to the next, either way.
pub fn drifted(before: f64, after: f64) -> bool {
    let (least, greatest) = (before.min(after), before.max(after));
    greatest > least * 1.2
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::workload::{Options, table};

    pub(crate) fn workload(name: &str) -> Workload {
        let options = Options { clients: vec![1, 8], durability: None, sustained: false, steady_seconds: 600 };
        let mut all = table(&options);
        let at = all.iter().position(|w| w.name == name).unwrap_or_default();
        all.swap_remove(at)
    }

    pub(crate) fn run(engine: &str, workload: &str, run: u32, ops_per_s: f64) -> Run {
        Run {
            engine: engine.into(),
            isolation: "snapshot".into(),
            workload: workload.into(),
            rows: 1000,
            value_bytes: 100,
            clients: 1,
            durability: "eventual".into(),
            run,
            ops_per_s,
            p50_us: 1e6 / ops_per_s,
            p99_us: 2e6 / ops_per_s,
            p999_us: 3e6 / ops_per_s,
            bytes_written: Some(1000),
            fsyncs: None,
            rss_mb: Some(10.0),
            cpu_s: Some(1.0),
            disk_bytes: Some(ops_per_s as u64),
        }
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_line_has_median_and_extremes() {
        let runs: Vec<_> = [100.0, 300.0, 200.0].iter().zip(1..).map(|(ops, n)| run("a", "get-hot", n, *ops)).collect();
        let line = Line::of(&runs, "a", "get-hot");
        assert_eq!(line.as_ref().map(|line| line.ops_per_s), Some([200.0, 100.0, 300.0]));
        assert_eq!(line.and_then(|line| line.spread()), Some(0.5));
        let once = Line::of(runs.get(..1).unwrap_or_default(), "a", "get-hot");
        assert_eq!(once.map(|line| (line.runs, line.spread())), Some((1, None)));
        assert_eq!(Line::of(&runs, "b", "get-hot"), None);
    }

    #[test]
    fn ratios_are_to_the_best() {
        let get = workload("get-hot");
        let runs = [run("a", "get-hot", 1, 300.0), run("b", "get-hot", 1, 100.0), run("c", "get-hot", 1, 200.0)];
        let comparison = Comparison::of(&runs, &["a", "b", "c"], &get);
        assert_eq!(comparison.best(&["b", "c", "d"]), Some("c"));
        assert_eq!(comparison.ratio("a", "c"), Some(1.5));
        assert_eq!(comparison.ratio("a", "d"), None);
    }

    #[test]
    fn a_smaller_store_is_the_better_one() {
        let size = workload("size-json");
        let runs = [run("a", "size-json", 1, 100.0), run("b", "size-json", 1, 200.0)];
        let comparison = Comparison::of(&runs, &["a", "b"], &size);
        assert_eq!(comparison.best(&["a", "b"]), Some("a"));
        assert_eq!(comparison.ratio("a", "b"), Some(2.0));
    }

    #[test]
    fn a_workload_that_others_cannot_do_is_compared_with_what_stands_in() {
        let sql = workload("aggregate-sql");
        let runs = [
            run("a", "aggregate-sql", 1, 30.0),
            run("a", "aggregate-rows", 1, 3.0),
            run("b", "aggregate-rows", 1, 10.0),
        ];
        assert_eq!(Comparison::of(&runs, &["a", "b"], &sql).ratio("a", "b"), Some(3.0));
    }

    #[test]
    fn where_operations_arrive_the_slow_ones_count() {
        let paced = workload("paced-commit");
        let runs = [run("a", "paced-commit", 1, 400.0), run("b", "paced-commit", 1, 100.0)];
        assert_eq!(Comparison::of(&runs, &["a", "b"], &paced).ratio("a", "b"), Some(4.0));
    }

    #[test]
    fn drift_is_noticed_either_way() {
        assert!(drifted(100.0, 121.0) && drifted(121.0, 100.0));
        assert!(!drifted(100.0, 119.0) && !drifted(100.0, 85.0));
    }
}
