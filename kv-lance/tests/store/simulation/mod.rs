//! Simulated lives of a store: what is done, when background work goes on, which operation fails and where the power is
//! lost follows from a seed.
//!
//! The real store runs with its own threads. They wait at each operation on the files until the schedule lets one of them
//! go on, so that flushes, compactions and the foreground interleave as the seed says; only what threads do between two
//! such operations is theirs. Each seed needs a process in which nothing else runs: the test starts itself once more.
//!
//! `KV_LANCE_SIMULATIONS` says how many seeds there are (default = 5), `KV_LANCE_SIMULATION_SEED` which is the first,
//! `KV_LANCE_SIMULATION_STEPS` how many steps each has. `KV_LANCE_SIMULATION_TRACE` prints every operation.

mod gate;
mod threads;
mod world;

use kv_conformance::simulation::{Tally, simulate};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use world::LanceWorld;

const SEEDS: &str = "KV_LANCE_SIMULATIONS";
const FIRST: &str = "KV_LANCE_SIMULATION_SEED";
const STEPS: &str = "KV_LANCE_SIMULATION_STEPS";
/// Of the process that simulates: a kind of sync to leave out, or nothing.
const LIE: &str = "KV_LANCE_SIMULATION_LIE";

/// So many seeds have a process, which keeps some threads of each store.
const SEEDS_OF_A_PROCESS: u64 = 20;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// How a seed went, and a number that stands for all that happened.
fn simulated(seed: u64, lie: Option<&str>) -> (Result<Tally, String>, u64) {
    let world = LanceWorld::new(seed, lie);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let steps = number(STEPS, 150) as usize;
    let outcome = runtime.block_on(async {
        let mut simulation = std::pin::pin!(simulate(&world, seed, steps));
        let mut idle = Duration::ZERO;
        loop {
            if let std::task::Poll::Ready(outcome) = futures::poll!(&mut simulation) {
                break outcome;
            }
            world.gate.wait(&mut idle);
            // What is polled again and again without that is taken for greedy.
            tokio::task::yield_now().await;
        }
    });
    let trace = world.gate.trace();
    // What is left of it ends by itself.
    world.gate.set_open(true);
    world.gate.end();
    let outcome = outcome.map_err(|what| {
        let losses = world.losses().join("\n  ");
        format!("{what}\nlosses of power:\n  {losses}\nits files: {}", world.keep().display())
    });
    (outcome, trace)
}

/// Runs so many seeds in processes of their own; what they printed, and whether all went well.
fn simulate_apart(first: u64, seeds: u64, lie: Option<&str>) -> (String, bool) {
    let test = "simulation::seeds_of_a_process";
    let (mut printed, mut well) = (String::new(), true);
    for first in (first..first + seeds).step_by(SEEDS_OF_A_PROCESS as usize) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).stdin(Stdio::null());
        child.env(FIRST, first.to_string()).env(SEEDS, seeds.min(SEEDS_OF_A_PROCESS).to_string());
        match lie {
            Some(lie) => child.env(LIE, lie),
            None => child.env_remove(LIE),
        };
        let ended = child.output().unwrap();
        let out = String::from_utf8_lossy(&ended.stdout);
        // The first comes behind the name of the test.
        let told = out.lines().filter_map(|line| line.find("seed ").and_then(|at| line.get(at..)));
        printed.extend(told.map(|line| format!("{line}\n")));
        if !ended.status.success() {
            printed.push_str(&out);
            printed.push_str(&String::from_utf8_lossy(&ended.stderr));
            well = false;
        }
    }
    (printed, well)
}

#[test]
fn what_a_seed_decides_leaves_the_store_right() {
    let (printed, well) = simulate_apart(number(FIRST, 0), number(SEEDS, 5), None);
    assert!(well, "{printed}");
    eprint!("{printed}");
}

/// One run of the same seed is as another: its steps, and what became of them. The hash of all operations on files may differ
/// by the order of two that nothing tells apart.
#[test]
fn a_seed_decides_what_happens() {
    let runs = [0, 1].map(|_| simulate_apart(3, 1, None).0);
    let happened = |run: &str| run.strip_prefix("seed 3: ").and_then(|run| Some(run.split_once(", ")?.1.to_owned()));
    assert!(happened(&runs[0]).is_some(), "{}", runs[0]);
    assert_eq!(happened(&runs[0]), happened(&runs[1]));
}

/// Without the sync of what has been committed, commits are lost; without that of runs, runs are.
#[test]
fn a_sync_that_is_left_out_is_noticed() {
    for lie in ["sync_data *.log", "sync_all *.lance"] {
        let (printed, well) = simulate_apart(0, 3, Some(lie));
        let noticed = ["commits were acknowledged", "is not sound", "does not open"];
        assert!(!well && noticed.iter().any(|what| printed.contains(what)), "{lie}: {printed}");
    }
}

#[test]
#[ignore = "is started by the others, in a process of its own"]
fn seeds_of_a_process() {
    let lie = std::env::var(LIE).ok();
    let mut all = Tally::default();
    for seed in (number(FIRST, 0)..).take(number(SEEDS, 1) as usize) {
        let began = Instant::now();
        let (outcome, trace) = simulated(seed, lie.as_deref());
        let tally = outcome.unwrap_or_else(|what| panic!("{what}"));
        println!("seed {seed}: {trace:016x}, {tally}");
        eprintln!("seed {seed} took {:?}", began.elapsed());
        all += tally;
    }
    eprintln!("{all}");
}
