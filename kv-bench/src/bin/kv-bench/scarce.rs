//! A control group of Linux: the worker in it, and the page cache that it fills, have so much memory and no more.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where control groups of memory may be, and the file that limits one.
const HIERARCHIES: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// A group, which is taken away when this is dropped; it has to be empty by then.
pub(crate) struct Group {
    path: PathBuf,
}

impl Group {
    /// A group of this much memory.
    ///
    /// # Errors
    /// A sentence for a person, where the system has no control groups or this user may not make one.
    pub(crate) fn new(bytes: u64) -> Result<Self, String> {
        let mut why = String::from("this system has no control groups of memory");
        for (hierarchy, limit) in HIERARCHIES {
            if !Path::new(hierarchy).join("cgroup.procs").exists() {
                continue;
            }
            let path = Path::new(hierarchy).join(format!("kv-bench-{}", std::process::id()));
            let made = std::fs::create_dir(&path).and_then(|()| {
                let group = Self { path: path.clone() };
                std::fs::write(group.path.join(limit), bytes.to_string()).map(|()| group)
            });
            match made {
                Ok(group) => return Ok(group),
                Err(e) => why = format!("memory cannot be limited: {}: {e}", path.display()),
            }
        }
        Err(why)
    }

    /// `program`, in this group from its first moment; arguments come after.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]).arg(&self.path).arg(program);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir(&self.path) {
            eprintln!("{} is left behind: {e}", self.path.display());
        }
    }
}
