//! The processor time that this process has used, as Linux tells it.

/// Clock ticks of `/proc/self/stat` in a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds since the start of the process, user and system, of all its threads; `None` where the system does not tell.
pub(crate) fn seconds() -> Option<f64> {
    of(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn of(stat: &str) -> Option<f64> {
    // The name of the command, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<u64>() as f64 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_of_user_and_system_are_read_as_the_system_writes_them() {
        assert_eq!(of("1 (a b) c) S 0 1 1 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0"), Some(2.0));
        assert_eq!(of(""), None);
        assert!(seconds().is_some());
    }
}
