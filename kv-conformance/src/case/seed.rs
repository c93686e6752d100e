//! What the random parts of a run start from.

use crate::level::Level;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Replays one sequence of the property suite.
pub(crate) const SEED: &str = "KV_CONFORMANCE_SEED";

/// The seed of this run. A gate must say the same of the same code; a long run must not look at the same sequences again.
pub(crate) fn seed(level: Level) -> u64 {
    static DRAWN: OnceLock<u64> = OnceLock::new();
    match level {
        Level::Quick => 0,
        // 53 bits are what every reader of JSON keeps.
        Level::Full | Level::Soak => *DRAWN.get_or_init(|| mixed(now()) >> 11),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// Spreads neighbouring numbers over all (the finaliser of splitmix64).
pub(crate) fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
