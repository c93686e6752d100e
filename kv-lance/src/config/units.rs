//! Sizes and durations as text.

use std::time::Duration;

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// Units in milliseconds. `ms` comes before `m` and `s`, which it would otherwise be taken for.
const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// A number of bytes, with or without a unit.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = SIZES.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    whole(number)?.checked_mul(*unit)
}

/// A number with a unit, or a bare 0.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (number, unit) = DURATIONS.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    whole(number)?.checked_mul(*unit).map(Duration::from_millis)
}

/// As [`size`] reads it, in the greatest unit that divides it.
pub(super) fn show_size(bytes: u64) -> String {
    match SIZES.iter().find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((suffix, unit)) => format!("{}{suffix}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// As [`duration`] reads it, in the greatest unit that divides it; what is finer than milliseconds, as `Debug` writes it.
pub(super) fn show_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0".into();
    }
    let ms = duration.as_millis();
    if Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)) != duration {
        return format!("{duration:?}");
    }
    let mut units = DURATIONS;
    units.sort_by_key(|(_, unit)| std::cmp::Reverse(*unit));
    match units.iter().find(|(_, unit)| ms.is_multiple_of(u128::from(*unit))) {
        Some((suffix, unit)) => format!("{}{suffix}", ms / u128::from(*unit)),
        None => format!("{ms}ms"),
    }
}

/// Digits and nothing else; `u64::from_str` would take a sign.
fn whole(digits: &str) -> Option<u64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [("0", 0), ("17", 17), ("8KiB", 8 << 10), ("3MiB", 3 << 20), ("1024GiB", 1 << 40)] {
            assert_eq!(size(text), Some(bytes), "{text}");
            assert_eq!(show_size(bytes), text);
        }
        for text in ["", "KiB", "-1", "+1", "1.5MiB", "1MB", "1 KiB", "1kib", "18446744073709551616", "17179869184GiB"]
        {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_shown() {
        for (text, ms) in
            [("0", 0), ("200ms", 200), ("90s", 90_000), ("30m", 1_800_000), ("5h", 18_000_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1.5h", "1 s", "1w", "1S", "99999999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for (text, shown) in [("60s", "1m"), ("90s", "90s"), ("24h", "1d"), ("1001ms", "1001ms"), ("0s", "0")] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Some(shown));
        }
        assert_eq!(show_duration(Duration::from_micros(1500)), "1.5ms");
    }
}
