//! How fast SurrealQL is on kv-lance and on SurrealDB's own backends, in one process and with one
//! durability:
//!
//! ```sh
//! cargo run --release --features cli,core,mem,surrealkv,rocksdb --example speed -- --out speed
//! ```
//!
//! Prints a Markdown table and writes it, with a plot, into the folder of `--out`. An engine that
//! is not compiled in is left out.

// What an optimised build of SurrealDB's futures asks for.
#![recursion_limit = "256"]

mod client;
mod engine;
mod measure;
mod plot;
mod report;
mod workload;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use engine::{Engine, Sync};
use measure::Measured;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use workload::{Data, Workload};

type Outcome<T> = Result<T, Box<dyn Error + Send + std::marker::Sync>>;

/// Compares SurrealQL on kv-lance with SurrealDB's own backends.
#[derive(Debug, Parser)]
struct Args {
    /// How many items there are before anything is measured, and half as many edges.
    #[arg(long, default_value_t = 100_000)]
    rows: usize,

    /// How long each workload runs, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,

    /// Numbers of clients, each of which sends one request after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64], value_parser = at_least_one())]
    clients: Vec<usize>,

    /// How often all is measured, with the engines in another order each time; medians are shown.
    #[arg(long, default_value_t = 3, value_parser = at_least_one())]
    runs: usize,

    /// When commits reach the medium, for every engine on disk.
    #[arg(long, value_enum, default_value = "every")]
    sync: Sync,

    /// Only these engines, as they are called in the table.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,

    /// Where the stores are while they are measured. Choose a folder on the disk that matters.
    #[arg(long, default_value = ".")]
    dir: PathBuf,

    /// The folder for speed.md and speed.svg.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args = Args::parse();
    let mut engines = Engine::compiled_in();
    if let Some(unknown) = args.engines.iter().find(|name| engines.iter().all(|engine| engine.name != **name)) {
        let names: Vec<_> = engines.iter().map(|engine| engine.name).collect();
        return Err(format!("--engines {unknown}: these are compiled in: {}", names.join(", ")).into());
    }
    engines.retain(|engine| args.engines.is_empty() || args.engines.iter().any(|name| name == engine.name));
    let length = Duration::try_from_secs_f64(args.seconds).map_err(|e| format!("--seconds: {e}"))?;
    let mut all = Vec::new();
    for run in 0..args.runs {
        for &engine in engines.iter().cycle().skip(run).take(engines.len()) {
            eprintln!("run {} of {}: {}", run + 1, args.runs, engine.name);
            all.extend(one(&args, engine, length).await?);
        }
    }
    let report = report::markdown(&args, &engines, &all);
    println!("{report}");
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out)?;
        std::fs::write(out.join("speed.md"), report)?;
        if let Some(plot) = plot::throughput(&engines, &report::rows(&args, &engines, &all)) {
            std::fs::write(out.join("speed.svg"), plot)?;
        }
    }
    Ok(())
}

/// Every workload with every number of clients, on a new store of `engine`.
async fn one(args: &Args, engine: Engine, length: Duration) -> Outcome<Vec<Measured>> {
    let folder = tempfile::Builder::new().prefix("speed-").tempdir_in(&args.dir)?;
    let db = engine.open(folder.path(), args.sync).await?;
    let data = Data { rows: args.rows.max(100) };
    db.load(data).await?;
    let mut measured = Vec::new();
    for &workload in Workload::ALL {
        for &clients in &args.clients {
            let figures = measure::run(&db, workload, data, clients, length).await?;
            eprintln!("  {:<16} {clients:>3} clients {:>10.0}/s", workload.name(), figures.per_second);
            measured.push(Measured { engine: engine.name, workload, clients, figures });
        }
    }
    db.close().await?;
    Ok(measured)
}
