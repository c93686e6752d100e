//! Runs a target of `fuzz/` without a fuzzer: over its seeds, its corpus, and mutations of both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

/// Mutations of each input.
const MUTATIONS: u64 = 200;

/// Has `decode` take what is known to lead far, and thousands of inputs that are beside it. `KV_LANCE_SEEDS` names a folder
/// to write the seeds to, where a fuzzer begins with them.
pub(crate) fn run(target: &str, seeds: &[Vec<u8>], decode: fn(&[u8])) {
    if let Some(dir) = std::env::var_os("KV_LANCE_SEEDS") {
        let dir = Path::new(&dir).join(target);
        std::fs::create_dir_all(&dir).unwrap();
        seeds.iter().enumerate().for_each(|(n, seed)| std::fs::write(dir.join(format!("seed-{n}")), seed).unwrap());
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let corpus = std::fs::read_dir(&corpus).unwrap_or_else(|e| panic!("{}: {e}", corpus.display()));
    let mut inputs: Vec<Vec<u8>> = corpus.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    inputs.extend_from_slice(seeds);
    let before = peak();
    for (number, input) in (0..).zip(&inputs) {
        decode(input);
        for round in 0..MUTATIONS {
            decode(&mutated(input, number * MUTATIONS + round));
        }
    }
    // Of the whole process, in which other tests run: a length that is believed asks for more than all of them.
    let grown = peak().saturating_sub(before) >> 10;
    assert!(grown < 2048, "{grown} MiB of memory were asked for");
}

/// An input with a few changes, which follow from a number.
fn mutated(input: &[u8], number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 29)) % limit.max(1) as u64) as usize
    };
    let mut bytes = input.to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let end = (at + 1 + below(8)).min(bytes.len());
        match below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, [below(256) as u8, below(256) as u8])),
            2 => drop(bytes.drain(at.min(end)..end)),
            // Numbers at their limits, where lengths are.
            3 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
            4 => bytes.iter_mut().skip(at).take(1 + below(8)).for_each(|byte| *byte = 0),
            5 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = below(256) as u8),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << below(8)),
        }
    }
    bytes
}

/// The most address space that the process has had, in KiB, where the system says so.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}
