//! How to make a failure happen again.

/// What every failure ends with.
pub(crate) const REPLAY: &str = "to replay: ";

/// The line that replays a case; `variables` go before the command.
pub(crate) fn replay(variables: &str, title: &str) -> String {
    let program = std::env::current_exe().map_or_else(|_| "<this test>".into(), |path| path.display().to_string());
    format!("{REPLAY}{variables}{program} --exact {title}")
}
