//! Where rows go that are for another program: a new file, or the standard output.

use crate::output::Output;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file goes again where it is not written to its [end](Self::end).
pub(crate) struct Target<'a> {
    path: &'a Path,
    to: To<'a>,
    complete: bool,
}

enum To<'a> {
    File(BufWriter<File>),
    Output(&'a mut Output),
}

pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl<'a> Target<'a> {
    /// The file at `path`, which must not be there yet; for `-` the standard output.
    pub(crate) fn create(path: &'a Path, out: &'a mut Output) -> io::Result<Self> {
        let to = if is_stdout(path) {
            To::Output(out)
        } else {
            // As private as the store that the rows are from.
            To::File(BufWriter::new(File::options().write(true).create_new(true).mode(0o600).open(path)?))
        };
        Ok(Self { path, to, complete: false })
    }

    /// The rows are to be there whatever happens from here on.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        if let To::File(file) = &self.to {
            file.get_ref().sync_all()?;
            let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        self.complete = true;
        Ok(())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if let (To::File(_), false) = (&self.to, self.complete)
            && let Err(e) = fs::remove_file(self.path)
        {
            // There is nowhere left to say that even this failed.
            let _ = writeln!(io::stderr(), "kv: {} is left behind, incomplete: {e}", self.path.display());
        }
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::File(file) => file.write(bytes),
            To::Output(out) => out.raw(bytes).map(|()| bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Output(out) => out.flush(),
        }
    }
}
