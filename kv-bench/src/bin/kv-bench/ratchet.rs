//! Instruction counts under valgrind: they are the same on a busy machine, so that a change of some percent shows.

mod slice;

pub(crate) use slice::{Slice, run};

use clap::Args;
use serde::{Deserialize, Serialize};
use slice::What;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// By how much a count may be greater than the committed one.
const TOLERANCE: f64 = 0.05;

/// What `ratchet` is asked for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Replace the committed figures by the new ones.
    #[arg(long)]
    write: bool,
    /// Add the figures that are not committed yet, and leave the others as they are.
    #[arg(long, conflicts_with = "write")]
    add: bool,
    /// The committed figures.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/ratchet.json"))]
    file: PathBuf,
}

/// The file of committed figures.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// Instructions by operation.
    instructions: BTreeMap<String, f64>,
}

/// Counts, and compares or writes.
pub(crate) fn ratchet(arguments: &Arguments) -> std::result::Result<(), String> {
    if cfg!(debug_assertions) {
        return Err("instructions are counted in an optimised build: make bench-ratchet".into());
    }
    let mut found = Figures::default();
    for what in What::ALL {
        eprintln!("counting {}", what.name());
        // What both slices have in common cancels out.
        let (longer, shorter) = what.slices();
        let more = instructions(what, longer)?;
        let less = instructions(what, shorter)?;
        let each = more.saturating_sub(less) as f64 / ((longer - shorter) * what.divisor()) as f64;
        found.instructions.insert(what.name().into(), each.round());
    }
    if arguments.write {
        return write(arguments, &found);
    }
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|e| format!("{}: {e}; `kv-bench ratchet --write` makes it", arguments.file.display()))?;
    let committed: Figures = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", arguments.file.display()))?;
    let (mut worse, mut missing) = (Vec::new(), Vec::new());
    for (name, now) in &found.instructions {
        let Some(before) = committed.instructions.get(name) else {
            println!("{name:<14} {now:>10} instructions, not committed");
            missing.push(name.as_str());
            continue;
        };
        let change = now / before - 1.0;
        println!("{name:<14} {now:>10} instructions, {before:>10} committed, {:+.1}%", change * 100.0);
        if change > TOLERANCE {
            worse.push(name.as_str());
        }
    }
    if !worse.is_empty() {
        let worse = worse.join(", ");
        return Err(format!("more instructions than committed, by over {:.0}%: {worse}", TOLERANCE * 100.0));
    }
    match (missing.is_empty(), arguments.add) {
        (true, _) => Ok(()),
        (false, true) => {
            found.instructions.extend(committed.instructions);
            write(arguments, &found)
        }
        (false, false) => {
            let file = arguments.file.display();
            Err(format!("{file} has no figure for {}; `kv-bench ratchet --add` adds it", missing.join(", ")))
        }
    }
}

fn write(arguments: &Arguments, figures: &Figures) -> std::result::Result<(), String> {
    let text = serde_json::to_string_pretty(figures).map_err(|e| e.to_string())? + "\n";
    std::fs::write(&arguments.file, text).map_err(|e| format!("{}: {e}", arguments.file.display()))
}

/// How many instructions a process with this slice takes.
fn instructions(what: What, operations: u64) -> std::result::Result<u64, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    command.args(["slice", what.name(), &operations.to_string()]).stdin(Stdio::null());
    let output = command.output().map_err(|e| format!("valgrind does not start, is it installed? {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind failed: {}", said.lines().last().unwrap_or_default()));
    }
    let count = said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim().parse());
    count
        .and_then(std::result::Result::ok)
        .ok_or_else(|| "valgrind did not say how many instructions there were".into())
}
