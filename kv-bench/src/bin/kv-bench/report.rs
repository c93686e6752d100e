//! The report and the plots, also anew from results that are there.

use clap::Args;
use kv_bench::engine::ENGINES;
use kv_bench::report::{Input, markdown, plots};
use kv_bench::results::Results;
use kv_bench::workload::{Options, table};
use std::path::{Path, PathBuf};

/// What `report` is asked for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder with results.json.
    dir: PathBuf,
}

/// Draws the report of results anew. What was looked at second by second is not in them: its plot stays as it is.
pub(crate) fn report(arguments: &Arguments) -> Result<(), String> {
    let dir = &arguments.dir;
    let file = dir.join("results.json");
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let text = std::fs::read_to_string(&file).map_err(|e| failed(&e))?;
    let results: Results = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    let ran = |name: &str, of: fn(&kv_bench::results::Run) -> &str| results.runs.iter().any(|run| of(run) == name);
    let mut clients: Vec<u32> = results.runs.iter().map(|run| run.clients).collect();
    clients.sort_unstable();
    clients.dedup();
    let options = Options { clients, durability: None, sustained: true, steady_seconds: 600 };
    let engines: Vec<_> = ENGINES.iter().filter(|engine| ran(engine.name, |run| &run.engine)).copied().collect();
    let workloads: Vec<_> = table(&options).into_iter().filter(|w| ran(&w.name, |run| &run.workload)).collect();
    let input = Input { results: &results, engines: &engines, workloads: &workloads, series: &[] };
    write(dir, &input).map_err(|e| format!("cannot write to {}: {e}", dir.display()))
}

/// Writes `report.md` and the plots.
pub(crate) fn write(out: &Path, input: &Input<'_>) -> std::io::Result<()> {
    std::fs::write(out.join("report.md"), markdown(input))?;
    for (name, plot) in plots(input) {
        std::fs::write(out.join(name), plot)?;
    }
    Ok(())
}
