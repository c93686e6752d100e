//! Runs the sequences of a case, shrinks the first that fails and says how to run it again.

use super::op::Op;
use super::profile::Profile;
use super::{step, strategy};
use crate::backend::Backend;
use crate::case::{SEED, limited, mixed, progress, replay, seed};
use crate::fixture::{Failure, Verdict};
use crate::level::Level;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Sequences of each profile for every change.
const QUICK: u64 = 96;
/// Sequences of each profile before a release.
const FULL: u64 = 20_000;
/// Sequences of each profile where one lets it run.
const SOAK: u64 = 1_000_000;

/// A shrink that has found no end by now is good enough, in milliseconds.
const MAX_SHRINK_MS: u32 = 120_000;

/// Characters of a step that a report shows.
const MOST_SHOWN: usize = 120;

/// Runs as many sequences as the level and the backend say, or the one of `KV_CONFORMANCE_SEED`.
pub(super) fn sequences(backend: Backend, title: &str, level: Level, profile: &'static Profile) -> Verdict {
    if let Ok(seed) = std::env::var(SEED) {
        let seed = seed.parse().map_err(|_| Failure::new(format!("{SEED} is '{seed}'; it is a number")))?;
        return one(&backend, title, profile, seed);
    }
    let count = match level {
        Level::Quick => QUICK,
        Level::Full => FULL,
        Level::Soak => SOAK,
    };
    let count = ((count as f64 * backend.sequences).ceil() as u64).max(1);
    (0..count).try_for_each(|n| {
        progress(title, format!("sequence {} of {count}", n + 1));
        one(&backend, title, profile, mixed(seed(level).wrapping_add(n)))
    })
}

fn one(backend: &Backend, title: &str, profile: &'static Profile, seed: u64) -> Verdict {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: 5_000,
        max_shrink_time: MAX_SHRINK_MS,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&strategy::sequence(profile), |ops| {
        let (owned, limit) = (backend.clone(), backend.timeout);
        limited(limit, async move { step::run(&owned, &ops).await })
            .map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, ops)) => Err(Failure::new(report(title, seed, reason.message(), &ops))),
        Err(TestError::Abort(reason)) => Err(Failure::new(format!("seed {seed}: {reason}"))),
    }
}

/// Keys of any length are in a step.
fn cut(step: String) -> String {
    match step.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &step[..end], step.chars().count()),
        None => step,
    }
}

fn report(title: &str, seed: u64, reason: &str, ops: &[Op]) -> String {
    let steps: Vec<String> =
        ops.iter().enumerate().map(|(n, op)| format!("  {n:>3}  {}", cut(format!("{op:?}")))).collect();
    format!(
        "{reason}\nthe sequence, shrunk to {} steps:\n{}\n{}",
        ops.len(),
        steps.join("\n"),
        replay(&format!("{SEED}={seed} "), title)
    )
}
