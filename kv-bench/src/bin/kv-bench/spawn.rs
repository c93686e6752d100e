//! Starts workers, also under strace.

use crate::scarce::Group;
use kv_bench::worker::{Job, Measured};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What strace counts as a sync.
const SYNCS: &str = "fsync,fdatasync,msync,sync_file_range,syncfs";

/// Runs `job` in the worker `program`.
///
/// # Errors
/// A sentence for a person.
pub(crate) fn measure(program: &Path, job: &Job) -> Result<Measured, String> {
    // It ends with the worker.
    let group = job.memory_bytes.map(Group::new).transpose()?;
    let mut command = group.as_ref().map_or_else(|| Command::new(program), |group| group.command(program));
    command.args(["worker", &argument(job)?]);
    let output = run(&mut command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if let Some(signal) = output.status.signal() {
            return Err(format!("it was ended by signal {signal}"));
        }
        return Err(said.lines().rev().find(|line| !line.is_empty()).unwrap_or("it ended without a word").to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("the worker's answer cannot be read: {e}"))
}

/// Runs `job` under strace and counts the syncs; `None` where strace is not there or does not work.
pub(crate) fn syncs(program: &Path, job: &Job) -> Option<u64> {
    let log = tempfile::NamedTempFile::new().ok()?;
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-qq", "-e", &format!("trace={SYNCS}"), "-o"]).arg(log.path());
    command.arg(program).args(["worker", &argument(job).ok()?]);
    let output = run(&mut command).ok()?;
    let log = std::fs::read_to_string(log.path()).ok()?;
    output.status.success().then(|| begun(&log))
}

/// How many calls the log of strace holds: one that another thread interrupts stands in two lines, of which only the first
/// has its parenthesis.
fn begun(log: &str) -> u64 {
    let calls = log.lines().filter(|line| !line.contains("resumed>"));
    calls.filter(|line| SYNCS.split(',').any(|name| line.contains(&format!(" {name}(")))).count() as u64
}

fn argument(job: &Job) -> Result<String, String> {
    serde_json::to_string(job).map_err(|e| e.to_string())
}

fn run(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output();
    output.map_err(|e| format!("{} does not start: {e}", program.display()))
}
