//! The comparison: engines take turns in each workload of each run, each time in a process of its own.

use crate::{peers, report, spawn};
use clap::{Args, ValueEnum};
use kv_bench::dataset::Dataset;
use kv_bench::engine::{self, Engine};
use kv_bench::limits::Limits;
use kv_bench::machine::Machine;
use kv_bench::report::Input;
use kv_bench::results::{Results, Run};
use kv_bench::series::{Series, csv};
use kv_bench::summary::drifted;
use kv_bench::worker::Job;
use kv_bench::workload::{self, Kind, Memory, Options, Store, Workload};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where all bytes come from.
const SEED: u64 = 42;

/// The cache of each engine.
const CACHE_BYTES: u64 = 256 << 20;

/// The most commits under strace, of all clients together.
const TRACED: u64 = 200;

/// What `compare` is asked for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Less of everything: 200,000 rows, 2 runs, 0.4 s for a workload, no sustained ones.
    #[arg(long)]
    quick: bool,
    /// Only these engines.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// Only these workloads, and the loads they need; `ycsb-*` stands for all that begin so.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Rows of the main store [default: 2,000,000].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    rows: Option<u64>,
    /// Bytes of a value in the main store.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(16..=1 << 20))]
    value_size: u64,
    /// Numbers of clients of the durable commits.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64, 512], value_parser = clap::value_parser!(u32).range(1..=4096))]
    clients: Vec<u32>,
    /// Durability of loads, batches and YCSB [default: eventual].
    #[arg(long)]
    durability: Option<Durability>,
    /// How often everything is repeated, but for original and what takes minutes [default: 5].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: Option<u32>,
    /// Seconds for a workload; the sustained one takes 120 times as long [default: 1].
    #[arg(long)]
    seconds: Option<f64>,
    /// Seconds of the steady workload, which runs only where `--workloads` names it.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    steady_seconds: u32,
    /// The folder for results and, meanwhile, for the stores: it decides which disk is measured.
    #[arg(long, default_value = "kv-bench-results")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Durability {
    Immediate,
    Eventual,
}

impl Arguments {
    fn options(&self) -> Options {
        let durability = self.durability.map(|durability| match durability {
            Durability::Immediate => workload::Durability::Immediate,
            Durability::Eventual => workload::Durability::Eventual,
        });
        let mut clients = self.clients.clone();
        clients.sort_unstable();
        clients.dedup();
        Options { clients, durability, sustained: !self.quick, steady_seconds: self.steady_seconds }
    }

    fn rows(&self) -> u64 {
        self.rows.unwrap_or(if self.quick { 200_000 } else { 2_000_000 })
    }

    fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { 2 } else { 5 })
    }

    fn duration(&self) -> Result<Duration, String> {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.4 } else { 1.0 });
        let allowed = (0.01..=3600.0).contains(&seconds);
        allowed
            .then(|| Duration::from_secs_f64(seconds))
            .ok_or_else(|| format!("--seconds {seconds}: 0.01 to 3600 are allowed"))
    }
}

/// Compares.
pub(crate) fn compare(arguments: &Arguments) -> Result<(), String> {
    let started = Instant::now();
    let mut engines = engine::selected(&arguments.engines, cfg!(feature = "peers")).map_err(|e| e.to_string())?;
    let workloads = workload::selected(&arguments.options(), &arguments.workloads).map_err(|e| e.to_string())?;
    let duration = arguments.duration()?;
    let mut notes = Vec::new();
    let own = std::env::current_exe().map_err(|e| format!("this program cannot be found: {e}"))?;
    let mut programs = Programs { own, peers: None };
    if engines.iter().any(|engine| engine.peer) {
        let built = peers::build()?;
        if let Some((missing, why)) = built.missing {
            engines.retain(|engine| engine.name != missing);
            notes.push(format!("{missing} is not there: {why}"));
        }
        programs.peers = Some(built.program);
    }
    if cfg!(debug_assertions) {
        notes.push("this build is not optimised: its figures mean nothing".into());
    }
    let out = &arguments.out;
    let io = |what: &str, e: std::io::Error| format!("{what} {}: {e}", out.display());
    std::fs::create_dir_all(out).map_err(|e| io("cannot make", e))?;
    let machine = Machine::here(out);
    eprintln!("what the machine can do");
    let limits_before = Limits::probe(out).map_err(|e| io("cannot measure in", e))?;
    let mut bench = Bench {
        engines,
        workloads,
        programs,
        duration,
        rows: arguments.rows(),
        value_bytes: arguments.value_size as usize,
        runs: Vec::new(),
        series: Vec::new(),
        syncs: HashMap::new(),
        failed: HashSet::new(),
        notes,
    };
    let mut limits = limits_before;
    for run in 1..=arguments.runs() {
        let stores = tempfile::tempdir_in(out).map_err(|e| io("cannot make a folder in", e))?;
        bench.run(run, arguments.runs(), stores.path())?;
        drop(stores);
        let limits_after = Limits::probe(out).map_err(|e| io("cannot measure in", e))?;
        let (before, after) = (limits.fdatasync_us, limits_after.fdatasync_us);
        if drifted(before, after) {
            bench.notes.push(format!("run {run}: fdatasync drifted from {before:.0} to {after:.0} µs"));
        }
        limits = limits_after;
        // After each run, so that one that is broken off loses no more than itself.
        let (machine, runs, notes) = (machine.clone(), bench.runs.clone(), bench.notes.clone());
        let results = Results { machine, limits_before, limits_after, runs, notes };
        let (engines, workloads, series) = (&bench.engines, &bench.workloads, &bench.series);
        let input = Input { results: &results, engines, workloads, series };
        write(out, &input).map_err(|e| io("cannot write to", e))?;
    }
    eprintln!("{} after {} s", out.join("report.md").display(), started.elapsed().as_secs());
    Ok(())
}

fn write(out: &Path, input: &Input<'_>) -> std::io::Result<()> {
    std::fs::write(out.join("results.json"), serde_json::to_string_pretty(input.results)? + "\n")?;
    report::write(out, input)?;
    if !input.series.is_empty() {
        std::fs::write(out.join("steady.csv"), csv(input.series))?;
    }
    Ok(())
}

/// How many operations a commit counts for.
fn commit_size(workload: &Workload) -> u64 {
    if let Kind::Batch(size) = workload.kind { size } else { 1 }
}

/// Where engines are.
struct Programs {
    own: PathBuf,
    peers: Option<PathBuf>,
}

impl Programs {
    fn of(&self, engine: &Engine) -> &Path {
        self.peers.as_deref().filter(|_| engine.peer).unwrap_or(&self.own)
    }
}

struct Bench {
    engines: Vec<Engine>,
    workloads: Vec<Workload>,
    programs: Programs,
    duration: Duration,
    rows: u64,
    value_bytes: usize,
    runs: Vec<Run>,
    series: Vec<Series>,
    /// By engine and workload.
    syncs: HashMap<(&'static str, String), Option<u64>>,
    /// Engines and stores that nothing more can be asked of in this run.
    failed: HashSet<(&'static str, Store)>,
    notes: Vec<String>,
}

impl Bench {
    /// One repetition of everything, in fresh stores.
    fn run(&mut self, run: u32, of: u32, stores: &Path) -> Result<(), String> {
        self.failed.clear();
        let workloads = self.workloads.clone();
        for (number, workload) in workloads.iter().enumerate() {
            let mut engines = self.engines.clone();
            // Another engine begins each time.
            engines.rotate_left((run as usize + number) % self.engines.len().max(1));
            engines.retain(|engine| engine.runs_in(run, workload));
            engines.retain(|engine| !self.failed.contains(&(engine.name, workload.store)));
            for engine in &engines {
                eprint!(
                    "run {run}/{of}, {}/{}: {:<18} {:<10} ",
                    number + 1,
                    workloads.len(),
                    workload.name,
                    engine.name
                );
                match self.measure(run, workload, engine, stores) {
                    Ok(ops) => eprintln!("{ops:>12.0}/s"),
                    Err(why) => {
                        eprintln!("failed: {why}");
                        self.notes.push(format!("run {run}: {} failed in {}: {why}", engine.name, workload.name));
                        if workload.loads() {
                            self.failed.insert((engine.name, workload.store));
                        }
                    }
                }
            }
        }
        for done in &mut self.runs {
            let found =
                self.syncs.iter().find(|((engine, workload), _)| *engine == done.engine && *workload == done.workload);
            done.fsyncs = found.and_then(|(_, syncs)| *syncs);
        }
        Ok(())
    }

    fn measure(&mut self, run: u32, workload: &Workload, engine: &Engine, stores: &Path) -> Result<f64, String> {
        let job = self.job(workload, engine, stores);
        std::fs::create_dir_all(&job.dir).map_err(|e| format!("{}: {e}", job.dir.display()))?;
        let measured = spawn::measure(self.programs.of(engine), &job)?;
        if engine.native && workload.loads() {
            // Only there to fill the store: it goes through the trait.
            return Ok(measured.ops_per_s);
        }
        if !measured.seconds.is_empty() {
            let (engine, workload, seconds) = (engine.name.into(), workload.name.clone(), measured.seconds);
            self.series.push(Series { engine, workload, seconds });
        }
        let [p50_us, p99_us, p999_us] = measured.latencies_us;
        self.runs.push(Run {
            engine: engine.name.into(),
            isolation: engine.isolation.into(),
            workload: workload.name.clone(),
            rows: job.data.rows,
            value_bytes: job.data.value_bytes as u64,
            clients: workload.clients,
            durability: workload.durability.to_string(),
            run,
            ops_per_s: measured.ops_per_s,
            p50_us,
            p99_us,
            p999_us,
            bytes_written: measured.bytes_written,
            fsyncs: None,
            rss_mb: measured.rss_mb,
            cpu_s: measured.cpu_s,
            disk_bytes: measured.disk_bytes,
        });
        if run == 1 && workload.pace.is_none() && matches!(workload.kind, Kind::Commit | Kind::Batch(_)) {
            let each = (TRACED.min(measured.operations / commit_size(workload)) / u64::from(workload.clients)).max(1);
            let operations = each * u64::from(workload.clients) * commit_size(workload);
            let traced = Job { operations: Some(each), ..job };
            let syncs = spawn::syncs(self.programs.of(engine), &traced);
            let syncs = syncs.map(|syncs| (syncs as f64 * 1000.0 / operations as f64).round() as u64);
            self.syncs.insert((engine.name, workload.name.clone()), syncs);
        }
        Ok(measured.ops_per_s)
    }

    fn job(&self, workload: &Workload, engine: &Engine, stores: &Path) -> Job {
        let (shape, rows, value_bytes) = workload.store.contents(self.rows, self.value_bytes);
        let data = Dataset { shape, rows, value_bytes, seed: SEED };
        Job {
            engine: engine.name.into(),
            style: engine.clients,
            dir: stores.join(engine.name).join(workload.store.folder()),
            workload: workload.clone(),
            data,
            duration: self.duration,
            operations: None,
            cache_bytes: match workload.memory {
                Memory::Warm => CACHE_BYTES,
                Memory::Cold | Memory::Scarce => (data.bytes() / 10).max(1 << 20),
            },
            memory_bytes: (workload.memory == Memory::Scarce).then(|| data.bytes() / 3),
            native: engine.native,
            read_first: !engine.slow,
        }
    }
}
