//! The worker with the other engines. It is a workspace of its own, built when it is needed: engines share no build with
//! Lance, so that neither changes how the other's dependencies are compiled.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The worker, and which of the peers it lacks.
pub(crate) struct Peers {
    /// The program.
    pub(crate) program: PathBuf,
    /// Engines that could not be built, and why.
    pub(crate) missing: Option<(&'static str, String)>,
}

/// Builds the worker: with RocksDB where that can be built, as it needs a C++ compiler and libclang.
///
/// # Errors
/// A sentence for a person.
pub(crate) fn build() -> Result<Peers, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers-worker");
    eprintln!("building the other engines, which takes some minutes the first time");
    match cargo(&folder, &["--features", "rocksdb"]) {
        Ok(program) => Ok(Peers { program, missing: None }),
        Err(why) => {
            eprintln!("RocksDB is left out, for it could not be built: {why}");
            let program = cargo(&folder, &[]).map_err(|e| format!("the other engines could not be built: {e}"))?;
            Ok(Peers { program, missing: Some(("rocksdb", why)) })
        }
    }
}

fn cargo(folder: &Path, arguments: &[&str]) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target).join("peers-worker"),
        None => folder.join("../../target/peers-worker"),
    };
    command.current_dir(folder).args(["build", "--release"]).args(arguments);
    let status = command.env("CARGO_TARGET_DIR", &target).status().map_err(|e| format!("cargo does not start: {e}"))?;
    match status.success() {
        true => Ok(target.join("release/peers-worker")),
        false => Err("cargo build failed".into()),
    }
}
