//! How thorough a run is.

/// Taken from `KV_CONFORMANCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Some minutes at most: for every change. Its random sequences are the same every time.
    #[default]
    Quick,
    /// Some ten minutes, with random sequences of its own every time.
    Full,
    /// As long as one lets it run.
    Soak,
}

impl Level {
    /// Reads `KV_CONFORMANCE`; unset is [`Level::Quick`].
    ///
    /// # Errors
    /// What is wrong with the variable.
    pub fn from_env() -> Result<Self, String> {
        match std::env::var("KV_CONFORMANCE").as_deref() {
            Err(_) | Ok("quick") => Ok(Self::Quick),
            Ok("full") => Ok(Self::Full),
            Ok("soak") => Ok(Self::Soak),
            Ok(other) => Err(format!("KV_CONFORMANCE is '{other}'; it can be quick, full or soak")),
        }
    }

    /// As `KV_CONFORMANCE` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Soak => "soak",
        }
    }
}
