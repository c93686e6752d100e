//! Few file handles: a store kept one for each of its runs, and after a thousand flushes it could neither flush nor be
//! compacted.

use crate::kv::{Kv, Ran};
use std::process::Command;

const ROWS: usize = 1600;

impl Kv {
    /// `kv` where a process may have `handles` files open.
    fn run_with_handles(&self, handles: u32, line: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {handles}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_kv")]);
        command
            .args(["--store", "store?memtable_bytes=1KiB&partition_bytes=1KiB&open_files=16"])
            .args(line.split_whitespace());
        command.current_dir(self.path("")).output().unwrap().into()
    }
}

#[test]
fn a_store_of_hundreds_of_runs_needs_few_handles() {
    let kv = Kv::new();
    let rows: String = (0..ROWS).map(|i| format!("{{\"key\":\"{i:06}\",\"val\":\"{}\"}}\n", "x".repeat(100))).collect();
    kv.file("rows.jsonl", rows);
    kv.run_with_handles(100, "import rows.jsonl --key key --batch 5").ok();
    let runs = kv.run("--json stat").json()["statistics"]["runs"].as_u64().unwrap();
    assert!(runs > 200, "{runs} runs");
    assert!(kv.run_with_handles(100, "get 000700").ok().len() > 100);
    assert_eq!(kv.run_with_handles(100, "count").ok().trim(), ROWS.to_string());
    kv.run_with_handles(100, "compact").ok();
    assert_eq!(kv.run_with_handles(100, "count").ok().trim(), ROWS.to_string());
}
