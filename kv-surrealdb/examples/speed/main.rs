//! How fast SurrealQL is on kv-lance and on SurrealDB's own backends, in one process and with one
//! durability:
//!
//! ```sh
//! cargo run --release --features cli,core,mem,surrealkv,rocksdb --example speed -- --out speed
//! ```
//!
//! All engines are open at the same time and take turns, for a second each by default, so that
//! what else the machine does meets all of them. Prints a Markdown table and writes it, with a plot,
//! into the folder of `--out`. An engine that is not compiled in is left out.

// What an optimised build of SurrealDB's futures asks for.
#![recursion_limit = "256"]

mod client;
#[path = "../../../kv-bench/src/cpu.rs"]
mod cpu;
mod engine;
mod measure;
mod plot;
mod report;
mod workload;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use client::Client;
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

    /// How long a turn takes, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,

    /// Numbers of clients, each of which sends one request after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64], value_parser = at_least_one())]
    clients: Vec<usize>,

    /// How many turns each engine has with each workload and number of clients; medians are shown.
    #[arg(long, default_value_t = 7, value_parser = at_least_one())]
    rounds: usize,

    /// When commits reach the medium, for every engine on disk.
    #[arg(long, value_enum, default_value = "every")]
    sync: Sync,

    /// Only these engines, as they are called in the table.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,

    /// Only these workloads.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Workload::value_variants().iter().copied())]
    workloads: Vec<Workload>,

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
    let data = Data { rows: args.rows.max(100) };
    let mut opened = Vec::new();
    for &engine in &engines {
        eprintln!("loading {}", engine.name);
        opened.push(Opened::new(&args, engine, data).await?);
    }
    let mut all = Vec::new();
    for &workload in &args.workloads {
        for &clients in &args.clients {
            eprintln!("{}, {clients} clients", workload.name());
            for round in 0..args.rounds {
                for Opened { engine, db, .. } in opened.iter().cycle().skip(round).take(opened.len()) {
                    let figures = measure::turn(db, workload, data, clients, round, length).await?;
                    all.push(Measured { engine: engine.name, workload, clients, round, figures });
                }
            }
        }
    }
    for Opened { db, .. } in opened {
        db.close().await?;
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

/// A database with data in it, in a folder that is removed with it.
struct Opened {
    engine: Engine,
    db: Client,
    _folder: tempfile::TempDir,
}

impl Opened {
    async fn new(args: &Args, engine: Engine, data: Data) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("speed-").tempdir_in(&args.dir)?;
        let db = engine.open(folder.path(), args.sync).await?;
        db.load(data).await?;
        measure::settle().await;
        Ok(Self { engine, db, _folder: folder })
    }
}
